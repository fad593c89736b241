"""The number tables of VP8 and of libwebp's encoder, as NumPy arrays.

``numbers.json`` holds the plain tables, each with the RFC 6386 section or the libwebp file it stands in. Everything
else here is derived from them by the formulas of the files named.
"""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


def _load() -> dict[str, Ints]:
    text = Path(__file__).with_name("numbers.json").read_text(encoding="utf-8")
    return {name: np.array(table["values"], np.int32) for name, table in json.loads(text).items()}


_NUMBERS = _load()
DC_QUANT = _NUMBERS["dc_quant"]
AC_QUANT = _NUMBERS["ac_quant"]
Y2_AC_QUANT = _NUMBERS["y2_ac_quant"]
FIXED_COST_I16 = _NUMBERS["fixed_cost_i16"]
FIXED_COST_UV = _NUMBERS["fixed_cost_uv"]
FIXED_COST_I4 = _NUMBERS["fixed_cost_i4"]
FREQ_SHARPENING = _NUMBERS["freq_sharpening"]
ZIGZAG = _NUMBERS["zigzag"]
BANDS = _NUMBERS["bands"]
COEFF_PROBA_DEFAULT = _NUMBERS["coeff_proba_default"]
COEFF_PROBA_UPDATE = _NUMBERS["coeff_proba_update"]
ENTROPY_COST = _NUMBERS["entropy_cost"]
LEVEL_FIXED_COST = _NUMBERS["level_fixed_cost"]
LEVEL_CODES = _NUMBERS["level_codes"]

MAX_COEFFICIENT = 2300
"""No transformed 4x4 residual is larger: 16 residuals of 255 give at most 2,040, error diffusion adds less than 150."""
MAX_WHT = 16320
"""No coefficient of the second luma transform is larger: 16 x 2,040 / 2."""

_BIAS = {"y1": (96, 110), "y2": (96, 108), "uv": (110, 115)}
"""Rounding biases for (DC, AC), in 1/256 (libwebp src/enc/quant_enc.c, kBiasMatrices)."""
_UV_DC_SHIFT = -2
"""dq_uv_dc, -4 * sns_strength / 100 for the default strength of 50 (quant_enc.c, VP8SetSegmentParams)."""
MAX_UV_DC_INDEX = 117


@lru_cache(maxsize=1)
def linear_light() -> Ints:
    """Return the gamma table from 8 bits to 12 bits of linear light, shape (256,) (libwebp src/dsp/yuv.c)."""
    scale = 1.0 / 255
    return np.array([int(math.pow(scale * v, 0.8) * 4095 + 0.5) for v in range(256)], np.int32)


@lru_cache(maxsize=1)
def gamma_of_sum() -> Ints:
    """Return the way back from a sum of four linear values, shape (16381,), to 10 bits (src/dsp/yuv.c)."""
    scale = (1 << 7) / 4095
    knots = np.array([int(255 * math.pow(scale * k, 1 / 0.8) + 0.5) for k in range(34)], np.int64)
    sums = np.arange(4 * 4095 + 1)
    index, rest = sums >> 9, sums & 511
    back: Ints = ((knots[index + 1] * rest + knots[index] * (512 - rest) + 64) >> 7).astype(np.int32)
    return back


@lru_cache(maxsize=128)
def quantiser_of_alpha(quality: float) -> Ints:
    """Return the quantiser index for each segment susceptibility -127 to 127, shape (255,).

    Source: libwebp src/enc/quant_enc.c, QualityToCompression and VP8SetSegmentParams, in double precision; the quality
    itself is a C float.
    """
    share = float(np.float32(quality)) / 100
    linear = share * (2 / 3) if share < 0.75 else 2 * share - 1
    base = math.pow(linear, 1 / 3)
    amplitude = 0.9 * 50 / 100 / 128
    steps = [int(127 * (1 - math.pow(base, 1 - amplitude * alpha))) for alpha in range(-127, 128)]
    return np.clip(np.array(steps, np.int32), 0, 127)


@lru_cache(maxsize=1)
def quantiser_of_alpha_all() -> Ints:
    """Return :func:`quantiser_of_alpha` for the qualities 0 to 100, shape (101, 255)."""
    return np.stack([quantiser_of_alpha(quality) for quality in range(101)])


