"""Whole-number arithmetic in float32: the few operations the codec is written in.

Every sum is of whole numbers, or of whole numbers over a power of two, small enough (below 2**24 units) that float32
holds it exactly; so the order of a sum, and whether a product and a sum are fused, do not matter. Two places divide
by other numbers, the quantiser and the terms of the inverse transform: there floors come out right all the same, for
every value that can occur, which exhaustive tests show.
"""

from __future__ import annotations

import tensorflow as tf


def round_pixel(values: tf.Tensor) -> tf.Tensor:
    """Return ``floor(clip(x, 0, 255) + 1/2)``: one operation, the rounding and clipping of every prediction."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=0.0, max=255.0, num_bits=8)


def round_level(values: tf.Tensor) -> tf.Tensor:
    """Return ``max(0, floor(x + 1/2))`` up to 65535: the level of a coefficient, given its quotient less 1/2."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=0.0, max=65535.0, num_bits=16)


def round_s5(values: tf.Tensor) -> tf.Tensor:
    """Return ``floor(clip(x, -16, 15) + 1/2)``: the loop filter's clamp (libwebp src/dsp/dec.c, VP8ksclip2)."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=-16.0, max=15.0, num_bits=5)


def multiply(values: tf.Tensor, matrix: tf.Tensor, bias: tf.Tensor | None = None) -> tf.Tensor:
    """Return ``values @ matrix + bias`` over the last axis of a tensor of any rank.

    Args:
        values: float32, shape (..., m).
        matrix: float32, shape (m, n), static.
        bias: float32, shape (n,).
    """
    flat = tf.matmul(flatten(values), matrix)
    if bias is not None:
        flat = tf.nn.bias_add(flat, bias)
    return unflatten(flat, values)


def flatten(values: tf.Tensor) -> tf.Tensor:
    """Return a tensor of any rank as one of rank 2 with the same last axis."""
    return values if values.shape.rank == 2 else tf.reshape(values, [-1, values.shape[-1]])


def unflatten(flat: tf.Tensor, like: tf.Tensor) -> tf.Tensor:
    """Return what :func:`flatten` made of a tensor like `like` in that shape again, but for the last axis."""
    if like.shape.rank == 2:
        return flat
    columns = flat.shape[-1]
    if None in like.shape[1:-1]:
        return tf.reshape(flat, tf.concat([tf.shape(like)[:-1], [columns]], axis=0))
    return tf.reshape(flat, [-1, *like.shape[1:-1], columns])


def twice(rows: tf.Tensor) -> tf.Tensor:
    """Return rows of shape (n, k), each of them twice, shape (2 * n, k), in two operations."""
    return tf.reshape(tf.concat([rows, rows], axis=1), [-1, rows.shape[1]])


def count_values(values: tf.Tensor, size: int) -> tf.Tensor:
    """Count whole numbers row by row.

    Args:
        values: int32, shape (n, m), 0 to size - 1.
        size: How many counts there are. ``tf.math.bincount`` would compute it in the graph, where XLA wants a constant.

    Returns:
        int32, shape (n, size).
    """
    counts = tf.raw_ops.DenseBincount(input=values, size=tf.constant(size), weights=tf.zeros([0], tf.int32))
    return tf.reshape(counts, [-1, size])  # XLA's gives a single row as a vector
