"""Whole-number arithmetic in float32: the few operations the codec is written in.

Every value is a whole number, or a whole number over a power of two, small enough (below 2**24 units) that float32
holds it exactly; so the order of a sum, and whether a product and a sum are fused, do not matter.
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
    rows, columns = matrix.shape
    flat = tf.matmul(tf.reshape(values, [-1, rows]), matrix)
    if bias is not None:
        flat = tf.nn.bias_add(flat, bias)
    if values.shape.rank == 2:
        return flat
    if None in values.shape[1:-1]:
        return tf.reshape(flat, tf.concat([tf.shape(values)[:-1], [columns]], axis=0))
    return tf.reshape(flat, [-1, *values.shape[1:-1], columns])
