"""The 4x4 transforms and the quantiser, as products that give libwebp's integers.

Blocks are rows of 16 values in raster order. The transforms' values have up to 16 bits and their weights up to 17, so
products are in float64 (:func:`~tf_lowdef.webp.graph.rounding.multiply_wide`): below 2**53 they are exact, and so are
floors of them over powers of two.

Sources: libwebp src/enc/quant_enc.c, src/dsp/enc.c (FTransform, FTransformWHT, ITransformOne), src/dsp/dec.c
(TransformWHT), RFC 6386 section 14.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.webp.graph.rounding import flatten, multiply_wide, round_level, unflatten

Matrix = npt.NDArray[np.float64]
_K1, _K2 = 2217, 5352
"""The forward transform's sine and cosine, in 1/4096."""
_MUL1, _MUL2 = 65536 + 20091, 35468
"""The inverse transform's, in 1/65536."""


@lru_cache(maxsize=1)
def forward_matrices() -> tuple[tuple[Matrix, Matrix], tuple[Matrix, Matrix], Matrix]:
    """Return two (matrix, bias) of the forward transform, a floor after each, and a last matrix.

    1. Rows: the 16 intermediate values t of FTransform.
    2. Columns: 16 sums; with them, since FTransform adds 1 where ``a3 != 0``, a3 / 2**15 and -a3 / 2**15, of whose
       floors one is -1 then.
    3. The sums, less those floors in row 1.
    """
    m1, b1 = np.zeros((16, 16)), np.zeros(16)
    m2, b2 = np.zeros((16, 24)), np.zeros(24)
    m3 = np.eye(24, 16)
    sums, odd_sums = np.array([1, 1, 1, 1]), np.array([1, -1, -1, 1])
    a2, a3 = np.array([0, 1, -1, 0]), np.array([1, 0, 0, -1])
    for i in range(4):
        row, column = slice(4 * i, 4 * i + 4), slice(i, 16, 4)
        m1[row, row] = np.stack(
            [8 * sums, (_K1 * a2 + _K2 * a3) / 512, 8 * odd_sums, (_K1 * a3 - _K2 * a2) / 512], axis=1
        )
        b1[row] = 0, 1812 / 512, 0, 937 / 512
        m2[column, column] = np.stack(
            [sums / 16, (_K1 * a2 + _K2 * a3) / 65536, odd_sums / 16, (_K1 * a3 - _K2 * a2) / 65536], axis=1
        )
        b2[column] = 7 / 16, 12000 / 65536, 7 / 16, 51000 / 65536
        m2[column, 16 + i], m2[column, 20 + i] = a3 / 32768, -a3 / 32768
        m3[16 + i, 4 + i] = m3[20 + i, 4 + i] = -1
    return (m1, b1), (m2, b2), m3


def forward(residual: tf.Tensor) -> tf.Tensor:
    """Transform residuals of -255 to 255, float32, shape (..., 16), to coefficients of the same shape."""
    first, second, last = forward_matrices()
    values = tf.floor(multiply_wide(flatten(residual), *first))
    values = tf.floor(multiply_wide(values, *second))
    return unflatten(tf.cast(multiply_wide(values, last), tf.float32), residual)


@lru_cache(maxsize=1)
def inverse_matrices() -> tuple[Matrix, Matrix, Matrix]:
    """Return the three products of the inverse transform; a floor follows the first and the second.

    1. (17, 24): from 16 dequantised values and a DC of its own to the terms of the vertical pass.
    2. (24, 24): from those, by their sums, to the terms of the horizontal pass.
    3. (24, 16): their sums over 8; the rounding 4 / 8 is left to ``round_pixel``.
    """
    terms, sums = np.zeros((16, 24)), np.zeros((24, 16))
    for i in range(4):
        at = 6 * i
        terms[i, at] = terms[8 + i, at + 1] = 1
        terms[4 + i, at + 2], terms[4 + i, at + 3] = _MUL1 / 65536, _MUL2 / 65536
        terms[12 + i, at + 4], terms[12 + i, at + 5] = _MUL1 / 65536, _MUL2 / 65536
        a, b = np.array([1, 1, 0, 0, 0, 0]), np.array([1, -1, 0, 0, 0, 0])
        c, d = np.array([0, 0, 0, 1, -1, 0]), np.array([0, 0, 1, 0, 0, 1])
        for k, weights in enumerate((a + d, b + c, b - c, a - d)):
            sums[at : at + 6, 4 * k + i] = weights
    # The second pass works on rows: the same matrices with the block transposed on the way in and out.
    transpose = np.arange(16).reshape(4, 4).T.ravel()
    return np.concatenate([terms, terms[:1]]), sums @ terms[transpose], sums[:, transpose] / 8


def inverse(dequantised: tf.Tensor) -> tf.Tensor:
    """Transform back to residuals, in eighths, not yet rounded.

    Args:
        dequantised: float32, shape (..., 16), or (..., 17): with a DC that is added.

    Returns:
        float32, shape (..., 16). The pixel is ``round_pixel(prediction + residual)``.
    """
    first, second, third = inverse_matrices()
    terms = tf.floor(multiply_wide(flatten(dequantised), first[: dequantised.shape[-1]]))
    terms = tf.floor(multiply_wide(terms, second))
    return unflatten(tf.cast(multiply_wide(terms, third), tf.float32), dequantised)


@lru_cache(maxsize=1)
def wht_matrix() -> Matrix:
    """Return the Walsh-Hadamard transform in two dimensions, 1 and -1, shape (16, 16)."""
    hadamard = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]])
    matrix: Matrix = np.kron(hadamard, hadamard).T.astype(np.float64)
    return matrix


def forward_wht(dcs: tf.Tensor) -> tf.Tensor:
    """Transform the 16 DCs of a macroblock, float32, shape (..., 16); float64, of the same shape."""
    return tf.floor(multiply_wide(dcs, wht_matrix() / 2))


def inverse_wht(dequantised: tf.Tensor) -> tf.Tensor:
    """Transform dequantised values, shape (..., 16), back to 16 DCs, float32."""
    return tf.cast(tf.floor(multiply_wide(dequantised, wht_matrix().T / 8, np.full(16, 3 / 8))), tf.float32)


def levels(coefficients: tf.Tensor, r: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """Quantise coefficients; what comes out has no sign.

    Args:
        coefficients: float32, shape (..., 16).
        r: The rates of ``tables.float_quantiser``, broadcast against `coefficients`.
        s: The offsets, less 1/2.
    """
    return round_level(tf.abs(coefficients) * r + s)
