"""Intra prediction, 16x16, chroma and 4x4 (RFC 6386 section 12, libwebp src/dsp/enc.c), from the edges of neighbours.

The edges of a macroblock are 79 values: 32 of the row above (16 Y, 8 U, 8 V), 32 of the column at the left, the
corners of Y, U and V, the four luma pixels above at the right, four 4x4 modes above and four at the left.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.webp.graph.layout import Index, pixel_positions
from tf_lowdef.webp.graph.rounding import multiply, round_pixel

Matrix = npt.NDArray[np.float32]
EDGES = 67
"""Edges that 16x16 and chroma prediction take."""
ALL_EDGES = 79
TOP, LEFT, CORNER, TOP_RIGHT, TOP_MODES, LEFT_MODES = 0, 32, 64, 67, 71, 75
DC_WEIGHTS = 3
"""Numbers that turn a sum of edges into a DC prediction: weight of the top, weight of the left, constant."""
NUM_I4_MODES = 10
_ABOVE, _BESIDE = 127, 129
"""What stands for pixels above and at the left of the picture."""


@dataclass(frozen=True)
class Borders:
    """What the picture's borders put in the place of edges, for some macroblocks.

    Attributes:
        mask: float32, shape (n, 79): 1 where the neighbour is there.
        constant: float32, shape (n, 79): what stands there otherwise. 4x4 modes outside count as DC, 0.
        dc: float32, shape (n, 3): see DC_WEIGHTS; for sums of twice eight or sixteen pixels, halved.
        repeat: bool, shape (n, 1): where the pixels above at the right are the last above, repeated.
    """

    mask: Matrix
    constant: Matrix
    dc: Matrix
    repeat: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, x: Index, y: Index, columns: int) -> Borders:
        """Build from positions of macroblocks, each of shape (n,)."""
        left, above, last = x > 0, y > 0, x == columns - 1
        mask = np.zeros((len(x), ALL_EDGES), np.float32)
        mask[:, TOP:LEFT] = mask[:, TOP_MODES:LEFT_MODES] = above[:, None]
        mask[:, LEFT:CORNER] = mask[:, LEFT_MODES:] = left[:, None]
        mask[:, CORNER:TOP_RIGHT] = (left & above)[:, None]
        mask[:, TOP_RIGHT:TOP_MODES] = above[:, None]
        constant = np.zeros((len(x), ALL_EDGES), np.float32)
        constant[:, TOP:LEFT] = constant[:, TOP_RIGHT:TOP_MODES] = np.where(above, 0, _ABOVE)[:, None]
        constant[:, LEFT:CORNER] = np.where(left, 0, _BESIDE)[:, None]
        constant[:, CORNER:TOP_RIGHT] = np.where(above, np.where(left, 0, _BESIDE), _ABOVE)[:, None]
        dc = np.stack(
            [
                np.where(above, np.where(left, 0.5, 1), 0),
                np.where(left, np.where(above, 0.5, 1), 0),
                np.where(above | left, 0, 128),
            ],
            axis=1,
        )
        return cls(mask, constant, dc.astype(np.float32), last[:, None])


def whole(edges: tf.Tensor, dc: tf.Tensor, modes: int = 4) -> tf.Tensor:
    """Predict whole macroblocks, luma and chroma, in all four modes.

    Args:
        edges: float32, shape (n, at least 67).
        dc: float32, shape (n, 3): the ``dc`` of :class:`Borders`.
        modes: How many of the modes are wanted, 2 or 4.

    Returns:
        float32, shape (n, modes, 384); the modes are DC, TM, V, H (libwebp's order).
    """
    edges = edges[:, :EDGES]
    means = multiply(edges, _mean_matrix())  # pixels by powers of two
    above, beside = tf.split(means, 2, axis=1)
    weight_above, weight_beside, constant = tf.split(dc, DC_WEIGHTS, axis=1)
    mean = round_pixel(above * weight_above + beside * weight_beside + constant)
    # Pixels by 1, 0 and -1: a product copies edges four times as fast as a gather of single numbers does.
    every = round_pixel(multiply(tf.concat([edges, mean], axis=1), _whole_matrix()[:, : modes * 384]))
    return tf.reshape(every, [-1, modes, 384])


@lru_cache(maxsize=1)
def _mean_matrix() -> Matrix:
    """Return the product from top and left edges to the means of Y, U, V above, then at the left."""
    matrix = np.zeros((EDGES, 6), np.float32)
    for column, (start, size) in enumerate(((0, 16), (16, 8), (24, 8))):
        matrix[start : start + size, column] = matrix[32 + start : 32 + start + size, column + 3] = 1 / size
    return matrix


@lru_cache(maxsize=1)
def _whole_matrix() -> Matrix:
    """Return the product from edges and means (from 67 on) to the four modes' pixels, not yet rounded: (70, 1536)."""
    plane, row, column = pixel_positions()
    start = np.array([0, 16, 24])[plane]
    edge = np.eye(EDGES + 3, dtype=np.float32)
    corner, flat, above, beside = (
        edge[at].T for at in (CORNER + plane, EDGES + plane, TOP + start + column, LEFT + start + row)
    )
    return np.concatenate([flat, above + beside - corner, above, beside], axis=1)


def four_by_four(edges: tf.Tensor) -> tf.Tensor:
    """Predict 4x4 blocks in all ten modes.

    Args:
        edges: float32, shape (n, 13 or more): four at the left from the bottom up, the corner, eight above; what
            follows does not count here.

    Returns:
        float32, shape (n, 10, 16), in libwebp's order: DC, TM, VE, HE, RD, VR, LD, VL, HD, HU.
    """
    matrix = np.pad(_i4_matrix(), ((0, edges.shape[1] - 13), (0, 0)))
    # Pixels and small whole numbers by 1/8, 1/4, 1/2, 3/4 or 1.
    return tf.reshape(round_pixel(multiply(edges, matrix)), [-1, NUM_I4_MODES, 16])


@lru_cache(maxsize=1)
def _i4_matrix() -> Matrix:
    """Return the product (13, 160): each pixel of each mode is a weighted mean of edges, rounded afterwards."""
    # Edges along the way round the block: L, K, J, I, X (corner), A to H.
    edge = dict(zip("LKJIXABCDEFGH", np.eye(13), strict=True))

    def smooth(names: str) -> npt.NDArray[np.float64]:
        """Mean of two, or of three with the middle one twice."""
        parts = [edge[name] for name in names]
        return (parts[0] + parts[1]) / 2 if len(parts) == 2 else (parts[0] + 2 * parts[1] + parts[2]) / 4

    matrix = np.zeros((13, NUM_I4_MODES, 4, 4))
    matrix[:, 0] = np.mean([edge[name] for name in "LKJIABCD"], axis=0)[:, None, None]
    for row in range(4):
        for column in range(4):
            matrix[:, 1, row, column] = edge["IJKL"[row]] + edge["ABCD"[column]] - edge["X"]
            matrix[:, 2, row, column] = smooth(("XAB", "ABC", "BCD", "CDE")[column])
            matrix[:, 3, row, column] = smooth(("XIJ", "IJK", "JKL", "KLL")[row])
    for mode, pixels in _DIRECTIONAL.items():
        for names, places in pixels.items():
            for place in places.split():
                value = edge["L"] if names == "L" else smooth(names)
                matrix[:, mode, int(place[1]), int(place[0])] = value
    return matrix.reshape(13, -1).astype(np.float32)


_DIRECTIONAL = {
    4: {  # RD
        "JKL": "03", "IJK": "02 13", "XIJ": "01 12 23", "AXI": "00 11 22 33", "BAX": "10 21 32", "CBA": "20 31",
        "DCB": "30",
    },
    5: {  # VR
        "XA": "00 12", "AB": "10 22", "BC": "20 32", "CD": "30", "KJI": "03", "JIX": "02", "IXA": "01 13",
        "XAB": "11 23", "ABC": "21 33", "BCD": "31",
    },
    6: {  # LD
        "ABC": "00", "BCD": "10 01", "CDE": "20 11 02", "DEF": "30 21 12 03", "EFG": "31 22 13", "FGH": "32 23",
        "GHH": "33",
    },
    7: {  # VL
        "AB": "00", "BC": "10 02", "CD": "20 12", "DE": "30 22", "ABC": "01", "BCD": "11 03", "CDE": "21 13",
        "DEF": "31 23", "EFG": "32", "FGH": "33",
    },
    8: {  # HD
        "IX": "00 21", "JI": "01 22", "KJ": "02 23", "LK": "03", "ABC": "30", "XAB": "20", "AXI": "10 31",
        "XIJ": "11 32", "IJK": "12 33", "JKL": "13",
    },
    9: {  # HU
        "IJ": "00", "JK": "20 01", "KL": "21 02", "IJK": "10", "JKL": "30 11", "KLL": "31 12",
        "L": "32 22 03 13 23 33",
    },
}  # fmt: skip
"""Which mean (two edges, or three with the middle one twice) goes to which pixels, as "column row" (src/dsp/enc.c)."""
