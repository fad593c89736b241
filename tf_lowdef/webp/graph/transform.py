"""The 4x4 transforms and the quantiser, as float32 products that give libwebp's integers.

Blocks are rows of 16 values in raster order. Coefficients that are to be quantised come in pairs, c and -c, 32 to a
block: the larger of the two levels belongs to the sign, and the sign then is a minus in the next product.

Sources: libwebp src/dsp/enc.c (FTransform, FTransformWHT, ITransformOne), src/dsp/dec.c (TransformWHT), RFC 6386
section 14.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.webp.graph.rounding import flatten, multiply, round_level, unflatten

Matrix = npt.NDArray[np.float32]
_K1, _K2 = 2217, 5352
"""The forward transform's sine and cosine, in 1/4096."""
_MUL1, _MUL2 = 65536 + 20091, 35468
"""The inverse transform's, in 1/65536."""

MAX_TERM = 5864
"""Up to here the inverse transform's floors are exact. What goes in stays below 3,900: 2,040 of the picture, one
quantiser step of error for each coefficient that goes into a sum (864 by way of the luma DCs, 809 of AC), and 150 of
diffused chroma error."""


@lru_cache(maxsize=1)
def forward_matrices() -> tuple[tuple[Matrix, Matrix], ...]:
    """Return the three (matrix, bias) of the forward transform; a floor follows each.

    1. Rows: the 16 intermediate values t of FTransform.
    2. Columns. A sum K1 * a + K2 * b of intermediates would not fit 24 bits. With K1 = 8 * 277 + 1 and
       K2 = 8 * 669 it is 8 * (277 * a + 669 * b) + a: two parts are kept, the second already divided by 8, which a
       floor may do early. Bound: (277 + 669) * 16320 + 16320 / 8 + 51000 / 8 = 15.5e6 < 2**24.
       ``a3 != 0`` is -floor(a3 / 2**15) - floor(-a3 / 2**15).
    3. The parts together, for c and for -c.
    """
    m1, b1 = np.zeros((16, 16)), np.zeros(16)
    m2, b2 = np.zeros((16, 32)), np.zeros(32)
    m3, b3 = np.zeros((32, 32)), np.zeros(32)
    for i in range(4):
        sums, odd_sums = np.array([1, 1, 1, 1]), np.array([1, -1, -1, 1])
        a2, a3 = np.array([0, 1, -1, 0]), np.array([1, 0, 0, -1])
        row = slice(4 * i, 4 * i + 4)
        m1[row, 4 * i] = 8 * sums
        m1[row, 4 * i + 1] = (_K1 * a2 + _K2 * a3) / 512
        m1[row, 4 * i + 2] = 8 * odd_sums
        m1[row, 4 * i + 3] = (_K1 * a3 - _K2 * a2) / 512
        b1[row] = 0, 1812 / 512, 0, 937 / 512
        column, part = slice(i, 16, 4), slice(8 * i, 8 * i + 8)
        parts = [
            (sums / 16, 7 / 16),
            (odd_sums / 16, 7 / 16),
            (277 * a2 + 669 * a3, 0),
            (a2 / 8, 12000 / 8),
            (277 * a3 - 669 * a2, 0),
            (a3 / 8, 51000 / 8),
            (a3 / 32768, 0),
            (-a3 / 32768, 0),
        ]
        m2[column, part] = np.stack([weights for weights, _ in parts], axis=1)
        b2[part] = [bias for _, bias in parts]
        m3[8 * i, i] = m3[8 * i + 1, i + 8] = 1
        m3[8 * i + 2 : 8 * i + 4, i + 4] = m3[8 * i + 4 : 8 * i + 6, i + 12] = 1 / 8192
        m3[8 * i + 6 : 8 * i + 8, i + 4] = -1
    # -floor(x / 8192) is floor((8191 - x) / 8192) for a whole x.
    m3[:, 16:], b3[16:] = -m3[:, :16], 8191 / 8192
    return tuple((m.astype(np.float32), b.astype(np.float32)) for m, b in ((m1, b1), (m2, b2), (m3, b3)))


