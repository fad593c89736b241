"""The encoder's first look at the picture: how easy each macroblock is, and first guesses of modes.

Source: libwebp src/enc/analysis_enc.c (MBAnalyze, FastMBAnalyze), src/dsp/enc.c (VP8CollectHistogram). Predictions here
come from the source picture itself, not from decoded neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import prediction
from tf_lowdef.webp.graph.layout import Grid, pixel_index
from tf_lowdef.webp.graph.rounding import count_values, multiply
from tf_lowdef.webp.graph.transform import forward

_BINS = 32
"""Magnitudes over 8, the last bin open (analysis_enc.c, MAX_COEFF_THRESH)."""


@dataclass(frozen=True)
class Analysis:
    """What the analysis says of each macroblock, shapes (count, batch) unless stated.

    Attributes:
        alpha: int32, 0 to 255, the higher the easier.
        uv_alpha: int32, shape (batch,), the mean chroma alpha.
        uv_mode: int32, 0 (DC) or 1 (TM): the chroma mode that method 0 keeps.
        use_i4: bool, what methods 0 and 1 take for the choice between 4x4 and 16x16 prediction.
        flat: bool, whether all luma pixels are equal.
    """

    alpha: tf.Tensor
    uv_alpha: tf.Tensor
    uv_mode: tf.Tensor
    use_i4: tf.Tensor
    flat: tf.Tensor


def analyse(blocks: tf.Tensor, grid: Grid, method: int, quality: tf.Tensor) -> Analysis:
    """Analyse macroblocks.

    Args:
        blocks: float32, shape (count, batch, 384).
        grid: The picture's grid.
        method: 0 to 4.
        quality: int32, shape (batch,), the quality cut to a whole number.
    """
    predictions = _predictions(blocks, grid)
    chroma = _alphas(blocks[..., 256:], predictions[..., 256:])
    if method >= 2:
        luma = tf.reduce_max(_alphas(blocks[..., :256], predictions[..., :256]), axis=-1)
    else:
        luma = tf.zeros_like(chroma[..., 0])
    best_chroma = tf.reduce_max(chroma, axis=-1)
    alpha = tf.clip_by_value(255 - tf.bitwise.right_shift(3 * luma + best_chroma + 2, 2), 0, 255)
    luma_pixels = blocks[..., :256]
    return Analysis(
        alpha=alpha,
        uv_alpha=tf.reduce_sum(best_chroma, axis=0) // grid.count,
        uv_mode=tf.cast(chroma[..., 1] < chroma[..., 0], tf.int32),
        use_i4=_prefers_i4(luma_pixels, quality),
        flat=tf.equal(tf.reduce_max(luma_pixels, axis=-1), tf.reduce_min(luma_pixels, axis=-1)),
    )


def _predictions(blocks: tf.Tensor, grid: Grid) -> tf.Tensor:
    """Predict every macroblock from its neighbours in the source in modes DC and TM, shape (count * batch, 2, 384)."""
    place = pixel_index()
    bottom = [place[p, s - 1, c] for p, s in ((0, 16), (1, 8), (2, 8)) for c in range(s)]
    right = [place[p, r, s - 1] for p, s in ((0, 16), (1, 8), (2, 8)) for r in range(s)]
    index = np.arange(grid.count)
    above, left = np.maximum(index - grid.columns, 0), np.maximum(index - 1, 0)
    corner = np.maximum(index - grid.columns - 1, 0)
    ends = tf.gather(blocks, bottom, axis=2)
    edges = tf.concat(
        [
            tf.gather(ends, above),
            tf.gather(tf.gather(blocks, right, axis=2), left),
            tf.gather(tf.gather(ends, (15, 23, 31), axis=2), corner),
        ],
        axis=2,
    )
    x, y = grid.positions()
    borders = prediction.Borders.of(x, y, grid.columns)
    edges = edges * borders.mask[:, None, : prediction.EDGES] + borders.constant[:, None, : prediction.EDGES]
    batch = tf.shape(blocks)[1]
    dc = tf.reshape(tf.tile(borders.dc[:, None], [1, batch, 1]), [-1, prediction.DC_WEIGHTS])
    return prediction.whole(tf.reshape(edges, [-1, prediction.EDGES]), dc, modes=2)


def _alphas(pixels: tf.Tensor, predictions: tf.Tensor) -> tf.Tensor:
    """Return libwebp's alpha of each macroblock and mode (GetAlpha), int32, shape (count, batch, modes)."""
    size = pixels.shape[-1]
    modes = predictions.shape[1]
    residual = tf.reshape(pixels, [-1, 1, size]) - predictions
    coefficients = forward(tf.reshape(residual, [-1, 16]))
    bins = tf.cast(tf.minimum(tf.abs(coefficients) * 0.125, float(_BINS - 1)), tf.int32)
    rows = tf.reshape(bins, [-1, size])
    histogram = count_values(rows, _BINS)
    top, last = tf.reduce_max(histogram, axis=-1), tf.reduce_max(rows, axis=-1)
    alpha = tf.where(top > 1, 510 * last // tf.maximum(top, 1), 0)
    return tf.reshape(alpha, [pixels.shape[0], -1, modes])


def _prefers_i4(luma: tf.Tensor, quality: tf.Tensor) -> tf.Tensor:
    """Compare the spread of the 16 block sums with a threshold (FastMBAnalyze); the squares need float64."""
    to_sums = np.kron(np.eye(16), np.ones((16, 1))).astype(np.float32)
    sums = tf.cast(multiply(luma, to_sums), tf.float64)  # pixels by ones
    threshold = tf.cast(8 + 9 * quality // 100, tf.float64)
    squares = tf.reduce_sum(tf.square(sums), axis=-1)
    return threshold * squares >= tf.square(tf.reduce_sum(sums, axis=-1))
