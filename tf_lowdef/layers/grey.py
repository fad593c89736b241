"""Grey images through what knows RGB alone, as Pillow does it."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

GREY = 1

_LUMA = (19595, 38470, 7471)
_LUMA_BITS = 16
"""ITU-R BT.601's weights of red, green and blue in fixed point, as in Pillow's ``convert("L")``
(``src/libImaging/Convert.c``, ``L24``); they sum to 2 ** 16."""


def through_rgb(transform: Callable[[tf.Tensor], tf.Tensor], pixels: tf.Tensor) -> tf.Tensor:
    """Return what a transformation of RGB pixels makes of pixels, grey ones too.

    Grey ones go in as three equal channels, which is what Pillow's WebP writes of mode "L", and come out as their luma,
    which is what ``convert("L")`` makes of the file.

    Args:
        transform: From uint8 of shape (batch, height, width, 3) to the same.
        pixels: uint8, shape (batch, height, width, 1 or 3).

    Returns:
        uint8 of the same shape.
    """
    if pixels.shape[-1] != GREY:
        return transform(pixels)
    return tf.cast(luma(transform(tf.repeat(pixels, 3, axis=-1))), tf.uint8)


def luma(colours: tf.Tensor) -> tf.Tensor:
    """Return RGB pixels, whole numbers of any dtype, as Pillow's ``convert("L")`` has them: int32, one channel."""
    total = tf.reduce_sum(tf.cast(colours, tf.int32) * tf.constant(_LUMA), axis=-1, keepdims=True)
    return tf.bitwise.right_shift(total + (1 << (_LUMA_BITS - 1)), _LUMA_BITS)
