"""Near-lossless preprocessing: rounding pixels where the eye forgives it, so that lossless WebP gets smaller.

Pillow has no near-lossless switch. This is libwebp's pixel adjustment, src/enc/near_lossless_enc.c of libwebp 1.6.0,
over numpy arrays. ``cwebp -near_lossless`` may round the predictor's residuals instead, so its pixels differ; the bound
on the error is the same.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_MIN_SIDE = 64
"""Images with both sides below this are icons and stay as they are (MIN_DIM_FOR_NEAR_LOSSLESS)."""


def limit_bits(near: int) -> int:
    """Return how many low bits a level rounds: 100 none, 80 to 99 one, ... 0 to 19 five (VP8LNearLosslessBits)."""
    return 5 - near // 20


def near_lossless(pixels: Pixels, near: int) -> Pixels:
    """Round the pixels that differ from a neighbour, more coarsely the lower `near` is.

    Args:
        pixels: uint8, shape (height, width, channels).
        near: 0 (coarsest) to 100 (nothing changes).

    Returns:
        uint8 of the same shape; no value differs by more than half of ``2 ** limit_bits(near)``.
    """
    height, width = pixels.shape[:2]
    if max(height, width) < _MIN_SIDE or min(height, width) < 3:
        return pixels
    for bits in range(limit_bits(near), 0, -1):
        pixels = _round(pixels, bits)
    return pixels


def _round(pixels: Pixels, bits: int) -> Pixels:
    """Round to multiples of ``2 ** bits`` (or 255) wherever a 4-neighbour differs by that much or more."""
    values = pixels.astype(np.int16)
    mask = (1 << bits) - 1
    biased = values + (mask >> 1) + ((values >> bits) & 1)
    rounded = np.where(biased > 255, 255, biased & ~mask)
    middle = values[1:-1, 1:-1]
    neighbours = (values[1:-1, :-2], values[1:-1, 2:], values[:-2, 1:-1], values[2:, 1:-1])
    rough = np.zeros(middle.shape[:2], dtype=np.bool_)
    for neighbour in neighbours:
        rough |= (np.abs(middle - neighbour) >= 1 << bits).any(axis=2)
    out = values.copy()
    out[1:-1, 1:-1] = np.where(rough[..., np.newaxis], rounded[1:-1, 1:-1], middle)
    return out.astype(np.uint8)
