"""Training for clean accuracy, and for the same answer all over the ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import tensorflow as tf

from tf_lowdef.training.recipes.recipe import Divergence, Recipe, Step, Views, divergence
from tf_lowdef.validation import check_epsilon, check_integer, check_number

START = 0.001 * 255
"""Deviation of the normal noise that the attack begins with, in grey levels (the released code)."""


@dataclass(frozen=True)
class TRADES(Recipe):
    """TRADES (Zhang et al. 2019, arXiv 1901.08573, algorithm 1): clean loss, plus beta times a divergence.

    The divergence is that of the answers for the clean images and for those in their balls where it is largest. Both
    go through the classifier as one batch, whose statistics they share.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        beta: Weight of the divergence, 1/lambda in the paper; 6 is its most robust one on CIFAR-10.
        steps: Of the attack; 10 is the paper's.
        step_size: In epsilons; the paper's 0.007 of 0.031 by default.
    """

    name: ClassVar[str] = "trades"

    epsilon: float = 4.0
    beta: float = 6.0
    steps: int = 10
    step_size: float = 0.007 / 0.031

    def __post_init__(self) -> None:
        check_epsilon("epsilon", self.epsilon)
        check_number("beta", self.beta, 0)
        check_integer("steps", self.steps, 1)
        check_number("step_size", self.step_size, 0, above=True)

    def views(self, step: Step) -> Views:
        """Return the clean images and the attacked ones."""
        clean = tf.stop_gradient(step.look(step.images, 0))
        start = step.images + step.normal(START)
        found = step.climb(start, self.epsilon, self.step_size * self.epsilon, self.steps, divergence, clean)
        return step.images, found

    def loss(self, own: Any, labels: Any, logits: Views, weights: Any) -> Any:
        """Return the clean loss and the divergence."""
        clean, attacked = logits
        return own(labels, clean, weights) + self.beta * Divergence()(clean, attacked, sample_weight=weights)

    @property
    def passes(self) -> int:
        """The steps of the attack, the clean images before it, and two batches to train on."""
        return self.steps + 3
