"""The images that an attack meets at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.result import Bools, Floats, Ints
from tf_lowdef.validation import Labels


@dataclass(frozen=True)
class PaddedBatch:
    """A batch padded to the fixed size by repeating its last image.

    Attributes:
        pixels: float32, (batch, height, width, 3), whole grey levels.
        labels: int64, (batch,).
        logits: float32, (batch, classes): the model's outputs for `pixels`.
        valid: bool, (batch,): False for padding.
        seed: The seed of the whole attack.
        targets: int64, (batch,): the classes that a targeted attack aims at, or None.
    """

    pixels: Floats
    labels: Labels
    logits: Floats
    valid: Bools
    seed: int
    targets: Labels | None = None

    @property
    def aim(self) -> Labels:
        """The targets, or the true labels where there are none."""
        return self.labels if self.targets is None else self.targets

    def fooled(self, predictions: Ints) -> Bools:
        """Return where predictions are what the attack wants: the target, or anything but the true label."""
        fooled: Bools = predictions != self.labels if self.targets is None else predictions == self.targets
        return fooled

    def take(self, indices: Ints) -> PaddedBatch:
        """Return some of the images; whatever their number, nothing is traced again."""
        targets = None if self.targets is None else self.targets[indices]
        pixels, labels, logits = self.pixels[indices], self.labels[indices], self.logits[indices]
        return PaddedBatch(pixels, labels, logits, self.valid[indices], self.seed, targets)


def pad(array: npt.NDArray[Any], size: int) -> npt.NDArray[Any]:
    """Repeat the last entry until there are `size`; an array that has them is returned as it is."""
    missing = size - len(array)
    return np.pad(array, [(0, missing)] + [(0, 0)] * (array.ndim - 1), mode="edge") if missing else array
