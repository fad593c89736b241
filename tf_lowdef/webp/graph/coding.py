"""Coding of residuals with a segment's quantisers: transform, quantise, dequantise, transform back.

Source: libwebp src/enc/quant_enc.c (ReconstructIntra16, ReconstructIntra4, ReconstructUV, CorrectDCValues).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.rounding import round_level, twice
from tf_lowdef.webp.graph.tables import Floats
from tf_lowdef.webp.graph.transform import forward_wht, inverse_wht, levels


@dataclass(frozen=True)
class Quantiser:
    """Rates, offsets (less 1/2) and steps of coefficients, each float32 of shape (n, 16) or (n, 1, 16)."""

    r: tf.Tensor
    s: tf.Tensor
    step: tf.Tensor

    def code(self, coefficients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the levels, without sign, of coefficients of shape (n, ..., 16), and the dequantised values."""
        found = levels(coefficients, self.r, self.s)
        return found, tf.sign(coefficients) * (found * self.step)

    def over_blocks(self) -> Quantiser:
        """Return the same for several blocks each: (n, 1, 16)."""
        return Quantiser(*(tf.expand_dims(part, 1) for part in (self.r, self.s, self.step)))

    def twice(self) -> Quantiser:
        """Return the same with each row twice: (2 * n, 16)."""
        return Quantiser(*(twice(part) for part in (self.r, self.s, self.step)))


