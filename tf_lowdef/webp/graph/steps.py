"""By which steps the encoder rounds the luma of each block: what an attacker's backward pass wants to know."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.analysis import analyse
from tf_lowdef.webp.graph.colour_in import rgb_to_yuv
from tf_lowdef.webp.graph.layout import Grid, to_macroblocks
from tf_lowdef.webp.graph.segments import assign

GAIN = 2 * (16839 + 33059 + 6420) / 65536
"""What a coefficient is of an orthonormal one in grey levels: VP8's transform has twice the orthonormal length (its DC
is half the sum of sixteen values), and luma spans 219 of 255 levels (libwebp src/dsp/yuv.h, VP8RGBToY)."""


@tf.function(autograph=False)  # traced once for all attacks on images of a size: it is most of what their graphs hold
def luma_steps(images: Any, quality: tf.Tensor, method: int) -> tf.Tensor:
    """Return the steps by which libwebp rounds luma coefficients, in units of the orthonormal transform of grey levels.

    Each macroblock has the quantiser of its segment, as ``roundtrip`` finds it. What 16x16 prediction does to the DCs
    (a second transform with a quantiser of its own) is left out.

    Args:
        images: uint8, shape (batch, height, width, 3), static height and width.
        quality: int32, shape (batch,), 0 to 100; see :func:`base_steps` for a quality that is no whole number.
        method: 0 to 6; 5 and 6 analyse as 4 does.

    Returns:
        float32, shape (batch, ceil(height / 4), ceil(width / 4), 4, 4).
    """
    height, width = images.shape[1], images.shape[2]
    grid = Grid(height, width)
    blocks = to_macroblocks(*rgb_to_yuv(images), grid)
    analysis = analyse(blocks, grid, min(method, 4), quality)
    segments = assign(analysis, tf.gather(tables.quantiser_of_alpha_all(), quality))
    index = tf.gather(segments.quantiser, tf.transpose(segments.segment), batch_dims=1)
    by_block = tf.reshape(index, [-1, grid.rows, grid.columns])
    for axis in (1, 2):
        by_block = tf.repeat(by_block, 4, axis=axis)
    return tf.gather(_step_table(), by_block[:, : -(-height // 4), : -(-width // 4)])


def base_steps(quality: float) -> tf.Tensor:
    """Return the steps of a quality for a macroblock of middling susceptibility: float32, shape (4, 4)."""
    return tf.constant(_step_table()[tables.quantiser_of_alpha(float(quality))[127]])


def _step_table() -> tables.Floats:
    """Return the steps of each quantiser index, shape (128, 4, 4)."""
    table = np.repeat(tables.AC_QUANT[:, None], 16, axis=1)
    table[:, 0] = tables.DC_QUANT
    return (table.reshape(-1, 4, 4) / GAIN).astype(np.float32)
