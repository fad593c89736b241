"""The two filters across a block edge (RFC 6386 section 15.3, libwebp src/dsp/dec.c), for many lines at once.

A line is eight pixels p3 p2 p1 p0 | q0 q1 q2 q3 across the edge. Its pixels lie along the first axis, in two halves:
those before the edge and those behind it. Differences of pixels, and what pixels gain, are small products along that
axis, in eighths where libwebp shifts by 3.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph.rounding import product, round_pixel, round_s5
from tf_lowdef.webp.graph.tables import Floats

EDGE, INTERIOR, VARIANCE = 2, 6, 2
"""How often each threshold stands in what the filters take: see :func:`_differences`."""


@lru_cache(maxsize=1)
def _differences() -> Floats:
    """Return the product from eight pixels to twelve differences; weights are at most 5 in steps of 1/8.

    Two whose larger magnitude is 4 abs(p0 - q0) + abs(p1 - q1), held against the edge's threshold; six of neighbours
    on one side, held against the interior's; p1 - p0 and q1 - q0, held against the variance's; 3/8 (q0 - p0); and
    1/8 (p1 - q1).
    """
    p3, p2, p1, p0, q0, q1, q2, q3 = np.eye(8, dtype=np.float32)
    across, beyond = p0 - q0, p1 - q1
    interior = [p3 - p2, p2 - p1, p1 - p0, q1 - q0, q2 - q1, q3 - q2]
    rows = [4 * across + beyond, 4 * across - beyond, *interior, p1 - p0, q1 - q0, -3 / 8 * across, beyond / 8]
    matrix: Floats = np.stack(rows).astype(np.float32)
    return matrix


def _examine(pixels: tf.Tensor, lines: int, limits: tf.Tensor) -> tuple[tf.Tensor, ...]:
    """Return whether to filter and whether variance is high (1 or 0), 3/8 (q0 - p0), and 1/8 (p1 - q1) clamped."""
    found = tf.reshape(product(tf.constant(_differences()), pixels), [12, lines, -1])
    differences, inner, outer = tf.split(found, [EDGE + INTERIOR + VARIANCE, 1, 1])
    excess, variance = tf.split(tf.abs(differences) - limits, [EDGE + INTERIOR, VARIANCE])
    wanted = tf.reduce_max(excess, axis=0, keepdims=True) <= 0.0
    sharp = tf.reduce_max(variance, axis=0, keepdims=True) > 0.0
    return tf.cast(wanted, tf.float32), tf.cast(sharp, tf.float32), inner, _clamp(outer)


def _clamp(eighths: tf.Tensor) -> tf.Tensor:
    """Clamp to a signed byte of eighths, in one operation."""
    return tf.quantization.fake_quant_with_min_max_args(eighths, min=-16.0, max=15.875, num_bits=8)


def _narrow(change: tf.Tensor) -> tf.Tensor:
    """Return what p0 gains, (change + 3) >> 3, and what q0 loses, (change + 4) >> 3, clamped; change is in eighths."""
    return round_s5(change + np.array([-0.125, 0], np.float32)[:, None, None])


def _gain(pixels: tf.Tensor, changes: list[tf.Tensor], weights: Floats) -> tuple[tf.Tensor, tf.Tensor]:
    """Add changes of at most 5 bits, each of shape (k, lines, n), by weights of 1, 0 and -1, shape (8, all k)."""
    together = tf.reshape(tf.concat(changes, axis=0), [weights.shape[1], -1])
    before, behind = tf.split(round_pixel(pixels + product(tf.constant(weights), together)), 2)
    return before, behind


_MACROBLOCK_GAINS = np.array(
    [
        [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 0],
        [0, 0, -1, 0, -1], [0, -1, 0, 0, 0], [-1, 0, 0, 0, 0], [0, 0, 0, 0, 0],
    ],
    np.float32,
)  # fmt: skip
_INNER_GAINS = np.array(
    [[0, 0, 0], [0, 0, 0], [0, 0, 1], [1, 0, 0], [0, -1, 0], [0, 0, -1], [0, 0, 0], [0, 0, 0]], np.float32
)


def filter_macroblock_edge(
    before: tf.Tensor, behind: tf.Tensor, lines: int, limits: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Filter across edges between macroblocks (FilterLoop26).

    Args:
        before: float32, shape (4, lines * n), pixels p3 to p0.
        behind: Those from q0 to q3.
        lines: Of each of the n macroblocks.
        limits: float32, shape (10, 1, n): ``EDGE`` times the threshold of 4 abs(p0 - q0) + abs(p1 - q1), below 0 for no
            filter at all; ``INTERIOR`` times that of differences on one side; ``VARIANCE`` times that above which
            abs(p1 - p0) or abs(q1 - q0) is a high edge variance.

    Returns:
        Both halves, filtered.
    """
    pixels = tf.concat([before, behind], axis=0)
    wanted, sharp, inner, outer = _examine(pixels, lines, limits)
    change = _clamp(inner + outer) * wanted
    narrow_change = change * sharp
    weights = np.array([9 / 16, 18 / 16, 27 / 16], np.float32)[:, None, None]
    wide = tf.floor((change - narrow_change) * weights + 63 / 128)
    return _gain(pixels, [wide, _narrow(narrow_change)], _MACROBLOCK_GAINS)


def filter_inner_edge(
    before: tf.Tensor, behind: tf.Tensor, lines: int, limits: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Filter across edges inside macroblocks (FilterLoop24); see :func:`filter_macroblock_edge`."""
    pixels = tf.concat([before, behind], axis=0)
    wanted, sharp, inner, outer = _examine(pixels, lines, limits)
    narrow = _narrow((inner + outer * sharp) * wanted)
    beside = round_s5(narrow[1:] * 0.5) * (1.0 - sharp)
    return _gain(pixels, [narrow, beside], _INNER_GAINS)
