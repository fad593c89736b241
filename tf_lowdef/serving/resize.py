"""Pillow's bicubic resize, value for value, in stock TensorFlow operations."""

from __future__ import annotations

import tensorflow as tf
from PIL import __version__ as pillow_version

CHANNELS = 3

VERTICAL_FIRST = int(pillow_version.split(".")[0]) >= 13
"""Whether the installed Pillow resizes images whose height shrinks more than their width vertically first.

Pillow 13.0 does (python-pillow/Pillow#9549); those before it always resize across first. An export does as the Pillow
that it was made with."""

_BITS = 22
"""Of a weight's fraction: 32, less 8 for a pixel, less 2 for weights that are negative or add up to more than one."""
_SUPPORT = 2.0
"""Pixels to either side that Keys' filter reaches (Keys 1981, doi 10.1109/TASSP.1981.1163711)."""
_A = -0.5
"""Keys' parameter, as Pillow has it."""


def resize_bicubic(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resize an image as ``PIL.Image.resize(..., BICUBIC)`` does, with no regard to its proportions.

    Pillow's algorithm (its ``src/libImaging/Resample.c``): Keys' filter, widened where the image shrinks; weights in
    float64, normalised, then rounded to integers of 22 binary places; one axis, rounded to 8 bits, then the other.

    Args:
        image: uint8, shape (any height, any width, 3).
        height: Of the result, in pixels.
        width: Of the result, in pixels.

    Returns:
        uint8, shape (height, width, 3).
    """
    shape = tf.shape(image)
    shrinks, narrows = shape[0] - height, shape[1] - width
    down_first = VERTICAL_FIRST & (shrinks > 0) & (shrinks > 2 * narrows)  # found by trying: so on 470 of 470 sizes
    image = _transposed(image, ~down_first)
    image = _resample(image, tf.where(down_first, height, width))
    image = _resample(tf.transpose(image, (1, 0, 2)), tf.where(down_first, width, height))
    return tf.ensure_shape(_transposed(image, down_first), (height, width, CHANNELS))


def _transposed(image: tf.Tensor, condition: tf.Tensor) -> tf.Tensor:
    return tf.cond(condition, lambda: tf.transpose(image, (1, 0, 2)), lambda: tf.identity(image))


def _resample(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Resample uint8 of shape (length, others, 3) along its first axis, unless it has the size already."""
    return tf.cond(tf.shape(image)[0] == size, lambda: tf.identity(image), lambda: _filtered(image, size))


def _filtered(image: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
    """Filter along the first axis, tap by tap, so that memory stays small."""
    first, weights = _weights(tf.shape(image)[0], size)
    last = tf.shape(image)[0] - 1

    def add(tap: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        rows = tf.gather(image, tf.minimum(first + tap, last))  # beyond the last, the weight is 0
        return tap + 1, total + tf.cast(rows, tf.int32) * weights[tap][:, None, None]

    start = tf.fill((size, tf.shape(image)[1], CHANNELS), 1 << (_BITS - 1))
    total = tf.while_loop(
        lambda tap, _: tap < tf.shape(weights)[0],
        add,
        (0, start),
        shape_invariants=(tf.TensorShape(()), tf.TensorShape((None, None, CHANNELS))),
        parallel_iterations=1,
    )[1]
    return tf.cast(tf.clip_by_value(tf.bitwise.right_shift(total, _BITS), 0, 255), tf.uint8)


def _weights(length: tf.Tensor, size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return for each of `size` results its first source, int32 (size,), and integer weights, int32 (taps, size)."""
    scale = tf.cast(length, tf.float64) / tf.cast(size, tf.float64)
    stretch = tf.maximum(scale, 1.0)
    support = _SUPPORT * stretch
    taps = tf.cast(tf.math.ceil(support), tf.int32) * 2 + 1
    centre = (tf.cast(tf.range(size), tf.float64) + 0.5) * scale
    first = tf.maximum(tf.cast(centre - support + 0.5, tf.int32), 0)
    beyond = tf.minimum(tf.cast(centre + support + 0.5, tf.int32), length)
    source = first + tf.range(taps)[:, None]
    distance = (tf.cast(source, tf.float64) - centre + 0.5) * (1.0 / stretch)
    raw = tf.where(source < beyond, _keys(tf.abs(distance)), tf.zeros((), tf.float64))
    fixed = raw / _sum_in_order(raw) * (1 << _BITS)
    return first, tf.cast(fixed + 0.5 * tf.sign(fixed), tf.int32)  # half away from zero


def _keys(x: tf.Tensor) -> tf.Tensor:
    """Keys' cubic convolution kernel of a distance, in the order of operations that Pillow has."""
    near = ((_A + 2.0) * x - (_A + 3.0)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * _A
    return tf.where(x < 1, near, tf.where(x < _SUPPORT, far, tf.zeros_like(x)))


def _sum_in_order(values: tf.Tensor) -> tf.Tensor:
    """Sum along the first axis one after the other, as a loop in C does: floats added otherwise round otherwise."""
    return tf.while_loop(
        lambda index, _: index < tf.shape(values)[0],
        lambda index, total: (index + 1, total + values[index]),
        (0, tf.zeros_like(values[0])),
        parallel_iterations=1,
    )[1]
