"""What an attack accepts: images, labels, numbers. Every refusal names the argument and what was received."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

WHITE = 255.0
"""The highest grey level of 8 bits."""

SMALLEST_EPSILON = 0.5
"""The least bound in grey levels that is taken for what it says."""


def check_images(images: Any) -> Pixels:
    """Return `images` as uint8 pixels; floats are rounded half to even, as a defence would.

    Args:
        images: uint8, or floats in [0, 255]; shape (n, height, width, 3).

    Raises:
        TypeError: The dtype is neither uint8 nor floating.
        ValueError: The shape is another, or a value is not finite or outside [0, 255].
    """
    array: npt.NDArray[Any] = np.asarray(images)
    if array.ndim != 4 or array.shape[3] != 3 or 0 in array.shape[1:]:
        raise ValueError(f"`images` must have the shape (n, height, width, 3). Received: shape={array.shape}")
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"`images` must be uint8 or floating. Received: dtype={array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError("`images` must be finite. Received: NaN or infinity")
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"`images` must lie in [0, 255]. Received: values from {array.min()} to {array.max()}")
    rounded: Pixels = np.rint(array).astype(np.uint8)
    return rounded


def check_labels(labels: Any, count: int) -> Labels:
    """Return `labels` as int64, one for each of `count` images.

    Raises:
        TypeError: The labels are not integers.
        ValueError: Their shape is not (count,).
    """
    array = np.asarray(labels)
    if array.shape != (count,):
        raise ValueError(
            f"`labels` must have the shape ({count},), one label an image. Received: shape={array.shape}"
            + (" (one-hot labels? pass their argmax)" if array.ndim == 2 else "")
        )
    if count and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"`labels` must be integers. Received: dtype={array.dtype}")
    return array.astype(np.int64)


def check_label_range(labels: Labels, classes: int, name: str = "labels") -> None:
    """Raise ValueError where a label is not the 0-based index of one of `classes` classes."""
    wrong = labels[(labels < 0) | (labels >= classes)]
    if len(wrong):
        raise ValueError(
            f"`{name}` must lie in 0..{classes - 1}, the model has {classes} outputs. Received: label {wrong[0]}"
        )


def check_flag(name: str, value: Any) -> None:
    """Raise ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}")


def check_targets(targets: Any, labels: Labels) -> Labels:
    """Return `targets` as int64: for each image a class other than its own.

    Raises:
        TypeError: The targets are not integers.
        ValueError: Their shape is not that of `labels`, or an image's target is its true class.
    """
    array = np.asarray(targets)
    if array.shape != labels.shape:
        raise ValueError(f"`targets` must have the shape {labels.shape}. Received: shape={array.shape}")
    if len(labels) and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"`targets` must be integers. Received: dtype={array.dtype}")
    same = np.flatnonzero(array == labels)
    if len(same):
        raise ValueError(f"`targets` must differ from the true labels. Received: {array[same[0]]} for image {same[0]}")
    return array.astype(np.int64)


def check_integer(name: str, value: Any, lowest: int) -> None:
    """Raise ValueError unless `value` is an integer of at least `lowest`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < lowest:
        raise ValueError(f"`{name}` must be an integer of at least {lowest}. Received: {name}={value!r}")


def check_number(name: str, value: Any, highest: float = math.inf) -> None:
    """Raise ValueError unless `value` is a finite number from 0 to `highest`."""
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value <= highest:
        limits = f"from 0 to {highest:g}" if math.isfinite(highest) else "of at least 0"
        raise ValueError(f"`{name}` must be a finite number {limits}. Received: {name}={value!r}")


def check_epsilon(value: Any) -> None:
    """Raise ValueError unless `value` can be a bound in grey levels: 0, or one half to 255.

    Less than half a grey level changes no pixel of 8 bits; whoever asks for it means images in [0, 1].
    """
    check_number("epsilon", value, WHITE)
    if 0 < value < SMALLEST_EPSILON:
        raise ValueError(
            f"`epsilon` is in grey levels of 255, and less than half of one changes no pixel. Received: epsilon={value}"
            f"; of images in [0, 1] that would be {WHITE * value:g} grey levels"
        )
