"""Mode decision of methods 0 to 2: by distortion and fixed costs of the modes, without counting bits.

Source: libwebp src/enc/quant_enc.c (RefineUsingDistortion). Its limit on the bits of 4x4 modes cannot bind below
about 20,000 macroblocks: sixteen modes cost at most 16 * 2,500 of 256 * 510 * 8 * 1024 over the macroblocks' number.
Scores are in 1/256 of libwebp's, so that a squared error counts once.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import intra4, prediction, tables
from tf_lowdef.webp.graph.coding import Quantiser, Quantisers, code_chroma_dc, code_luma_dc
from tf_lowdef.webp.graph.control import replace_if
from tf_lowdef.webp.graph.rounding import round_pixel
from tf_lowdef.webp.graph.transform import forward, inverse

_LAMBDA_I16, _LAMBDA_I4, _LAMBDA_UV = 106, 11, 120
"""Weights of the modes' costs, over 256 (RefineUsingDistortion)."""
_TIE = 2.0**-20
"""Added once per mode index: the first of equal modes wins, and no sum of these reaches a score's unit of 1/256."""


@dataclass(frozen=True)
class Coded:
    """Coded macroblocks.

    Attributes:
        pixels: float32, shape (n, 384).
        modes: float32, shape (n, 16): modes of the 4x4 blocks; 16 times its own mode for 16x16 prediction.
        use_i4: bool, shape (n, 1).
        inner: bool, shape (n, 1), whether the decoder filters edges inside the macroblock.
        luma_mode: int32, shape (n,), the 16x16 mode.
        chroma_mode: int32, shape (n,).
    """

    pixels: tf.Tensor
    modes: tf.Tensor
    use_i4: tf.Tensor
    inner: tf.Tensor
    luma_mode: tf.Tensor
    chroma_mode: tf.Tensor


def code_macroblocks(
    source: tf.Tensor, edges: tf.Tensor, dc: tf.Tensor, side: tf.Tensor, method: int, compiled: bool
) -> Coded:
    """Decide the modes of macroblocks and code them.

    Args:
        source: float32, shape (n, 384).
        edges: float32, shape (n, 79).
        dc: float32, shape (n, 3), see ``prediction.Borders``.
        side: float32, shape (n, 6), see ``encode.side_information``.
        method: 0, 1 or 2.
        compiled: Whether this is for XLA.
    """
    index = tf.cast(side, tf.int32)
    quantisers = Quantisers.of(index[:, 0], index[:, 1])
    whole = prediction.whole(edges, dc)
    errors = tf.split(tf.math.squared_difference(whole, tf.expand_dims(source, 1)), [256, 128], axis=2)
    luma_error, chroma_error = (tf.cast(tf.reduce_sum(part, axis=-1), tf.float64) for part in errors)
    forced = _forced_i16(dc, side)
    luma_mode, luma_score = _luma_mode(luma_error, forced, dc)
    chroma_mode = index[:, 5] if method == 0 else _chroma_mode(chroma_error)
    pixels16, inner = _code_whole(source, whole, luma_mode, chroma_mode, quantisers, side[:, 2:3])
    if method == 2:
        luma4, modes4, score4 = _code_i4(source, edges, quantisers.y1)
        penalty = 1000 / 256 * tables.quantiser_rows()["average_y1"].astype(np.float64) ** 2
        better = score4 + tf.gather(penalty, index[:, 0]) < luma_score - 4 * _TIE
        use_i4 = tf.expand_dims(tf.logical_and(better, tf.logical_not(forced)), 1)
    else:
        use_i4 = side[:, 4:5] > 0.0
        search = _code_i4 if compiled else functools.partial(_code_some_i4, tf.squeeze(use_i4, 1))
        luma4, modes4, *_ = search(source, edges, quantisers.y1)
    modes16 = tf.cast(luma_mode, tf.float32)[:, None]
    return Coded(
        pixels=tf.concat([tf.where(use_i4, luma4, pixels16[:, :256]), pixels16[:, 256:]], axis=1),
        modes=tf.where(use_i4, modes4, modes16),
        use_i4=use_i4,
        inner=tf.logical_or(use_i4, inner),
        luma_mode=luma_mode,
        chroma_mode=chroma_mode,
    )


def _forced_i16(dc: tf.Tensor, side: tf.Tensor) -> tf.Tensor:
    """Whether a macroblock is flat and touches the left or top border (libwebp bug #432), bool, shape (n,)."""
    inside = tf.logical_and(dc[:, 0] > 0.0, dc[:, 1] > 0.0)
    return tf.logical_and(side[:, 3] > 0.0, tf.logical_not(inside))


