"""Rate-distortion decision of 16x16 luma and chroma modes: all four coded, the cheapest kept.

Source: libwebp src/enc/quant_enc.c (PickBestIntra16, PickBestUV, StoreMaxDelta, StoreDiffusionErrors).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables, tokens
from tf_lowdef.webp.graph.coding import Quantisers, code_chroma_dc, code_luma_dc
from tf_lowdef.webp.graph.layout import Index
from tf_lowdef.webp.graph.rd_scores import TIE, Weights, score, texture
from tf_lowdef.webp.graph.rounding import round_pixel
from tf_lowdef.webp.graph.tables import Floats
from tf_lowdef.webp.graph.transform import forward, inverse

BLOCK_TYPES = np.repeat(np.array([0, 2, 1], np.int32), [16, 8, 1])
"""A macroblock's 25 blocks: luma without DC, chroma, luma DC."""
_LUMA, _CHROMA, _DC = slice(0, 16), slice(16, 24), slice(24, 25)
_FLAT_CHROMA, _FLAT_PENALTY = 2, 140 * 8
"""Chroma with at most two nonzero AC levels pays for any mode but DC (FLATNESS_LIMIT_UV, FLATNESS_PENALTY)."""


@dataclass(frozen=True)
class Around:
    """What the macroblocks above and at the left left: float32.

    Attributes:
        nonzero: shape (n, 18): 4 luma, 2 U, 2 V and the DC block above, then the same at the left; 1 where not all
            zero.
        errors_above: Chroma DC errors, shape (n, 4).
        errors_left: shape (n, 4).
    """

    nonzero: tf.Tensor
    errors_above: tf.Tensor
    errors_left: tf.Tensor


@dataclass(frozen=True)
class Whole:
    """The best 16x16 luma and the best chroma of n macroblocks.

    Attributes:
        pixels: float32, shape (n, 384).
        luma_mode: int32, shape (n,).
        chroma_mode: int32, shape (n,).
        score: float64, shape (n,): of luma, against 4x4.
        keys: float32, shape (n, 25, 16), of tokens.
        nonzero: float32, shape (n, 25).
        errors: float32, shape (n, 2, 3), chroma DC errors.
        coded: bool, shape (n, 2): whether anything but zero is left to decode, in luma, in chroma.
        edge: float32, shape (n,): what the filter's strength may have to rise to, 0 for nothing.
    """

    pixels: tf.Tensor
    luma_mode: tf.Tensor
    chroma_mode: tf.Tensor
    score: tf.Tensor
    keys: tf.Tensor
    nonzero: tf.Tensor
    errors: tf.Tensor
    coded: tf.Tensor
    edge: tf.Tensor


@lru_cache(maxsize=1)
def _context_index() -> Index:
    """Return where the block above, then the one at the left, of each of 25 blocks stands: 25 own, then 18 around."""
    above, left = [], []
    for start, size, around in ((0, 4, 0), (16, 2, 4), (20, 2, 6)):
        for y in range(size):
            for x in range(size):
                above.append(start + (y - 1) * size + x if y else 25 + around + x)
                left.append(start + y * size + x - 1 if x else 25 + 9 + around + y)
    return np.array([*above, 25 + 8, *left, 25 + 17], np.int32)


@lru_cache(maxsize=1)
def _dc_place() -> Floats:
    return np.eye(1, 16, dtype=np.float32)


