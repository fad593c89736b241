"""The two filters across a block edge (RFC 6386 section 15.3, libwebp src/dsp/dec.c), for many lines at once.

A line is eight pixels p3 p2 p1 p0 | q0 q1 q2 q3 across the edge. Its pixels lie along the first axis.
"""

from __future__ import annotations

from dataclasses import dataclass

import tensorflow as tf

from tf_lowdef.webp.graph.rounding import round_pixel, round_s5


@dataclass(frozen=True)
class Limits:
    """Thresholds of some macroblocks, each float32 of shape (n,).

    Attributes:
        edge: Of 4 * abs(p0 - q0) + abs(p1 - q1); below 0 for no filter at all.
        interior: Of the differences of neighbours on one side.
        variance: Above it, abs(p1 - p0) or abs(q1 - q0) is a high edge variance.
    """

    edge: tf.Tensor
    interior: tf.Tensor
    variance: tf.Tensor


def _examine(pixels: tf.Tensor, limits: Limits) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return whether to filter and whether variance is high (1 or 0), 3 (q0 - p0), and p1 - q1 in a signed byte."""
    signed = pixels[1:] - pixels[:-1]
    steps = tf.abs(signed)
    across = pixels[2] - pixels[5]
    rough = tf.maximum(tf.reduce_max(steps[:3], axis=0), tf.reduce_max(steps[4:], axis=0))
    sharp = tf.maximum(steps[2], steps[4]) > limits.variance
    wanted = tf.logical_and(steps[3] * 4.0 + tf.abs(across) <= limits.edge, rough <= limits.interior)
    outer = tf.clip_by_value(across, -128.0, 127.0)
    return tf.cast(wanted, tf.float32), tf.cast(sharp, tf.float32), signed[3] * 3.0, outer


def _narrow(change: tf.Tensor) -> tf.Tensor:
    """Return what p0 gains, (change + 3) >> 3, and what q0 loses, (change + 4) >> 3, clamped, stacked."""
    return round_s5(change * 0.125 + tf.constant([-0.125, 0.0])[:, None, None])


def filter_macroblock_edge(pixels: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Filter across edges between macroblocks (FilterLoop26).

    Args:
        pixels: float32, shape (8, lines, n).
        limits: Of the n macroblocks.

    Returns:
        The middle six, shape (6, lines, n).
    """
    wanted, sharp, inner, outer = _examine(pixels, limits)
    change = tf.clip_by_value(inner + outer, -128.0, 127.0) * wanted
    narrow_change = change * sharp
    weights = tf.constant([9 / 128, 18 / 128, 27 / 128])[:, None, None]
    wide = tf.floor((change - narrow_change) * weights + 63 / 128)
    narrow = _narrow(narrow_change)
    gains = [wide[:2], wide[2:] + narrow[:1], -wide[2:] - narrow[1:], -wide[1:2], -wide[:1]]
    return round_pixel(pixels[1:7] + tf.concat(gains, axis=0))


def filter_inner_edge(pixels: tf.Tensor, limits: Limits) -> tf.Tensor:
    """Filter across edges inside macroblocks (FilterLoop24).

    Args:
        pixels: float32, shape (8, lines, n).
        limits: Of the n macroblocks.

    Returns:
        The middle four, shape (4, lines, n).
    """
    wanted, sharp, inner, outer = _examine(pixels, limits)
    narrow = _narrow((inner + outer * sharp) * wanted)
    beside = (tf.floor(narrow[1:] * 0.5 + 0.5)) * (1.0 - sharp)
    return round_pixel(pixels[2:6] + tf.concat([beside, narrow[:1], -narrow[1:], -beside], axis=0))
