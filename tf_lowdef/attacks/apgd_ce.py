"""Auto-PGD on the cross-entropy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tf_lowdef.attacks.apgd import AutoPGD
from tf_lowdef.attacks.losses import Loss, cross_entropy, target_cross_entropy


@dataclass(frozen=True)
class APGDCE(AutoPGD):
    """Auto-PGD on the cross-entropy (Croce and Hein 2020, algorithm 1).

    Args:
        epsilon: The bound, in grey levels, 0 to 255; in L2 with pixels in [0, 1], and to be said.
        steps: How many a round; each is a forward and a backward pass, and one such pass comes before them.
        restarts: How many rounds, each from another start; images that one has fooled take no part in the next.
        rho: The part of the steps between two checks in which the loss has to rise for the step size to stay.
        norm: ``"linf"`` or ``"l2"``.
        draws: Passes that a gradient is the mean of, for a model that draws random numbers in each (Athalye et al.
            2018, section 4.2). ``evaluate`` averages the logits of randomised defences already.
        targeted: Whether a target class is to be predicted; see `Attack`.
        keep: ``"best"`` rounded point of all, or ``"last"``: of the unrounded ones that of the highest loss.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import APGDCE
        >>> model, images, labels = load_demo()
        >>> result = APGDCE(epsilon=4, steps=5)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
        >>> bool(result.linf.max() <= 4)  # in grey levels
        True
    """

    name: ClassVar[str] = "apgd-ce"
    loss: ClassVar[str] = "cross-entropy"

    targeted: bool = field(default=False, kw_only=True)

    @property
    def judged_by(self) -> Loss:
        """The cross-entropy, of the true class or the target."""
        return target_cross_entropy if self.aims else cross_entropy