def pick_whole(
    source: tf.Tensor,
    source_texture: tf.Tensor,
    predictions: tf.Tensor,
    flat: tf.Tensor,
    quantisers: Quantisers,
    weights: Weights,
    diffusion: tf.Tensor,
    around: Around,
    table: tf.Tensor,
    offset: tf.Tensor,
) -> Whole:
    """Code luma and chroma in all four modes and keep the best of each.

    Args:
        source: float32, shape (n, 384).
        source_texture: float32, shape (n, 16), of ``rd_scores.texture``.
        predictions: float32, shape (n, 4, 384).
        flat: float32, shape (n, 1), 1 where all luma pixels are equal.
        quantisers: Of the macroblocks.
        weights: Of the macroblocks.
        diffusion: float32, shape (n, 1), see ``coding.code_chroma_dc``.
        around: What the neighbours left.
        table: See ``tokens.costs``.
        offset: See ``tokens.offsets``.
    """
    found, dequantised, errors = _code(source, predictions, quantisers, diffusion, around)
    pixels = round_pixel(predictions + tf.reshape(inverse(dequantised), [-1, 4, 384]))
    error = tf.math.squared_difference(pixels, source[:, None])
    blocks = tokens.tokenise(found, BLOCK_TYPES)
    known = tf.concat([blocks.nonzero, tf.repeat(around.nonzero[:, None], 4, axis=1)], axis=2)
    pair = tf.reshape(tf.gather(known, _context_index(), axis=2), [-1, 4, 2, 25])
    keys = blocks.with_context(tf.reduce_sum(pair, axis=2), BLOCK_TYPES)
    total = tokens.costs(keys, found, table, offset)
    cost, count = tokens.cost_of(total), tokens.count_of(total)

    luma_cost = tf.reduce_sum(cost[..., _LUMA], axis=-1) + cost[..., 24]
    luma_rate = luma_cost + tables.FIXED_COST_I16.astype(np.float32)
    luma_count = tf.reduce_sum(count[..., _LUMA], axis=-1)
    # While a flat source stays without AC, distortion counts twice; the first mode with AC ends that for good.
    still_flat = tf.math.cumprod(flat * tf.cast(luma_count <= 0.0, tf.float32), axis=1)
    luma_error = tf.reduce_sum(error[..., :256], axis=-1) * (1.0 + still_flat)
    texture_error = _texture_error(pixels, source_texture, weights) * (1.0 + tf.cast(still_flat, tf.float64))
    distortion = tf.cast(luma_error, tf.float64) + texture_error
    ties = tf.constant(np.arange(4) * TIE)
    luma_mode = _first_least(score(luma_rate, distortion, weights.i16[:, None]) + ties)

    chroma_flat = tf.cast(tf.reduce_sum(count[..., _CHROMA], axis=-1) <= float(_FLAT_CHROMA), tf.float32)
    chroma_rate = tf.reduce_sum(cost[..., _CHROMA], axis=-1) + tables.FIXED_COST_UV.astype(np.float32)
    chroma_rate += chroma_flat * np.array([0, 1, 1, 1], np.float32) * float(_FLAT_PENALTY)
    chroma_error = tf.reduce_sum(error[..., 256:], axis=-1)
    chroma_mode = _first_least(score(chroma_rate, chroma_error, weights.uv[:, None]) + ties)

    def of_luma(values: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, luma_mode, batch_dims=1)

    def of_chroma(values: tf.Tensor) -> tf.Tensor:
        return tf.gather(values, chroma_mode, batch_dims=1)

    decoded = tf.not_equal(dequantised, 0.0)
    coded = (of_luma(tf.reduce_any(decoded[:, :, :16], [2, 3])), of_chroma(tf.reduce_any(decoded[:, :, 16:], [2, 3])))
    steep = tf.logical_and(of_luma(luma_count) <= 0.0, of_luma(luma_error) > weights.least_error)
    return Whole(
        pixels=tf.concat([of_luma(pixels[..., :256]), of_chroma(pixels[..., 256:])], axis=1),
        luma_mode=luma_mode,
        chroma_mode=chroma_mode,
        score=tf.gather(score(luma_rate, distortion, weights.mode[:, None]), luma_mode, batch_dims=1),
        keys=tf.concat([of_luma(keys[:, :, _LUMA]), of_chroma(keys[:, :, _CHROMA]), of_luma(keys[:, :, _DC])], axis=1),
        nonzero=tf.concat(
            [
                of_luma(blocks.nonzero[..., _LUMA]),
                of_chroma(blocks.nonzero[..., _CHROMA]),
                of_luma(blocks.nonzero[..., _DC]),
            ],
            axis=1,
        ),
        errors=of_chroma(errors),
        coded=tf.stack(coded, axis=1),
        edge=tf.where(steep, _largest_step(of_luma(found[:, :, 24])), 0.0),
    )


def _code(
    source: tf.Tensor, predictions: tf.Tensor, quantisers: Quantisers, diffusion: tf.Tensor, around: Around
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return levels (n, 4, 25, 16), dequantised values (n, 4, 24, 17) and chroma DC errors (n, 4, 2, 3)."""
    coefficients = forward(tf.reshape(source[:, None] - predictions, [-1, 4, 24, 16]))
    luma, chroma = tf.split(coefficients, [16, 8], axis=2)
    dc_levels, luma_dc = code_luma_dc(luma, quantisers.y2)
    chroma_dc, chroma_dc_levels, errors = code_chroma_dc(
        chroma[..., 0], quantisers.uv_dc, diffusion, around.errors_above, around.errors_left
    )
    y1, uv = (part.over_blocks().over_blocks() for part in (quantisers.y1_ac, quantisers.uv_ac))
    (luma_levels, luma_ac), (chroma_levels, chroma_ac) = y1.code(luma), uv.code(chroma)
    ac = tf.concat([luma_ac, chroma_ac], axis=2)
    dc = tf.concat([luma_dc, chroma_dc], axis=2)
    chroma_levels += tf.abs(chroma_dc_levels)[..., None] * _dc_place()
    found = tf.concat([luma_levels, chroma_levels, dc_levels[:, :, None]], axis=2)
    return found, tf.concat([ac, dc[..., None]], axis=3), errors


def _texture_error(pixels: tf.Tensor, source_texture: tf.Tensor, weights: Weights) -> tf.Tensor:
    """Return the weighted texture distortion of each mode, float64, shape (n, 4)."""
    own = texture(tf.reshape(pixels[..., :256], [-1, 4, 16, 16]))
    difference = tf.floor(tf.abs(own - source_texture[:, None]))
    total = tf.cast(tf.reduce_sum(difference, axis=-1), tf.float64)
    return tf.floor(total * tf.cast(weights.texture, tf.float64)[:, None] + 0.5)


def _first_least(scores: tf.Tensor) -> tf.Tensor:
    return tf.argmin(scores, axis=1, output_type=tf.int32)


def _largest_step(dc_levels: tf.Tensor) -> tf.Tensor:
    """Return the largest of the first three AC levels of the luma DCs: zigzag 1, 2 and 4 (StoreMaxDelta)."""
    places = [int(tables.ZIGZAG[k]) for k in (1, 2, 4)]
    return tf.reduce_max(tf.gather(dc_levels, places, axis=1), axis=1)