def integer_quantiser(step: Ints, bias: int | Ints, sharpen: Ints | int = 0) -> tuple[Ints, Ints]:
    """Return libwebp's (multiplier, offset) of 2**17: a magnitude c has the level (c * multiplier + offset) >> 17."""
    multiplier = ((1 << 17) // step).astype(np.int32)
    return multiplier, (sharpen * multiplier + bias * 512).astype(np.int32)


def float_quantiser(step: Ints, bias: int, limit: int, sharpen: Ints | int = 0) -> tuple[Floats, Floats]:
    """Fit (r, s) so that floor(c * r + s) in float32 is libwebp's level of every magnitude c up to `limit`.

    The line goes through the middle of the gap that the integer rule leaves. The levels need neither libwebp's
    threshold for zero nor its clamp at 2047: within `limit` both hold by themselves. An exhaustive test shows it.

    Returns:
        r and s, float32, of the shape of `step`.
    """
    multiplier, offset = integer_quantiser(step, bias, sharpen)
    magnitudes = np.arange(limit + 1, dtype=np.int32).reshape(-1, *[1] * multiplier.ndim)
    levels = (magnitudes * multiplier + offset) >> 17
    r = multiplier / 2.0**17
    low = np.max(levels - magnitudes * r, axis=0)
    high = np.min(levels + 1 - magnitudes * r, axis=0)
    return r.astype(np.float32), ((low + high) / 2).astype(np.float32)


def expand_matrix(dc: Ints, ac: Ints) -> Ints:
    """Return the average step of a quantiser matrix (quant_enc.c, ExpandMatrix)."""
    return ((dc + 15 * ac + 8) >> 4).astype(np.int32)


@lru_cache(maxsize=1)
def quantiser_rows() -> dict[str, npt.NDArray[Any]]:
    """Return what coding a block takes, by quantiser index.

    Returns:
        ``y1``, ``uv_dc``, ``uv_ac``: float32 of shape (128, 48), each row [r, s, step] for 16 coefficients in raster
        order; ``uv_dc`` is zero but at coefficient 0, ``uv_ac`` is zero there. ``y2_rule``: int32 of shape
        (128, 2, 16), multiplier and offset; ``y2_step``: float32 of shape (128, 16). ``average_y1``, ``average_y2``:
        int32 of shape (128,), the mean steps libwebp calls q_i4 and q_i16. ``step_uv_dc``: int32 of shape (128,).
    """
    sharpen = (AC_QUANT[:, None] * FREQ_SHARPENING) >> 11
    sharpen[:, 0] = (DC_QUANT * FREQ_SHARPENING[0]) >> 11
    uv_dc = DC_QUANT[np.clip(np.arange(128) + _UV_DC_SHIFT, 0, MAX_UV_DC_INDEX)]
    zero = np.zeros((128, 3, 16), np.float32)
    uv_dc_rows, uv_ac_rows = zero.copy(), zero.copy()
    uv_rows = _rows("uv", uv_dc, AC_QUANT, MAX_COEFFICIENT).reshape(128, 3, 16)
    uv_dc_rows[:, :, 0], uv_ac_rows[:, :, 1:] = uv_rows[:, :, 0], uv_rows[:, :, 1:]
    y2_step = np.repeat(np.stack([2 * DC_QUANT, Y2_AC_QUANT], axis=1), [1, 15], axis=1)
    y2_rule = integer_quantiser(y2_step, np.repeat(_BIAS["y2"], [1, 15]))
    return {
        "y1": _rows("y1", DC_QUANT, AC_QUANT, MAX_COEFFICIENT, sharpen),
        "y2_rule": np.stack(y2_rule, axis=1),
        "y2_step": y2_step.astype(np.float32),
        "uv_dc": uv_dc_rows.reshape(128, 48),
        "uv_ac": uv_ac_rows.reshape(128, 48),
        "average_y1": expand_matrix(DC_QUANT, AC_QUANT),
        "average_y2": expand_matrix(2 * DC_QUANT, Y2_AC_QUANT),
        "step_uv_dc": uv_dc,
    }


def _rows(kind: str, dc: Ints, ac: Ints, limit: int, sharpen: Ints | None = None) -> Floats:
    sharpen = np.zeros((128, 2), np.int32) if sharpen is None else sharpen
    rows = np.empty((128, 3, 16), np.float32)
    rows[:, 2, 0], rows[:, 2, 1:] = dc, ac[:, None]
    rows[:, 0, 0], rows[:, 1, 0] = float_quantiser(dc, _BIAS[kind][0], limit, sharpen[:, 0])
    rows[:, 0, 1:], rows[:, 1, 1:] = float_quantiser(ac[:, None], _BIAS[kind][1], limit, sharpen[:, 1:])
    return rows.reshape(128, 48)
