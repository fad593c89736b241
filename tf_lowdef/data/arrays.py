"""Labelled images as arrays."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.data.image_data import GREY, RGB, ImageData, Pixels, Wanted, numbered
from tf_lowdef.validation import check_labels

ValueRange = tuple[float, float]

WHITE = 255
VALUE_RANGE, INPUT_RANGE, PREPROCESSING = "value_range", "input_range", "preprocessing"
"""How a caller may be told what float images are in: for themselves; by the range that the model takes; by Keras' name
of its preprocessing, which is no range of images."""
_CURES = {
    VALUE_RANGE: ": pass value_range, such as (0, 1) or (-1, 1), or uint8 pixels",
    INPUT_RANGE: ", the model's own: pass input_range, such as (0, 1) or (-1, 1), if it takes that, or uint8 pixels",
    PREPROCESSING: ", and preprocessed ones are no images any more: pass floats in [0, 255], or uint8 pixels",
}
_TOLERANCE = 1e-3
"""By how much of a range floats may lie outside of it, for the rounding of whatever made them."""


def from_arrays(
    images: Any, labels: Any, wanted: Wanted, value_range: ValueRange | None = None, option: str = VALUE_RANGE
) -> ImageData:
    """Return arrays as labelled images.

    Args:
        images: Shape (n, height, width, channels), or (n, height, width) for grey; see `to_pixels` for dtypes.
        labels: Class indices or one-hot; see `check_labels`.
        wanted: What the model takes.
        value_range: Of float images.
        option: What the caller's own argument for it is called.

    Raises:
        TypeError: Labels are no numbers.
        ValueError: A shape or value is another.
    """
    array = check_shape(np.asarray(images), wanted, "n, ")
    indices = check_labels("labels", labels, len(array))
    if array.dtype.kind == "f":
        say_rounded(value_range)
    pixels = to_pixels(array, value_range, option)

    def digest(chosen: Sequence[int]) -> str:
        used = list(chosen)
        return hashlib.sha256(pixels[used].tobytes() + indices[used].tobytes()).hexdigest()

    return ImageData("arrays", numbered(len(pixels)), indices, lambda index: pixels[index], digest)


def check_shape(array: npt.NDArray[Any], wanted: Wanted, batch: str = "") -> npt.NDArray[Any]:
    """Return images with an axis of channels, as many as the model takes.

    Args:
        array: Images of shape (height, width, channels) or (height, width), with an axis for each of `batch`.
        wanted: What the model takes.
        batch: ``"n, "`` for a batch.

    Raises:
        ValueError: The shape is another; the text says what to do.
    """
    axes = 3 + bool(batch)
    if array.ndim == axes - 1 and (array.ndim < 3 or array.shape[-1] not in (GREY, RGB, 4)):
        array = array[..., None]
    if array.ndim != axes or array.shape[-1] != wanted.channels:
        raise ValueError(
            f"The model takes images of shape ({batch}height, width, {wanted.channels}). "
            f"{_cure(array.shape[-1] if array.ndim == axes else None, wanted.channels)}Received: shape={array.shape}"
        )
    if wanted.size is not None and array.shape[-3:-1] != wanted.size:
        raise ValueError(
            f"The model takes images of {wanted.size[0]} x {wanted.size[1]}. Received: shape={array.shape}"
        )
    return array


def _cure(channels: int | None, wanted: int) -> str:
    if channels == 4:
        return "Lay RGBA images on a background first, as PIL.Image.alpha_composite does. "
    if channels == GREY and wanted == RGB:
        return "Give grey images three equal channels: np.repeat(images, 3, axis=-1). "
    if channels == RGB and wanted == GREY:
        return "Make them grey first, as PIL.Image.convert('L') does. "
    return ""


def to_pixels(array: npt.NDArray[Any], value_range: ValueRange | None = None, option: str = VALUE_RANGE) -> Pixels:
    """Return images as 8-bit pixels, rounded half to even.

    Args:
        array: uint8; other integers from 0 to 255; or floats in `value_range`, or in [0, 255] where it is None.
        value_range: The values that stand for black and full in floats.
        option: What the caller's own argument for it is called, for the error's text.

    Raises:
        ValueError: The dtype is none of these, or a value lies outside.
    """
    if array.dtype == np.uint8:
        return array
    kind = array.dtype.kind
    if kind not in "iuf":
        raise ValueError(f"Images must be uint8, or floats in a known range. Received: dtype={array.dtype}")
    if not array.size:
        return array.astype(np.uint8)
    lowest, highest = float(array.min()), float(array.max())
    if kind != "f":
        if lowest < 0 or highest > WHITE:
            raise ValueError(f"Integers must be pixels 0..255. Received: values from {lowest:g} to {highest:g}")
        return array.astype(np.uint8)
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        raise ValueError("Images must be finite. Received: NaN or infinity")
    low, high = value_range or (0.0, float(WHITE))
    slack = _TOLERANCE * (high - low)
    outside = lowest < low - slack or highest > high + slack
    if outside or (value_range is None and highest <= 1):
        said = f"{option}=({low:g}, {high:g})" if value_range else "no range was said"
        raise ValueError(
            f"Float images need a range that holds them{_CURES[option]}. "
            f"Received: values from {lowest:.4g} to {highest:.4g}, {said}"
        )
    scaled = (array.astype(np.float64) - low) * (WHITE / (high - low))
    return np.clip(np.rint(scaled), 0, WHITE).astype(np.uint8)


def say_rounded(value_range: ValueRange | None) -> None:
    """Warn that float images are rounded to 8 bits."""
    low, high = value_range or (0, WHITE)
    warnings.warn(
        f"Float images in [{low:g}, {high:g}] are rounded to 8 bits: an attacked image is one that can be saved",
        UserWarning,
        stacklevel=4,
    )
