"""Numbers about predictions and perturbations."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import tensorflow as tf

SSIM_WINDOW = 11
"""Side in pixels of the Gaussian window of SSIM (Wang et al. 2004, section III-B), the least side it is defined for."""


def mean_or_none(values: npt.ArrayLike) -> float | None:
    """Return the mean, None of nothing."""
    array = np.asarray(values, np.float64)
    return float(array.mean()) if array.size else None


def max_or_none(values: npt.ArrayLike) -> float | None:
    """Return the greatest value, None of nothing."""
    array = np.asarray(values, np.float64)
    return float(array.max()) if array.size else None


def median_minimal_norm(norms: npt.ArrayLike, success: npt.ArrayLike) -> float | None:
    """Return the median norm with failures counted as infinite, None of nothing.

    The usual figure of merit of a minimal-norm attack (Brendel et al. 2019, section 4): unlike the mean over
    successes, it cannot be improved by failing on the difficult images.
    """
    distances = np.where(np.asarray(success, bool), np.asarray(norms, np.float64), math.inf)
    return float(np.median(distances)) if distances.size else None


def ssim(first: npt.NDArray[np.uint8], second: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | None:
    """Return the structural similarity (Wang et al. 2004) of each pair of images.

    Args:
        first: uint8, shape (batch, height, width, 3).
        second: The same.

    Returns:
        float32, shape (batch,), at most 1; None where a side is shorter than the window.
    """
    if min(first.shape[1:3]) < SSIM_WINDOW:
        return None
    values = tf.image.ssim(tf.constant(first), tf.constant(second), max_val=255, filter_size=SSIM_WINDOW)
    similarity: npt.NDArray[np.float32] = values.numpy()
    return similarity
