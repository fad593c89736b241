"""Projected gradient descent from random starts, in the L-infinity and the L2 norm, over cleverhans."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.gradient_sign import IterativeSign
from tf_lowdef.attacks.result import Floats
from tf_lowdef.bounds import LINF
from tf_lowdef.validation import check_integer

REACH = 2.5
"""The default steps in all, as a multiple of epsilon (Madry et al. 2018, the released CIFAR-10 challenge)."""


@dataclass(frozen=True)
class PGD(IterativeSign):
    """Projected gradient descent (Madry et al. 2018, section 2.1) from random starts, in L-infinity or L2.

    In L2 a step goes along the gradient instead of its sign, at the length of a step.

    A start is uniform in the epsilon ball and drawn from the seed and the image's own pixels, so that it does not
    depend on the batch or on the image's place in it. Images that a round has fooled take no part in the next.

    Args:
        epsilon: The bound, in grey levels, 0 to 255; in L2 with pixels in [0, 1], and to be said.
        step_size: As epsilon; None is 2.5 epsilon / steps.
        steps: How many a round.
        restarts: How many rounds, each from another start; the best of their results is kept.
        norm: ``"linf"`` or ``"l2"``.
        targeted: Whether a target class is to be predicted; see `Attack`.
        keep: ``"last"`` or ``"best"`` of a round's points; see `Walk`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import PGD
        >>> model, images, labels = load_demo()
        >>> result = PGD(epsilon=0.5, steps=5, norm="l2")(model, images[:4], labels[:4])
        >>> bool(result.l2.max() <= 0.5)  # with pixels in [0, 1]
        True
    """

    name: ClassVar[str] = "pgd"

    steps: int = 40
    restarts: int = 1
    norm: str = field(default=LINF, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("restarts", self.restarts, 1)

    @property
    def actual_step_size(self) -> float:
        """The step, of the same unit as epsilon, with the default filled in."""
        return REACH * self.epsilon / self.steps if self.step_size is None else self.step_size

    def start(self, batch: PaddedBatch, number: int) -> Floats:
        """Return a random point of each image's epsilon ball, inside the box."""
        return self.ball.start(batch.pixels, batch.seed, f"start {number}" if number else "")
