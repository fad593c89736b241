"""RGB to the Y, U, V planes that the encoder sees (libwebp src/enc/picture_csp_enc.c, src/dsp/yuv.h)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.layout import pad_to
from tf_lowdef.webp.graph.rounding import flatten, product
from tf_lowdef.webp.graph.tables import Floats

_ROUND_CHROMA = (1 << 17) + (128 << 18)


def rgb_to_yuv(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Convert as libwebp does by default: chroma is averaged over 2x2 pixels in linear light, then rounded.

    Args:
        images: uint8, shape (batch, height, width, 3), static height and width.

    Returns:
        Y of shape (batch, height, width); U and V of (batch, ceil(height / 2), ceil(width / 2)). float32, whole
        numbers 0 to 255.
    """
    pixels = flatten(tf.cast(images, tf.float32))
    # VP8RGBToY. The sum in units of 1/65536 is below 15.5e6 < 2**24: float32 is exact. A pixel has 8 bits, a weight up
    # to 16: it goes in two parts of at most 8.
    high, low = tf.unstack(product(tf.constant(_luma_weights()), pixels, transpose_b=True))
    luma = tf.floor(high + low + ((1 << 15) + (16 << 16)) / 65536)
    return tf.reshape(luma, [-1, *images.shape[1:3]]), *_chroma(images)


def _luma_weights() -> Floats:
    """Return the weights' higher bytes, then their lower ones, shape (2, 3)."""
    weights = np.array([16839, 33059, 6420])
    low = weights % 256
    return (np.stack([weights - low, low]) / 65536).astype(np.float32)


def _chroma(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    height, width = images.shape[1], images.shape[2]
    linear = tf.gather(tables.linear_light().astype(np.float32), tf.cast(images, tf.int32))
    linear = pad_to(linear, height + height % 2, width + width % 2)
    # Means of four whole numbers below 2**12: float32 is exact.
    sums = tf.cast(tf.nn.avg_pool2d(linear, 2, 2, "VALID") * 4.0, tf.int32)
    r, g, b = tf.unstack(tf.gather(tables.gamma_of_sum(), sums), axis=-1)
    # VP8RGBToU, VP8RGBToV on sums of four: 10 bits by 16 bits stay below 2**31.
    u = tf.bitwise.right_shift(-9719 * r - 19081 * g + 28800 * b + _ROUND_CHROMA, 18)
    v = tf.bitwise.right_shift(28800 * r - 24116 * g - 4684 * b + _ROUND_CHROMA, 18)
    return tuple(tf.cast(tf.clip_by_value(plane, 0, 255), tf.float32) for plane in (u, v))
