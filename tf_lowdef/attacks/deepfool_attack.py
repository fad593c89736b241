"""DeepFool as an attack on 8-bit images: on the true label, and so that success survives rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.deepfool import SMALLEST_STEP, search
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import WHITE, Floats, Perturbed
from tf_lowdef.attacks.targets import rank_classes
from tf_lowdef.validation import check_flag, check_integer, check_number


@dataclass(frozen=True)
class DeepFool(Attack):
    """DeepFool in the L2 norm (Moosavi-Dezfooli et al. 2016, algorithm 2), with logits.

    Its perturbations are about a tenth of a grey level, so that rounding to 8 bits undoes them. With
    `survive_rounding` the classifier is asked, and linearised again, at the rounded image in every step, while the
    steps add up unrounded. Images that are misclassified already are returned unchanged.

    Args:
        overshoot: How far past the boundary to go, as a part of the perturbation.
        steps: The most steps.
        candidates: How many of an image's most likely classes, the true one among them, are considered.
        survive_rounding: Whether success has to hold for the rounded image.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import DeepFool
        >>> model, images, labels = load_demo()
        >>> result = DeepFool(steps=5)(model, images[:4], labels[:4])
        >>> bool(result.success.any())
        True
        >>> bool(result.l2[result.success].max() < 2)  # much less than the 4 grey levels of FGSM
        True
    """

    name: ClassVar[str] = "deepfool"
    norm: ClassVar[str] = "L2"
    loss: ClassVar[str] = "logit difference"
    minimal_norm: ClassVar[bool] = True
    needs_logits: ClassVar[bool] = True

    overshoot: float = 0.02
    steps: int = 50
    candidates: int = 10
    survive_rounding: bool = True

    def __post_init__(self) -> None:
        check_number("overshoot", self.overshoot, 0)
        check_integer("steps", self.steps, 1)
        check_integer("candidates", self.candidates, 2)
        check_flag("survive_rounding", self.survive_rounding)

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        classes = rank_classes(batch.logits, batch.labels, self.candidates)
        active = np.flatnonzero(batch.valid & (batch.logits.argmax(axis=1) == batch.labels))
        found = search(model_fn, batch.pixels, classes, active, self.steps, self.place, SMALLEST_STEP * WHITE)
        return Perturbed(found.points, found.steps, found.queries, found.flat, found.nonfinite)

    def place(self, clean: Floats, total: Floats) -> Floats:
        """Return the images that a sum of steps leads to: overshot, in the box, and rounded if success must survive."""
        points: Floats = np.clip(clean + np.float32(1 + self.overshoot) * total, 0, WHITE)
        return np.rint(points) if self.survive_rounding else points
