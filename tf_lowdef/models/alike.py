"""Whether a model answers alike twice: from call to call, in another batch, in another process."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.keras_compat import all_layers

TOLERANCE = 1e-3
"""How far logits may lie apart that are computed in batches of other sizes, by other threads or processors, in parts of
their span."""
HALF_TOLERANCE = 0.03
"""The same where a layer computes in half precision."""


def alike(model: Any, first: npt.ArrayLike, second: npt.ArrayLike) -> bool:
    """Return whether logits are the same but for rounding; what is not finite is left to who counts.

    Args:
        model: Whose they are.
        first: Shape (n, classes).
        second: The same; of another shape they are not alike.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if one.shape != other.shape:
        return False
    finite = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    one, other = one[finite], other[finite]
    if not len(one):
        return True
    half = any("16" in str(getattr(layer, "compute_dtype", "")) for layer in [model, *all_layers(model)])
    span = max(float((one.max(axis=1) - one.min(axis=1)).max()), float(np.finfo(np.float32).tiny))
    return bool(np.abs(one - other).max() <= (HALF_TOLERANCE if half else TOLERANCE) * span)