def forward(residual: tf.Tensor, pairs: bool = True) -> tf.Tensor:
    """Transform residuals of -255 to 255.

    Args:
        residual: float32, shape (..., 16).
        pairs: Whether to give the negatives too.

    Returns:
        float32, shape (..., 32): the coefficients and their negatives; or the coefficients alone, shape (..., 16).
    """
    values = flatten(residual)
    first, second, (last, last_bias) = forward_matrices()
    columns = 32 if pairs else 16
    for matrix, bias in (first, second, (last[:, :columns], last_bias[:columns])):
        values = tf.floor(multiply(values, tf.constant(matrix), tf.constant(bias)))
    return unflatten(values, residual)


@lru_cache(maxsize=1)
def inverse_matrices() -> tuple[Matrix, ...]:
    """Return the four products of the inverse transform; a floor follows the first and the third.

    1. (33, 24): from 32 dequantised halves and a DC of its own to the terms of the vertical pass.
    2. (24, 16): their sums.
    3. (16, 24): the terms of the horizontal pass.
    4. (24, 16): their sums over 8; the rounding 4 / 8 is left to ``round_pixel``.

    A term c * k / 65536 is one float32 product; its floor is exact for every whole c up to ``MAX_TERM`` (a test counts
    them).
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
    first = np.concatenate([terms, -terms, terms[:1]])
    return tuple(m.astype(np.float32) for m in (first, sums, terms[transpose], sums[:, transpose] / 8))


def inverse(dequantised: tf.Tensor) -> tf.Tensor:
    """Transform back to residuals, in eighths, not yet rounded.

    Args:
        dequantised: float32, shape (..., 32): the halves c and -c, dequantised; or (..., 33): with a DC added to them.

    Returns:
        float32, shape (..., 16). The pixel is ``round_pixel(prediction + residual)``.
    """
    first, second, third, fourth = inverse_matrices()
    terms = tf.floor(multiply(flatten(dequantised), first[: dequantised.shape[-1]]))
    terms = tf.floor(multiply(multiply(terms, second), third))
    return unflatten(multiply(terms, fourth), dequantised)


@lru_cache(maxsize=1)
def wht_matrices() -> tuple[Matrix, Matrix, Matrix, Matrix]:
    """Return (matrix, bias) of the forward Walsh-Hadamard transform, pairs c and -c, then of the inverse."""
    hadamard = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]])
    full = np.kron(hadamard, hadamard).T
    forward_matrix = np.concatenate([full, -full], axis=1) / 2
    forward_bias = np.repeat([0.0, 0.5], 16)
    backward = np.concatenate([full.T, -full.T]) / 8
    arrays = (forward_matrix, forward_bias, backward, np.full(16, 3 / 8))
    return tuple(a.astype(np.float32) for a in arrays)  # type: ignore[return-value]


def forward_wht(dcs: tf.Tensor) -> tf.Tensor:
    """Transform the 16 DCs of a macroblock, shape (..., 16), to pairs of shape (..., 32)."""
    matrix, bias, _, _ = wht_matrices()
    return tf.floor(multiply(dcs, tf.constant(matrix), tf.constant(bias)))


def inverse_wht(dequantised: tf.Tensor) -> tf.Tensor:
    """Transform dequantised halves, shape (..., 32), back to 16 DCs."""
    _, _, matrix, bias = wht_matrices()
    return tf.floor(multiply(dequantised, tf.constant(matrix), tf.constant(bias)))


def levels(pairs: tf.Tensor, r: tf.Tensor, s: tf.Tensor) -> tf.Tensor:
    """Quantise pairs c and -c; at most one of the two levels is not zero.

    Args:
        pairs: float32, shape (..., 32).
        r: The rates of ``tables.float_quantiser`` for both halves, broadcast against `pairs`.
        s: The offsets, less 1/2.
    """
    return round_level(pairs * r + s)
