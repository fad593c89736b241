"""Checks of arguments, without TensorFlow. Each returns what it accepts; a refusal names the argument and its value."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

CHANNELS = (1, 3)
"""Of grey and of RGB images."""

SMALLEST_EPSILON = 0.5
"""The least bound in grey levels that is taken for what it says, though less than one changes no pixel."""


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int if it is a whole number from `low` to `high`; ValueError otherwise."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        wanted = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ValueError(f"`{name}` must be an integer {wanted}. Received: {name}={value!r}")
    return int(value)


def check_number(name: str, value: Any, low: float, high: float = math.inf, above: bool = False) -> float:
    """Return `value` as a float if it is a finite number from `low` to `high`; ValueError otherwise.

    Args:
        name: Of the argument.
        value: What was received.
        low: The least.
        high: The greatest.
        above: Whether `low` itself is refused.
    """
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not low <= value <= high or (above and value == low):
        if math.isfinite(high):
            wanted = f"number above {low:g} and at most {high:g}" if above else f"number from {low:g} to {high:g}"
        else:
            wanted = f"finite number {'above' if above else 'of at least'} {low:g}"
        raise ValueError(f"`{name}` must be a {wanted}. Received: {name}={value!r}")
    return float(value)


def check_epsilon(name: str, value: Any) -> float:
    """Return `value` if it can be a bound in grey levels, 0 or one half to 255; ValueError otherwise.

    Less than one grey level changes no pixel of 8 bits, since attacks round down so as to stay in the bound. Whoever
    asks for less than half of one means images in [0, 1]; rows of what lies between are marked as having moved nothing.
    """
    epsilon = check_number(name, value, 0, 255)
    if 0 < epsilon < SMALLEST_EPSILON:
        raise ValueError(
            f"`{name}` is in grey levels of 255, and less than one changes no pixel. Received: {name}={value}"
            f"; of images in [0, 1] that would be {255 * epsilon:g} grey levels"
        )
    return epsilon


def check_flag(name: str, value: Any) -> bool:
    """Return `value` if it is True or False; ValueError otherwise."""
    if not isinstance(value, bool):
        raise ValueError(f"`{name}` must be True or False. Received: {name}={value!r}")
    return value


def check_choice(name: str, value: Any, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`; ValueError otherwise."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"`{name}` must be one of {', '.join(choices)}. Received: {name}={value!r}")
    return value


def check_images(name: str, value: Any) -> Pixels:
    """Return images as uint8 pixels; floats are rounded half to even, as a defence would.

    Args:
        name: Of the argument.
        value: uint8, or floats in [0, 255]; shape (n, height, width, 3), or 1 for grey.

    Raises:
        TypeError: The dtype is neither uint8 nor floating.
        ValueError: The shape is another, or a value is not finite or outside [0, 255].
    """
    array: npt.NDArray[Any] = np.asarray(value)
    if array.ndim != 4 or array.shape[3] not in CHANNELS or 0 in array.shape[1:]:
        raise ValueError(
            f"`{name}` must have the shape (n, height, width, 3), or 1 for grey. {channels_cure(array.shape)}"
            f"Received: shape={array.shape}"
        )
    if array.dtype == np.uint8:
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise TypeError(f"`{name}` must be uint8 or floating. Received: dtype={array.dtype}")
    if not np.isfinite(array).all():
        raise ValueError(f"`{name}` must be finite. Received: NaN or infinity")
    if array.size and (array.min() < 0 or array.max() > 255):
        raise ValueError(f"`{name}` must lie in [0, 255]. Received: values from {array.min()} to {array.max()}")
    rounded: Pixels = np.rint(array).astype(np.uint8)
    return rounded


def channels_cure(shape: tuple[int, ...]) -> str:
    """Return what to do with images of such a shape, with a blank behind it; nothing where nothing is known."""
    if shape[-1:] == (4,):
        return "Lay RGBA images on a background first, as PIL.Image.alpha_composite does. "
    if len(shape) == 3 and shape[-1] not in CHANNELS:
        return "Give grey images an axis of one channel: images[..., None]. "
    if len(shape) == 4 and shape[1] in CHANNELS:
        return "Put the channels last: np.moveaxis(images, 1, -1). "
    return ""


def check_labels(name: str, value: Any, count: int) -> Labels:
    """Return labels as 0-based class indices, int64, shape (count,).

    Args:
        name: Of the argument.
        value: Class indices of shape (n,) or (n, 1), integers, booleans or floats of whole numbers; or one-hot rows of
            shape (n, classes), one 1 and otherwise 0.
        count: How many images there are, n.

    Raises:
        TypeError: They are no numbers.
        ValueError: Their shape is another, they are no whole numbers, or the rows are not one-hot.
    """
    array = np.asarray(value)
    if count and array.dtype.kind not in "biuf":
        names = " (names? pass their places in the model's outputs)" if array.dtype.kind in "OUS" else ""
        raise TypeError(f"`{name}` must be integers, class indices. Received: dtype={array.dtype}{names}")
    if array.shape == (count, 1):
        array = array[:, 0]
    if array.ndim == 2 and len(array) == count:
        return _from_one_hot(name, array)
    if array.shape != (count,):
        raise ValueError(
            f"`{name}` must have the shape ({count},), one class index an image, or ({count}, 1), or ({count}, "
            f"classes) one-hot. Received: shape={array.shape}"
        )
    whole = array.astype(np.int64)
    if array.dtype.kind == "f" and (whole != array).any():
        raise ValueError(f"`{name}` must be whole numbers, class indices. Received: {array[whole != array][0]}")
    return whole


def _from_one_hot(name: str, rows: npt.NDArray[Any]) -> Labels:
    wrong = np.flatnonzero(((rows == 1).sum(axis=1) != 1) | ((rows != 0).sum(axis=1) != 1))
    if len(wrong):
        raise ValueError(
            f"`{name}` of shape {rows.shape} must be one-hot, one 1 an image and otherwise 0: mixed or smoothed labels "
            f"name no class. Received: {rows[wrong[0]].tolist()[:10]} for image {wrong[0]}"
        )
    labels: Labels = rows.argmax(axis=1).astype(np.int64)
    return labels


def check_label_range(name: str, value: Labels, classes: int) -> Labels:
    """Return labels if each is the 0-based index of one of `classes` classes; ValueError otherwise."""
    wrong = value[(value < 0) | (value >= classes)]
    if len(wrong):
        raise ValueError(
            f"`{name}` must lie in 0..{classes - 1}, the model has {classes} outputs. Received: label {wrong[0]}"
        )
    return value


def check_targets(name: str, value: Any, labels: Labels) -> Labels:
    """Return the classes that images are to be taken for, as int64; errors as for `check_labels`.

    Raises:
        ValueError: An image's is its own class.
    """
    targets = check_labels(name, value, len(labels))
    same = np.flatnonzero(targets == labels)
    if len(same):
        raise ValueError(f"`{name}` must differ from the true labels. Received: {targets[same[0]]} for image {same[0]}")
    return targets