def _luma_mode(error: tf.Tensor, forced: tf.Tensor, dc: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the 16x16 mode, int32 (n,), and its score, float64 (n,)."""
    score = error + (tables.FIXED_COST_I16 * (_LAMBDA_I16 / 256) + np.arange(4) * _TIE)
    # At the left border DC is forced, at the top border V.
    border_mode = tf.where(dc[:, 1] > 0.0, 2, 0)
    mode = tf.where(forced, border_mode, tf.argmin(score, axis=1, output_type=tf.int32))
    return mode, tf.reduce_min(score, axis=1)


def _chroma_mode(error: tf.Tensor) -> tf.Tensor:
    score = error + (tables.FIXED_COST_UV * (_LAMBDA_UV / 256) + np.arange(4) * _TIE)
    return tf.argmin(score, axis=1, output_type=tf.int32)


def _code_whole(
    source: tf.Tensor,
    whole: tf.Tensor,
    luma_mode: tf.Tensor,
    chroma_mode: tf.Tensor,
    quantisers: Quantisers,
    diffusion: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Code 16x16 luma and chroma as one batch of 24 blocks; pixels (n, 384), any coefficient (n, 1)."""
    luma_part, chroma_part = tf.split(whole, [256, 128], axis=2)
    predicted = tf.concat(
        [tf.gather(luma_part, luma_mode, batch_dims=1), tf.gather(chroma_part, chroma_mode, batch_dims=1)], axis=1
    )
    luma, chroma = tf.split(forward(tf.reshape(source - predicted, [-1, 24, 16])), [16, 8], axis=1)
    _, luma_dc = code_luma_dc(luma[:, None], quantisers.y2)
    chroma_dc, _, _ = code_chroma_dc(chroma[:, None, :, 0], quantisers.uv_dc, diffusion)
    ac = tf.concat(
        [quantisers.y1_ac.over_blocks().code(luma)[1], quantisers.uv_ac.over_blocks().code(chroma)[1]], axis=1
    )
    dequantised = tf.concat([ac, tf.concat([luma_dc, chroma_dc], axis=2)[:, 0, :, None]], axis=2)
    residual = tf.reshape(inverse(dequantised), [-1, 384])
    inner = tf.reduce_any(tf.not_equal(dequantised, 0.0), axis=[1, 2])
    return round_pixel(predicted + residual), inner[:, None]


def _code_some_i4(
    wanted: tf.Tensor, source: tf.Tensor, edges: tf.Tensor, quantiser: Quantiser
) -> tuple[tf.Tensor, tf.Tensor]:
    """Code those macroblocks that are `wanted` in 4x4 blocks: pixels (n, 256), modes (n, 16), of the others zeros."""
    rows = tf.where(wanted)
    count = tf.shape(source)[0]
    nothing = tf.zeros([count, 272])

    def code() -> tuple[tf.Tensor]:
        parts = (source, edges, quantiser.r, quantiser.s, quantiser.step)
        source_, edges_, *quantiser_ = (tf.gather_nd(part, rows) for part in parts)
        pixels, modes, _ = _code_i4(source_, edges_, Quantiser(*quantiser_))
        coded = tf.scatter_nd(rows, tf.concat([pixels, modes], axis=1), tf.cast(tf.stack([count, 272]), tf.int64))
        return (tf.ensure_shape(coded, nothing.shape),)

    (together,) = replace_if(tf.reduce_any(wanted), (nothing,), code)
    pixels, modes = tf.split(together, [256, 16], axis=1)
    return pixels, modes


def _code_i4(source: tf.Tensor, edges: tf.Tensor, y1: Quantiser) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Code luma in 4x4 blocks: pixels (n, 256), modes (n, 16), sum of scores (n,)."""
    ties = np.arange(prediction.NUM_I4_MODES) * _TIE
    costs = tf.constant(tables.FIXED_COST_I4 * (_LAMBDA_I4 / 256) + ties, tf.float64)
    way = intra4.Way(labels=1)
    own = np.append(intra4.OWN_PIXELS, np.arange(prediction.TOP_MODES, prediction.ALL_EDGES)).astype(np.int32)
    kept = tf.gather(edges, own, axis=1)
    by_size = {1: y1, 2: y1.twice()}
    coded: list[tf.Tensor] = []
    scores = []
    for sub_step, target in zip(way.sub_steps(), way.targets(source, 16), strict=True):
        near = way.neighbourhood(kept, coded)
        predictions = prediction.four_by_four(near)
        error = tf.reduce_sum(tf.math.squared_difference(predictions, tf.expand_dims(target, 1)), axis=-1)
        score = tf.cast(error, tf.float64) + tf.gather_nd(costs, tf.cast(near[:, 13:], tf.int32))
        mode = tf.argmin(score, axis=1, output_type=tf.int32)
        scores.append(sub_step.in_rows(score))
        predicted = tf.gather(predictions, mode, batch_dims=1)
        quantiser = by_size[len(sub_step.blocks)]
        _, dequantised = quantiser.code(forward(target - predicted))
        pixels = round_pixel(predicted + inverse(dequantised))
        coded.append(sub_step.in_rows(tf.concat([pixels, tf.expand_dims(tf.cast(mode, tf.float32), 1)], axis=1)))
    together = way.in_raster_order(coded)
    every = tf.reshape(tf.concat(scores, axis=1), [-1, 16, prediction.NUM_I4_MODES])
    total = tf.reduce_sum(tf.reduce_min(every, axis=2), axis=1)
    return tf.reshape(together[..., :16], [-1, 256]), together[..., 16], total