@dataclass(frozen=True)
class WideQuantiser:
    """libwebp's own whole-number rule, for coefficients too large for float32: the second luma transform's.

    Attributes:
        multiplier: float32, shape (n, 16), whole numbers, in 1/2**17.
        offset: float32, shape (n, 16), whole numbers, in 1/2**17.
        step: float32, shape (n, 16).
    """

    multiplier: tf.Tensor
    offset: tf.Tensor
    step: tf.Tensor

    def code(self, coefficients: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return the levels, without sign, and dequantised values of coefficients, all float64, (n, modes, 16)."""
        multiplier, offset, step = (
            tf.cast(tf.expand_dims(part, 1), tf.float64) for part in (self.multiplier, self.offset, self.step)
        )
        found = tf.floor((tf.abs(coefficients) * multiplier + offset) * 2.0**-17)
        return found, tf.sign(coefficients) * (found * step)


@dataclass(frozen=True)
class Quantisers:
    """The quantisers of some macroblocks.

    Attributes:
        y1: Of 4x4 luma blocks with their DC.
        y1_ac: Of luma blocks whose DC is coded apart: a DC's step is 0.
        y2: Of those DCs, Walsh-Hadamard transformed.
        uv_ac: Of chroma without DC.
        uv_dc: (r, s, step) of the chroma DC, each of shape (n, 1).
    """

    y1: Quantiser
    y1_ac: Quantiser
    y2: WideQuantiser
    uv_ac: Quantiser
    uv_dc: tuple[tf.Tensor, tf.Tensor, tf.Tensor]

    @classmethod
    def of(cls, index: tf.Tensor, uv_index: tf.Tensor) -> Quantisers:
        """Look them up.

        Args:
            index: int32, shape (n,), quantiser indices 0 to 127.
            uv_index: int32, shape (n,), the index for chroma AC.
        """
        luma, chroma_ac, chroma_dc = _lookup_rows()
        table = np.concatenate([luma, wide_rows().reshape(128, 48), chroma_dc], axis=1)
        *parts, r, s, step = tf.split(tf.gather(table, index), [16] * 9 + [1, 1, 1], axis=1)
        uv_ac = Quantiser(*tf.split(tf.gather(chroma_ac, uv_index), 3, axis=1))
        return cls(Quantiser(*parts[:3]), Quantiser(*parts[3:6]), WideQuantiser(*parts[6:]), uv_ac, (r, s, step))


@lru_cache(maxsize=1)
def _lookup_rows() -> tuple[Floats, Floats, Floats]:
    """Return rows by quantiser index: (y1, y1 without DC) x (r, s, step) x 16; the same for chroma AC; chroma DC."""
    rows = tables.quantiser_rows()

    def halved(name: str, with_dc: bool = True) -> Floats:
        parts = rows[name].reshape(128, 3, 16).copy()
        parts[:, 1] -= 0.5
        if not with_dc:
            parts[:, 0, 0], parts[:, 1, 0], parts[:, 2, 0] = 0, -0.5, 0
        return parts.reshape(128, 48)

    chroma_dc = rows["uv_dc"].reshape(128, 3, 16)[:, :, 0] - np.array([0, 0.5, 0], np.float32)
    luma = np.concatenate([halved("y1"), halved("y1", with_dc=False)], axis=1)
    return luma, halved("uv_ac"), chroma_dc


@lru_cache(maxsize=1)
def wide_rows() -> Floats:
    """Return multiplier, offset and step of :class:`WideQuantiser` by quantiser index, shape (128, 3, 16)."""
    rows = tables.quantiser_rows()
    return np.concatenate([rows["y2_rule"], rows["y2_step"][:, None]], axis=1).astype(np.float32)


def code_luma_dc(coefficients: tf.Tensor, quantiser: WideQuantiser) -> tuple[tf.Tensor, tf.Tensor]:
    """Code the DCs of 16x16 luma by themselves.

    Args:
        coefficients: float32, shape (n, modes, 16, 16): of 16 blocks.
        quantiser: The ``y2`` of :class:`Quantisers`.

    Returns:
        Their levels without sign and the decoded DCs, each of shape (n, modes, 16).
    """
    found, dequantised = quantiser.code(forward_wht(coefficients[..., 0]))
    return tf.cast(found, tf.float32), inverse_wht(dequantised)


def code_chroma_dc(
    dc: tf.Tensor,
    quantiser: tuple[tf.Tensor, tf.Tensor, tf.Tensor],
    diffusion: tf.Tensor,
    above: tf.Tensor | None = None,
    left: tf.Tensor | None = None,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Code the chroma DCs, each with 7/16 of the error above it and 8/16 of the one at its left.

    Args:
        dc: float32, shape (n, modes, 8): four of U, four of V.
        quantiser: (r, s, step), each of shape (n, 1).
        diffusion: float32, shape (n, 1): 1 to diffuse errors, 0 not to (quality above 98).
        above: Errors of the macroblock above, shape (n, 4): two of U, two of V. None for zeros, as methods 0 to 2
            have it.
        left: The same of the macroblock at the left.

    Returns:
        The decoded DCs, shape (n, modes, 8); their levels with sign, of the same shape; the errors of blocks 1, 2 and
        3, shape (n, modes, 2, 3).
    """
    r, s, step, diffusion = (tf.reshape(part, [-1, 1, 1, 1]) for part in (*quantiser, diffusion))
    modes = dc.shape[1]
    values = tf.reshape(dc, [-1, modes, 2, 4])

    def single(value: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        level = tf.sign(value) * round_level(tf.abs(value) * r + s)
        return level, tf.floor((value - level * step) * 0.5) * diffusion

    if above is None or left is None:
        level0, error0 = single(values[..., :1])
        arriving = error0 * tf.constant([1.0, 0.875])
    else:
        above, left = tf.reshape(above, [-1, 1, 2, 2]), tf.reshape(left, [-1, 1, 2, 2])
        level0, error0 = single(values[..., :1] + tf.floor(0.875 * above[..., :1] + left[..., :1]))
        arriving = tf.concat([0.875 * above[..., 1:] + error0, 0.875 * error0 + left[..., 1:]], axis=-1)
    level12, error12 = single(values[..., 1:3] + tf.floor(arriving))
    level3, error3 = single(values[..., 3:] + tf.floor(0.875 * error12[..., :1] + error12[..., 1:]))
    found = tf.concat([level0, level12, level3], axis=-1)
    errors = tf.concat([error12, error3], axis=-1)
    return tf.reshape(found * step, [-1, modes, 8]), tf.reshape(found, [-1, modes, 8]), errors
