"""Weights of rate-distortion decisions and the texture measure (libwebp src/enc/quant_enc.c, src/dsp/enc.c TTransform).

A score is (rate + header) * lambda + 256 * (distortion + texture distortion), below about 4e11: float64 throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.rounding import multiply
from tf_lowdef.webp.graph.tables import Floats
from tf_lowdef.webp.graph.transform import wht_matrix

TIE = 2.0**-10
"""Added to a score once per mode index, so that the first of equal modes wins; scores are whole numbers."""
_TEXTURE_WEIGHTS = np.array([38, 32, 20, 9, 32, 28, 17, 7, 20, 17, 10, 4, 9, 7, 4, 2], np.float32)
"""kWeightY, symmetric in rows and columns."""
_SNS_STRENGTH = 50


@dataclass(frozen=True)
class Weights:
    """Lambdas of some macroblocks, float64 of shape (n,), but `texture`: float32.

    Attributes:
        i16: Among 16x16 modes.
        i4: Among 4x4 modes.
        uv: Among chroma modes.
        mode: Between 4x4 and 16x16.
        texture: Weight of the texture distortion, over 256: exact in float32, as a multiple of 1/256.
        least_error: From which squared error on a block without AC makes the loop filter stronger.
    """

    i16: tf.Tensor
    i4: tf.Tensor
    uv: tf.Tensor
    mode: tf.Tensor
    texture: tf.Tensor
    least_error: tf.Tensor

    @classmethod
    def of(cls, index: tf.Tensor, uv_index: tf.Tensor, method: int) -> Weights:
        """Look them up by quantiser index and chroma AC index, each int32 of shape (n,)."""
        luma = tf.unstack(tf.gather(_luma_weights(method), index), axis=1)
        rows = tables.quantiser_rows()
        step = tf.gather(rows["step_uv_dc"], index) + 15 * tf.gather(tables.AC_QUANT, uv_index) + 8
        step = tf.bitwise.right_shift(step, 4)
        uv = tf.maximum(tf.bitwise.right_shift(3 * step * step, 6), 1)
        i16, i4, mode, texture, least_error = luma
        return cls(
            i16, i4, tf.cast(uv, tf.float64), mode, tf.cast(texture, tf.float32), tf.cast(least_error, tf.float32)
        )


@lru_cache(maxsize=2)
def _luma_weights(method: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return (i16, i4, mode, texture, least_error) by quantiser index (quant_enc.c, SetupMatrices)."""
    rows = tables.quantiser_rows()
    q4, q16 = rows["average_y1"].astype(np.int64), rows["average_y2"].astype(np.int64)
    scale = _SNS_STRENGTH if method >= 4 else 0
    parts = [3 * q16 * q16, (3 * q4 * q4) >> 7, (q4 * q4) >> 7, (scale * q4) >> 5]
    i16, i4, mode, texture = (np.maximum(part, 1) for part in parts)
    return np.stack([i16, i4, mode, texture / 256, 20 * tables.DC_QUANT], axis=1)


@lru_cache(maxsize=1)
def _texture_matrix() -> Floats:
    return wht_matrix().astype(np.float32)


def texture(blocks: tf.Tensor) -> tf.Tensor:
    """Return the weighted sum of Hadamard coefficients over 32, at most 32,640: float32, (...) of (..., 16)."""
    coefficients = multiply(blocks, _texture_matrix())  # pixels by 1 and -1
    return tf.reduce_sum(tf.abs(coefficients) * (_TEXTURE_WEIGHTS / 32), axis=-1)


def score(rate: tf.Tensor, distortion: tf.Tensor, weight: tf.Tensor) -> tf.Tensor:
    """Return ``rate * weight + 256 * distortion`` in float64."""
    return tf.cast(rate, tf.float64) * weight + tf.cast(distortion, tf.float64) * 256.0
