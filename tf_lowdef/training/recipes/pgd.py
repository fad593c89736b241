"""Projected gradient descent: several steps of the gradient's sign."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.training.recipes.recipe import Recipe, Step, Views
from tf_lowdef.validation import check_epsilon, check_integer, check_number


@dataclass(frozen=True)
class PGDTraining(Recipe):
    """Training on what PGD finds (Madry et al. 2018, arXiv 1706.06083, equation 2.1).

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        steps: 7 is the paper's on CIFAR-10.
        step_size: In epsilons; a quarter is the paper's, 2 grey levels of 8.
    """

    name: ClassVar[str] = "pgd"

    epsilon: float = 4.0
    steps: int = 7
    step_size: float = 0.25

    def __post_init__(self) -> None:
        check_epsilon("epsilon", self.epsilon)
        check_integer("steps", self.steps, 1)
        check_number("step_size", self.step_size, 0, above=True)

    def views(self, step: Step) -> Views:
        """Return the attacked images."""
        start = step.images + step.uniform(self.epsilon)
        return (step.climb(start, self.epsilon, self.step_size * self.epsilon, self.steps),)

    @property
    def passes(self) -> int:
        """One for each step of the attack."""
        return self.steps + 1
