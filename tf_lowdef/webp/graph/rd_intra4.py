"""Rate-distortion decision of 4x4 luma modes: all ten coded, the cheapest kept, block by block.

Source: libwebp src/enc/quant_enc.c (PickBestIntra4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import intra4, prediction, tables, tokens
from tf_lowdef.webp.graph.coding import Quantiser
from tf_lowdef.webp.graph.rd_scores import TIE, Weights, score, texture
from tf_lowdef.webp.graph.rounding import round_pixel, twice
from tf_lowdef.webp.graph.token_costs import COUNT_SHIFT
from tf_lowdef.webp.graph.transform import forward, inverse

_TYPE = np.array(3, np.int32)
_FLAT, _FLAT_PENALTY = 3, 140
"""A block with at most three nonzero AC levels pays for any mode but DC (FLATNESS_LIMIT_I4, FLATNESS_PENALTY)."""
_MORE = 18
"""What a block leaves besides pixels, mode and flag: rate, distortion, 16 keys."""
_START_RATE = 211
"""The bit that says 4x4 (VP8BitCost(0, 145))."""


@dataclass(frozen=True)
class Intra4:
    """Luma in 4x4 blocks.

    Attributes:
        pixels: float32, shape (n, 256).
        modes: float32, shape (n, 16).
        nonzero: float32, shape (n, 16).
        keys: float32, shape (n, 16, 16), of tokens.
        score: float64, shape (n,), against 16x16.
    """

    pixels: tf.Tensor
    modes: tf.Tensor
    nonzero: tf.Tensor
    keys: tf.Tensor
    score: tf.Tensor


def pick_intra4(
    source: tf.Tensor,
    source_texture: tf.Tensor,
    own: tf.Tensor,
    quantiser: Quantiser,
    weights: Weights,
    table: tf.Tensor,
    offset: tf.Tensor,
) -> Intra4:
    """Go through the blocks.

    Args:
        source: float32, shape (n, 256).
        source_texture: float32, shape (n, 16), of ``rd_scores.texture``.
        own: float32, shape (n, 53): 37 pixels around, four modes above and at the left, four flags (whether a block is
            not all zero) above and at the left.
        quantiser: The ``y1`` of the macroblocks.
        weights: Of the macroblocks.
        table: See ``tokens.costs``.
        offset: See ``tokens.offsets``.
    """
    way = intra4.Way(labels=2, more=_MORE)
    of_size = {
        size: (
            (quantiser if size == 1 else quantiser.twice()).over_blocks(),
            *(part if size == 1 else twice(part) for part in (weights.i4[:, None], weights.texture[:, None], offset)),
        )
        for size in (1, 2)
    }
    coded: list[tf.Tensor] = []
    targets, textures = way.targets(source, 16), way.targets(source_texture, 1)
    for sub_step, target, target_texture in zip(way.sub_steps(), targets, textures, strict=True):
        near = way.neighbourhood(own, coded)
        own_quantiser, weight, texture_weight, own_offset = of_size[len(sub_step.blocks)]
        best = _pick_block(near, target, target_texture, own_quantiser, weight, texture_weight, own_offset, table)
        coded.append(sub_step.in_rows(best))
    together = way.in_raster_order(coded)
    total = tf.reduce_sum(score(together[..., 18], together[..., 19], weights.mode[:, None]), axis=1)
    return Intra4(
        pixels=tf.reshape(together[..., :16], [-1, 256]),
        modes=together[..., 16],
        nonzero=together[..., 17],
        keys=together[..., 20:],
        score=total + _START_RATE * weights.mode,
    )


def _pick_block(
    near: tf.Tensor,
    target: tf.Tensor,
    target_texture: tf.Tensor,
    quantiser: Quantiser,
    weight: tf.Tensor,
    texture_weight: tf.Tensor,
    offset: tf.Tensor,
    table: tf.Tensor,
) -> tf.Tensor:
    """Return pixels (16), mode, flag, rate, distortion and keys (16) of each block, float32, shape (n, 36)."""
    predictions = prediction.four_by_four(near)
    _, neighbours, flags = tf.split(near, [13, 2, 2], axis=1)
    source = tf.expand_dims(target, 1)
    found, dequantised = quantiser.code(forward(source - predictions))
    pixels = round_pixel(predictions + inverse(dequantised))
    error = tf.reduce_sum(tf.math.squared_difference(pixels, source), axis=-1)
    # A texture below 32,641 times a weight of at most 431 / 256 stays below 2**24 / 256.
    texture_error = tf.floor(tf.abs(texture(pixels) - target_texture))
    distortion = error + tf.floor(texture_error * texture_weight + 0.5)
    block = tokens.tokenise(found, _TYPE)
    keys = block.with_context(tf.reduce_sum(flags, axis=1, keepdims=True), _TYPE)
    total = tokens.costs(keys, found, table, offset)
    modes = np.arange(prediction.NUM_I4_MODES)
    flat = total < (_FLAT + 1) << COUNT_SHIFT
    penalty = tf.cast(flat, tf.float32) * (_FLAT_PENALTY * (modes > 0)).astype(np.float32)
    header = tf.gather_nd(tables.FIXED_COST_I4.astype(np.float32), tf.cast(neighbours, tf.int32))
    rate = tokens.cost_of(total) + header + penalty
    mode = tf.argmin(score(rate, distortion, weight) + modes * TIE, axis=1, output_type=tf.int32)
    numbers = [
        tf.zeros_like(rate) + modes.astype(np.float32),
        block.nonzero,
        rate,
        distortion,
    ]
    return tf.gather(tf.concat([pixels, tf.stack(numbers, axis=-1), keys], axis=-1), mode, batch_dims=1)
