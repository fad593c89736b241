"""Auto-PGD on the targeted difference of logits ratio, towards each likely wrong class in turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.attacks.apgd import AutoPGD
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import Loss, dlr, target_dlr
from tf_lowdef.attacks.targets import aim_at, count_targets
from tf_lowdef.validation import check_integer


@dataclass(frozen=True)
class APGDT(AutoPGD):
    """Auto-PGD on the targeted difference of logits ratio, towards each likely wrong class in turn; untargeted.

    A round aims at one of the classes that are most likely for the clean image, the true one left out (Croce and Hein
    2020, section 5: nine). Any wrong class is a success. It needs logits, and four classes or more.

    Args:
        epsilon, steps, rho, norm, draws, keep: As in `APGDCE`.
        restarts: How often all classes are tried.
        classes: How many are tried; all wrong ones where the model has fewer.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import APGDT
        >>> model, images, labels = load_demo()
        >>> result = APGDT(epsilon=4, steps=5, classes=2)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
        >>> bool(result.linf.max() <= 4)  # in grey levels
        True
    """

    name: ClassVar[str] = "apgd-t"
    loss: ClassVar[str] = "targeted difference of logits ratio"
    needs_logits: ClassVar[bool] = True

    classes: int = 9

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("classes", self.classes, 1)

    @property
    def fewest_classes(self) -> int:
        """How many classes the loss needs."""
        return 4

    @property
    def judged_by(self) -> Loss:
        """The untargeted ratio, which compares rounds of different targets."""
        return dlr

    @property
    def raised_loss(self) -> Loss:
        """The targeted ratio."""
        return target_dlr

    def count_rounds(self, batch: PaddedBatch) -> int:
        """Return the number of restarts times that of targets."""
        return self.restarts * count_targets(batch, self.classes)

    def aimed(self, batch: PaddedBatch, number: int) -> PaddedBatch:
        """Return the batch with each image's next likely class as its target."""
        return aim_at(batch, number % count_targets(batch, self.classes))
