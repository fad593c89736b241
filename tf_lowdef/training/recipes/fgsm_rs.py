"""One step of the gradient's sign from a random point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.training.recipes.recipe import Recipe, Step, Views
from tf_lowdef.validation import check_epsilon, check_number


@dataclass(frozen=True)
class FGSMRS(Recipe):
    """FGSM from a random start (Wong, Rice and Kolter 2020, "Fast is better than free", arXiv 2001.03994, algorithm 3).

    Half the cost of two steps of PGD. A longer step than 1.25 epsilon, or a large epsilon, may end in catastrophic
    overfitting: the classifier learns to fool this one step and no other.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In epsilons; 1.25 is the paper's.
    """

    name: ClassVar[str] = "fgsm-rs"

    epsilon: float = 4.0
    step_size: float = 1.25

    def __post_init__(self) -> None:
        check_epsilon("epsilon", self.epsilon)
        check_number("step_size", self.step_size, 0, above=True)

    def views(self, step: Step) -> Views:
        """Return the attacked images."""
        start = step.images + step.uniform(self.epsilon)
        return (step.climb(start, self.epsilon, self.step_size * self.epsilon, 1),)

    @property
    def passes(self) -> int:
        """One for the attack."""
        return 2
