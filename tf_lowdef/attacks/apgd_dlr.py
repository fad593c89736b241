"""Auto-PGD on the difference of logits ratio."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tf_lowdef.attacks.apgd import AutoPGD
from tf_lowdef.attacks.losses import Loss, dlr, target_dlr


@dataclass(frozen=True)
class APGDDLR(AutoPGD):
    """Auto-PGD on the difference of logits ratio (Croce and Hein 2020, equations 6 and 7).

    The loss does not change when the logits are scaled, so that it has a gradient where the cross-entropy has none.
    It needs logits, and three classes or more; four for a targeted attack.

    Args:
        epsilon, steps, restarts, rho, norm, draws, targeted, keep: As in `APGDCE`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import APGDDLR
        >>> model, images, labels = load_demo()
        >>> result = APGDDLR(epsilon=4, steps=5)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
        >>> bool(result.linf.max() <= 4)  # in grey levels
        True
    """

    name: ClassVar[str] = "apgd-dlr"
    loss: ClassVar[str] = "difference of logits ratio"
    needs_logits: ClassVar[bool] = True

    targeted: bool = field(default=False, kw_only=True)

    @property
    def judged_by(self) -> Loss:
        """The difference of logits ratio, untargeted or targeted."""
        return target_dlr if self.aims else dlr

    @property
    def fewest_classes(self) -> int:
        """How many classes the loss needs."""
        return 4 if self.aims else 3
