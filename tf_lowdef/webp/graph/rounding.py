"""Whole-number arithmetic in float32: the few operations the codec is written in.

Every sum is of whole numbers, or of whole numbers over a power of two, small enough (below 2**24 units) that float32
holds it exactly; so the order of a sum, and whether a product and a sum are fused, do not matter. The quantiser alone
divides by other numbers: there floors come out right all the same, for every value that can occur, which exhaustive
tests show.

Matrix products are the one operation whose float32 operands a device may round: to 11 significant bits (TensorFloat-32,
the default of TensorFlow and XLA on many GPUs) or to 8 (bfloat16 passes on TPUs and some CPUs). So there are two of
them, and no others: :func:`multiply`, whose operands have at most 8 significant bits each, and :func:`multiply_wide`,
for all else, in float64, which no device rounds. Sums are kept in full float32 by either kind of unit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

OPERAND_BITS = 8
"""Significant bits that the operands of a float32 product may have: those of bfloat16."""
PRODUCT_SCOPE = "exact_product"
"""In the name of every matrix product of the graph, by which a test finds those that do not belong."""


def round_pixel(values: tf.Tensor) -> tf.Tensor:
    """Return ``floor(clip(x, 0, 255) + 1/2)``: one operation, the rounding and clipping of every prediction."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=0.0, max=255.0, num_bits=8)


def round_level(values: tf.Tensor) -> tf.Tensor:
    """Return ``max(0, floor(x + 1/2))`` up to 65535: the level of a coefficient, given its quotient less 1/2."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=0.0, max=65535.0, num_bits=16)


def round_s5(values: tf.Tensor) -> tf.Tensor:
    """Return ``floor(clip(x, -16, 15) + 1/2)``: the loop filter's clamp (libwebp src/dsp/dec.c, VP8ksclip2)."""
    return tf.quantization.fake_quant_with_min_max_args(values, min=-16.0, max=15.0, num_bits=5)


def multiply(
    values: tf.Tensor, matrix: npt.NDArray[np.float32], bias: npt.NDArray[np.float32] | None = None
) -> tf.Tensor:
    """Return ``values @ matrix + bias`` over the last axis of a tensor of any rank, where operands are short.

    Args:
        values: float32, shape (..., m), at most ``OPERAND_BITS`` significant bits each: pixels, modes, capped levels.
        matrix: float32, shape (m, n), as short.
        bias: float32, shape (n,).
    """
    return _affine(values, matrix, bias, np.float32)


def multiply_wide(values: tf.Tensor, matrix: npt.NDArray[Any], bias: npt.NDArray[Any] | None = None) -> tf.Tensor:
    """Return ``values @ matrix + bias`` in float64, for operands of any length.

    Args:
        values: float32 or float64, shape (..., m).
        matrix: Shape (m, n).
        bias: Shape (n,).
    """
    return _affine(tf.cast(values, tf.float64), matrix, bias, np.float64)


def _affine(values: tf.Tensor, matrix: npt.NDArray[Any], bias: npt.NDArray[Any] | None, dtype: Any) -> tf.Tensor:
    flat = product(flatten(values), tf.constant(matrix.astype(dtype)))
    if bias is not None:
        # Grappler would make one operation of a product and a sum, inside a compiled function too, where XLA does not
        # know it ("_FusedMatMul"): such a SavedModel could not be run. It leaves a difference alone.
        flat = flat - tf.constant(-bias.astype(dtype))
    return unflatten(flat, values)


def interleave(planes: tf.Tensor) -> tf.Tensor:
    """Return planes of pixels, float32, shape (k, ...), as rows of k, shape (n, k).

    A product with the identity, since that is four times as fast on a CPU as ``tf.stack(planes, axis=-1)``.
    """
    count = planes.shape[0]
    return product(tf.reshape(planes, [count, -1]), tf.constant(np.eye(count, dtype=np.float32)), transpose_a=True)


def product(values: tf.Tensor, matrix: tf.Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> tf.Tensor:
    """Return ``values @ matrix``, both of rank 2: every matrix product of the codec is this one."""
    with tf.name_scope(PRODUCT_SCOPE):
        return tf.matmul(values, matrix, transpose_a=transpose_a, transpose_b=transpose_b)


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
