"""What attacks that seek the smallest perturbation share: the nearest image so far that fools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.result import Bools, Floats, Perturbed, l2_norms, linf_norms
from tf_lowdef.attacks.walk import Tally
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


def attack_unfooled(batch: PaddedBatch, search: Callable[[PaddedBatch, Tally], Floats]) -> Perturbed:
    """Attack those images of a batch that are classified correctly; the others come back as they are.

    Args:
        batch: The whole one.
        search: From the images that are attacked, and where their steps and gradients are counted, to what came out.
    """
    indices = np.flatnonzero(batch.valid & ~batch.fooled(batch.logits.argmax(axis=1)))
    tally, images = Tally(len(batch.pixels)), batch.pixels.copy()
    if len(indices):
        part = Tally(len(indices))
        images[indices] = search(batch.take(indices), part)
        tally.add(indices, part)
    flat = np.zeros(len(images), bool)
    flat[indices] = ~tally.useful[indices]
    return Perturbed(images, tally.steps, tally.queries, flat, tally.nonfinite)
