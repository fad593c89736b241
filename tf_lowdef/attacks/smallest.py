"""What attacks that seek the smallest perturbation share: the nearest image so far that fools."""

from __future__ import annotations

import numpy as np

from tf_lowdef.attacks.result import Bools, Floats, l2_norms, linf_norms
from tf_lowdef.bounds import L2, LINF, Bound

MEASURES = {LINF: linf_norms, L2: l2_norms}
"""From differences in grey levels to norms in the units of `Bound`."""


class Smallest:
    """The nearest image so far that fools, for each image; the clean one where none does.

    Args:
        clean: float32, (n, height, width, channels).
        norm: What is near.
    """

    def __init__(self, clean: Floats, norm: str = L2) -> None:
        self._clean, self._norm = clean, norm
        self.images: Floats = clean.copy()
        self.norms: Floats = np.full(len(clean), np.inf, np.float32)

    @property
    def levels(self) -> Floats:
        """The norms in grey levels, infinite where nothing has fooled yet."""
        return self.norms * np.float32(Bound(self._norm, 1.0).levels)

    def offer(self, points: Floats, fools: Bools) -> None:
        """Keep those of the points that fool and are nearer."""
        norms = MEASURES[self._norm](points - self._clean)
        nearer = fools & (norms < self.norms)
        self.images[nearer], self.norms[nearer] = points[nearer], norms[nearer]
