"""Segments: k-means over the analysis' alphas, then a quantiser and a filter level for each of four segments.

Source: libwebp src/enc/analysis_enc.c (AssignSegments, SetSegmentAlphas), src/enc/quant_enc.c (VP8SetSegmentParams,
SetupFilterStrength, SimplifySegments), src/enc/frame_enc.c (SetSegmentProbas).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.analysis import Analysis
from tf_lowdef.webp.graph.rounding import count_values

NUM_SEGMENTS = 4
_ITERATIONS = 6
_MAX_COUNT_WITH_MAP = 510
"""Up to here a segment other than the first is always worth its map: one macroblock in 510 still rounds below 255."""


@dataclass(frozen=True)
class Segments:
    """Quantisers and filter levels, int32.

    Attributes:
        segment: Of each macroblock, 0 to 3, shape (count, batch).
        quantiser: Index of each segment, 0 to 127, shape (batch, 4).
        filter_level: Of each segment, 0 to 63, shape (batch, 4).
        uv_shift: What the chroma AC quantiser's index differs by, shape (batch,).
        same_as: The first segment with the same quantiser and filter level, shape (batch, 4).
    """

    segment: tf.Tensor
    quantiser: tf.Tensor
    filter_level: tf.Tensor
    uv_shift: tf.Tensor
    same_as: tf.Tensor


def assign(analysis: Analysis, quantiser_of_alpha: tf.Tensor) -> Segments:
    """Assign macroblocks to segments and set those up.

    Args:
        analysis: Of the whole batch.
        quantiser_of_alpha: int32, shape (batch or 1, 255): ``tables.quantiser_of_alpha`` of each image.
    """
    alphas = tf.transpose(analysis.alpha)
    count = alphas.shape[1]
    histogram = count_values(alphas, 256)
    of_alpha, centres, middle = _k_means(histogram, alphas)
    segment = tf.gather(of_alpha, alphas, batch_dims=1)
    low, high = tf.reduce_min(centres, 1, keepdims=True), tf.reduce_max(centres, 1, keepdims=True)
    span = tf.maximum(high - low, 1)
    alpha = tf.clip_by_value(tf.truncatediv(255 * (centres - middle), span), -127, 127)
    beta = tf.clip_by_value(255 * (centres - low) // span, 0, 255)
    by_quality = tf.broadcast_to(quantiser_of_alpha, [tf.shape(alpha)[0], 255])
    quantiser = tf.gather(by_quality, alpha + 127, batch_dims=1)
    level = _filter_level(quantiser, beta)
    same_as = _first_equal(quantiser * 64 + level)
    if count > _MAX_COUNT_WITH_MAP:
        segment = _drop_useless_map(segment, same_as)
    shift = tf.truncatediv((analysis.uv_alpha - 64) * 10, 70)
    shift = tf.clip_by_value(tf.truncatediv(shift * 50, 100), -4, 6)
    return Segments(tf.transpose(segment), quantiser, level, shift, same_as)


def _k_means(histogram: tf.Tensor, alphas: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the segment of each alpha (batch, 256), the centres (batch, 4) and their weighted mean (batch, 1)."""
    low, high = tf.reduce_min(alphas, 1, keepdims=True), tf.reduce_max(alphas, 1, keepdims=True)
    centres = low + np.arange(1, 2 * NUM_SEGMENTS, 2, dtype=np.int32) * (high - low) // (2 * NUM_SEGMENTS)
    of_alpha = tf.zeros_like(histogram)
    middle = tf.zeros_like(low)
    moving = tf.ones_like(low, tf.bool)
    scale = np.arange(256, dtype=np.int32)
    for _ in range(_ITERATIONS):
        distance = tf.abs(scale[:, None] - centres[:, None, :])
        # Greedy from left to right: a centre that is no nearer than the one before hides all after it.
        nearer = tf.cast(distance[..., 1:] < distance[..., :-1], tf.int32)
        assigned = tf.reduce_sum(tf.math.cumprod(nearer, axis=-1), axis=-1)
        members = tf.one_hot(assigned, NUM_SEGMENTS, dtype=tf.int32) * histogram[..., None]
        weight = tf.reduce_sum(members, axis=1)
        total = tf.reduce_sum(members * scale[:, None], axis=1)
        new = tf.where(weight > 0, (total + weight // 2) // tf.maximum(weight, 1), centres)
        weights = tf.reduce_sum(weight, axis=1, keepdims=True)
        mean = (tf.reduce_sum(new * weight, axis=1, keepdims=True) + weights // 2) // tf.maximum(weights, 1)
        moved = tf.reduce_sum(tf.abs(new - centres), axis=1, keepdims=True)
        of_alpha = tf.where(moving, assigned, of_alpha)
        middle = tf.where(moving, mean, middle)
        centres = tf.where(moving, new, centres)
        moving = tf.logical_and(moving, moved >= 5)
    return of_alpha, centres, middle


def _filter_level(quantiser: tf.Tensor, beta: tf.Tensor) -> tf.Tensor:
    """Return the loop filter's level (SetupFilterStrength, for filter_strength 60 and sharpness 0)."""
    base = np.minimum(tables.AC_QUANT >> 2, 63) * 300
    level = tf.gather(base.astype(np.int32), quantiser) // (256 + beta)
    return tf.where(level < 2, 0, tf.minimum(level, 63))


def strengthen(segments: Segments, edge: tf.Tensor) -> tf.Tensor:
    """Raise filter levels where blocks without AC have steep edges (src/enc/filter_enc.c, VP8AdjustFilterStrength).

    Args:
        segments: The segments.
        edge: float32, shape (count, batch), of ``encode.Encoded``.

    Returns:
        int32, shape (batch, 4).
    """
    by_image = tf.transpose(segments.segment)
    merged = tf.one_hot(tf.gather(segments.same_as, by_image, batch_dims=1), NUM_SEGMENTS, dtype=tf.int32)
    largest = tf.reduce_max(merged * tf.cast(tf.transpose(edge), tf.int32)[..., None], axis=1)
    largest = tf.gather(largest, segments.same_as, batch_dims=1)
    level = tf.bitwise.right_shift(largest * tf.gather(tables.Y2_AC_QUANT, segments.quantiser), 3)
    return tf.maximum(segments.filter_level, tf.minimum(level, 63))


def _first_equal(key: tf.Tensor) -> tf.Tensor:
    """Return the first index with the same key, int32, shape (batch, 4)."""
    equal = tf.cast(tf.equal(key[:, :, None], key[:, None, :]), tf.int32)
    return tf.argmax(equal, axis=-1, output_type=tf.int32)


def _drop_useless_map(segment: tf.Tensor, same_as: tf.Tensor) -> tf.Tensor:
    """Put all macroblocks in segment 0 where all three probabilities of the segment tree round to 255."""
    first = tf.cast(tf.equal(same_as, np.arange(NUM_SEGMENTS, dtype=np.int32)), tf.int32)
    merged = tf.gather(tf.cumsum(first, axis=1) - 1, tf.gather(same_as, segment, batch_dims=1), batch_dims=1)
    n0, n1, n2, n3 = tf.unstack(tf.reduce_sum(tf.one_hot(merged, NUM_SEGMENTS, dtype=tf.int32), axis=1), axis=1)

    def certain(zero: tf.Tensor, one: tf.Tensor) -> tf.Tensor:
        total = zero + one
        return tf.logical_or(total <= 0, (255 * zero + total // 2) // tf.maximum(total, 1) >= 255)

    useless = certain(n0 + n1, n2 + n3) & certain(n0, n1) & certain(n2, n3)
    return tf.where(useless[:, None], tf.zeros_like(segment), segment)
