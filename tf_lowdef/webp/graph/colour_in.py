"""RGB to the Y, U, V planes that the encoder sees (libwebp src/enc/picture_csp_enc.c, src/dsp/yuv.h)."""

from __future__ import annotations

import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.layout import pad_to

_ROUND_CHROMA = (1 << 17) + (128 << 18)


def rgb_to_yuv(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Convert as libwebp does by default: chroma is averaged over 2x2 pixels in linear light, then rounded.

    Args:
        images: uint8, shape (batch, height, width, 3), static height and width.

    Returns:
        Y of shape (batch, height, width); U and V of (batch, ceil(height / 2), ceil(width / 2)). float32, whole
        numbers 0 to 255.
    """
    r, g, b = tf.unstack(tf.cast(images, tf.float32), axis=-1)
    # VP8RGBToY. The sum in units of 1/65536 is below 15.5e6 < 2**24: float32 is exact.
    luma = tf.floor((r * 16839.0 + g * 33059.0 + b * 6420.0 + float((1 << 15) + (16 << 16))) / 65536.0)
    return luma, *_chroma(images)


def _chroma(images: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    height, width = images.shape[1], images.shape[2]
    linear = tf.gather(tables.linear_light(), tf.cast(images, tf.int32))
    linear = pad_to(linear, height + height % 2, width + width % 2)
    linear = linear[:, 0::2] + linear[:, 1::2]
    sums = linear[:, :, 0::2] + linear[:, :, 1::2]
    r, g, b = tf.unstack(tf.gather(tables.gamma_of_sum(), sums), axis=-1)
    # VP8RGBToU, VP8RGBToV on sums of four: 10 bits by 16 bits stay below 2**31.
    u = tf.bitwise.right_shift(-9719 * r - 19081 * g + 28800 * b + _ROUND_CHROMA, 18)
    v = tf.bitwise.right_shift(28800 * r - 24116 * g - 4684 * b + _ROUND_CHROMA, 18)
    return tuple(tf.cast(tf.clip_by_value(plane, 0, 255), tf.float32) for plane in (u, v))
