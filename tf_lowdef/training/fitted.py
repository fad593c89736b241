"""What ``fit`` is given, looked at before the first step."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from itertools import islice
from types import GeneratorType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.attacks.result import WHITE
from tf_lowdef.models.adapter import range_is_said
from tf_lowdef.models.doubts import range_doubt
from tf_lowdef.training.losses import INDICES, ONE_HOT

_CURES = {
    INDICES: "class indices, shape (n,): pass them, or take losses.CategoricalCrossentropy",
    ONE_HOT: "one-hot labels: keras.utils.to_categorical makes them; or take losses.SparseCategoricalCrossentropy",
}


def check_data(x: Any, y: Any, classes: int, form: str | None = None, name: str = "x") -> Any:
    """Return `x`, where its first images are pixels in [0, 255] and every label that was looked at has a class.

    Args:
        x: What ``fit`` takes. A generator comes back as another, which gives all that this one had to give.
        y: The same.
        classes: How many the classifier tells apart.
        form: What labels the loss takes, `INDICES` or `ONE_HOT`; None where that is not known.
        name: Of the argument.

    Raises:
        ValueError: They are not, or it has none, or labels are of the other form.
    """
    images, labels, x = _first(x, y)
    if images is not None:
        check_pixels(name, np.asarray(images))
    if labels is not None:
        _check_labels("y" if y is not None and name == "x" else name, np.asarray(labels), classes, form)
    return x


def check_validation(data: Any, classes: int, form: str | None) -> Any:
    """Return what ``fit`` takes as `validation_data`, after the same look at it; see `check_data`."""
    name = "validation_data"
    if isinstance(data, tuple | list) and len(data) > 1:
        check_data(data[0], data[1], classes, form, name)
        return data
    return check_data(data, None, classes, form, name)


def _first(x: Any, y: Any) -> tuple[Any, Any, Any]:
    """Return images and labels to look at, None where there is nothing to look at, and what to take in place of `x`."""
    if y is not None and isinstance(x, np.ndarray | tf.Tensor | list):
        return x[:256], y, x
    if isinstance(x, tf.data.Dataset):
        element = next(iter(x.take(1)), None)
    elif isinstance(x, keras.utils.PyDataset):
        element = x[0] if len(x) else None
    elif isinstance(x, GeneratorType):
        first = list(islice(x, 1))
        element, x = first[0] if first else None, _chained(first, x)
    else:
        element = None
    images, labels = element[:2] if isinstance(element, tuple) and len(element) > 1 else (None, None)
    return images, labels, x


def _chained(first: list[Any], others: Iterator[Any]) -> Iterator[Any]:
    """Yield what was looked at, and the rest; ``itertools.chain`` is no generator to Keras."""
    yield from first
    yield from others


def check_pixels(name: str, images: Any) -> None:
    """Raise ValueError where images seem to be no pixels in [0, 255].

    Args:
        name: Of the argument.
        images: An array of any type.
    """
    if not images.size or images.dtype.kind not in "fiu":
        return
    low, high = float(images.min()), float(images.max())
    if np.isnan(images).any() if images.dtype.kind == "f" else False:
        raise ValueError(f"`{name}` must hold pixels in [0, 255]. Received: NaN")
    if images.dtype.kind == "f" and (low < 0 or high > WHITE or (high <= 1 and len(images) > 1)):
        raise ValueError(
            f"`{name}` must hold pixels in [0, 255], whatever range the model takes: it is what "
            f"`input_range` is for. Received: values from {low:.3g} to {high:.3g}"
        )


def _check_labels(name: str, labels: Any, classes: int, form: str | None) -> None:
    found = ONE_HOT if labels.ndim == 2 and labels.shape[1] != 1 else INDICES
    if found == ONE_HOT and labels.shape[1] != classes:
        raise ValueError(f"The classifier has {classes} classes. Received: `{name}` with labels of {labels.shape[1]}")
    if form is not None and form != found:
        raise ValueError(
            f"The loss takes {_CURES[form]}(from_logits=True). Received: `{name}` with labels of shape {labels.shape}"
        )
    if (
        found == INDICES
        and labels.size
        and (labels.min() < 0 or labels.max() >= classes or (labels != np.floor(labels)).any())
    ):
        raise ValueError(
            f"The labels of `{name}` must be whole numbers from 0 to {classes - 1}. "
            f"Received: values from {labels.min()} to {labels.max()}"
        )


def warn_of_range(classifier: Any) -> None:
    """Say where nothing tells what a classifier takes pixels as: in training any range looks alike."""
    doubt = None if range_is_said(classifier) else range_doubt(classifier)
    if doubt is not None:
        warnings.warn(doubt, UserWarning, stacklevel=3)


def as_indices(labels: Any) -> Any:
    """Return labels, class indices of shape (n,) or (n, 1), or one a class, as int64 indices (n,)."""
    labels = tf.convert_to_tensor(labels)
    if labels.shape.rank == 2 and labels.shape[-1] != 1:
        return tf.argmax(labels, axis=-1)
    return tf.cast(tf.reshape(labels, [-1]), tf.int64)
