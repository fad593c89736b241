"""Y, U, V planes to RGB as libwebp's decoder does (src/dsp/upsampling.c "fancy", src/dsp/yuv.h)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph.layout import Index
from tf_lowdef.webp.graph.rounding import interleave, multiply, round_pixel


def yuv_to_rgb(y: tf.Tensor, u: tf.Tensor, v: tf.Tensor) -> tf.Tensor:
    """Convert planes of the picture's true size.

    Args:
        y: float32, shape (batch, height, width), whole numbers 0 to 255.
        u: float32, shape (batch, ceil(height / 2), ceil(width / 2)).
        v: As `u`.

    Returns:
        uint8, shape (batch, height, width, 3).
    """
    height, width = y.shape[1], y.shape[2]
    luma = tf.floor(y * (19077 / 256))
    u, v = (_upsample(plane, height, width) for plane in (u, v))
    red = luma + tf.floor(v * (26149 / 256)) - 14234.0
    green = luma - tf.floor(u * (6419 / 256)) - tf.floor(v * (13320 / 256)) + 8708.0
    blue = luma + tf.floor(u * (33050 / 256)) - 17685.0
    # The last shift by 6 is a floor; `round_pixel` rounds, so half a unit less 1/64 goes away first.
    planes = round_pixel(tf.stack([red, green, blue]) / 64.0 - 31.5 / 64)
    return tf.cast(tf.reshape(interleave(planes), [-1, height, width, 3]), tf.uint8)


def _upsample(plane: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Double a plane: each pixel is (9 near + 3 beside + 3 above or below + 1 across + 8) >> 4, edges repeated."""
    (near, far), (across, beyond) = _places(height), _places(width)
    columns = np.eye((width + 1) // 2, dtype=np.float32)
    plane = multiply(plane, 3 * columns[:, across] + columns[:, beyond])  # pixels by 1, 3 and 4
    plane = 3.0 * tf.gather(plane, near, axis=1) + tf.gather(plane, far, axis=1)
    return tf.floor(plane / 16.0 + 0.5)


def _places(size: int) -> tuple[Index, Index]:
    """Return where the near and the far sample of each pixel along a side of `size` pixels stand."""
    place = np.arange(size, dtype=np.int32)
    near = place // 2
    far = np.clip(near + 2 * (place % 2) - 1, 0, (size - 1) // 2)
    return near, far.astype(np.int32)
