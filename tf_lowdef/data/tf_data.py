"""Labelled images of a ``tf.data.Dataset``."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lowdef.data.arrays import VALUE_RANGE, ValueRange, check_shape, say_rounded, to_pixels
from tf_lowdef.data.image_data import ImageData, Pixels, Wanted
from tf_lowdef.data.stream import Stream, streamed
from tf_lowdef.validation import check_labels

_PEEKED = 32
"""Images that are looked at to see whether floats are in a range."""

_KEYS = ("image", "label")


def is_dataset(data: Any) -> bool:
    """Return whether `data` is a ``tf.data.Dataset``, without loading TensorFlow to see it."""
    return hasattr(data, "element_spec") and hasattr(data, "as_numpy_iterator")


def from_dataset(
    data: Any, wanted: Wanted, value_range: ValueRange | None = None, option: str = VALUE_RANGE
) -> ImageData:
    """Return a ``tf.data.Dataset`` as labelled images; one pass reads the labels, others the images, as they are used.

    Args:
        data: Elements (images, labels), further ones such as weights left out, or a dict with ``"image"`` and
            ``"label"``; batched or not. Images as in `from_arrays`. Its attribute ``class_names``, which
            ``keras.utils.image_dataset_from_directory`` sets, is kept.
        wanted: What the model takes.
        value_range: Of float images.
        option: As in `from_arrays`.

    Raises:
        ValueError: Its elements are others, it has no end, or each pass gives another order.
    """
    examples = _examples(data)
    if int(examples.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise ValueError("The tf.data.Dataset has no end: use .take(number of images), or leave .repeat() out")
    stream = Stream(examples)
    raw = stream.labels()
    if not len(raw):
        raise ValueError("The tf.data.Dataset holds no images")
    first, again = (stream.read(range(min(_PEEKED, len(raw)))) for _ in range(2))
    if any(not np.array_equal(first[index], again[index]) for index in first):
        raise ValueError(
            "The tf.data.Dataset gives other images, or another order, in each pass. Leave augmentation and .shuffle() "
            "out, or pass reshuffle_each_iteration=False"
        )
    if examples.element_spec[0].dtype.is_floating:
        # one dark image is no reason: all that are looked at
        to_pixels(np.concatenate([image.ravel() for image in first.values()]), value_range, option)
        say_rounded(value_range)
    known = value_range or ((0.0, 255.0) if examples.element_spec[0].dtype.is_floating else None)

    def decode(image: Any) -> Pixels:
        return to_pixels(check_shape(np.asarray(image), wanted), known, option)

    decode(first[0])
    names = getattr(data, "class_names", None)
    return streamed("tf.data", stream, check_labels("labels", raw, len(raw)), decode, tuple(names) if names else None)


def _examples(data: Any) -> Any:
    """Return a data set of pairs (image, label), one image each.

    Raises:
        ValueError: Its elements are others.
    """
    spec = data.element_spec
    if isinstance(spec, dict):
        if not set(_KEYS) <= set(spec):
            raise ValueError(
                f"Elements of a tf.data.Dataset must be pairs (image, label), or have the keys {', '.join(_KEYS)}. "
                f"Received the keys: {', '.join(map(str, spec))}"
            )
        data = data.map(lambda element: (element[_KEYS[0]], element[_KEYS[1]]))
    elif isinstance(spec, tuple) and len(spec) in (2, 3):
        data = data.map(lambda image, label, *_: (image, label))
    else:
        raise ValueError(f"Elements of a tf.data.Dataset must be pairs (image, label). Received: element_spec={spec}")
    image, label = data.element_spec
    ranks = [getattr(getattr(each, "shape", None), "rank", None) for each in (image, label)]
    if None in ranks or ranks[0] not in (2, 3, 4):
        raise ValueError(
            "A tf.data.Dataset must hold images of shape (height, width, channels), or batches of them, and labels, of "
            f"known rank. Received: element_spec={(image, label)}"
        )
    return data.unbatch() if ranks[0] == 4 else data
