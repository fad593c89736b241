"""The momentum iterative method, over cleverhans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_lowdef.attacks.gradient_sign import ORDERS, IterativeSign, stepped, with_momentum
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.bounds import LINF
from tf_lowdef.validation import check_number


def _momentum_step(
    model_fn: Any,  # noqa: ARG001 - as `ModelFn.compiled` calls it
    here: Any, x: Any, gradient: Any, before: Any, size: Any, epsilon: Any, decay: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """Take one step from a gradient at hand, the direction before and its weight on; see `sign_step`.

    Returns:
        The new points, and the direction whose sign was taken.
    """
    direction = with_momentum(gradient, before, decay)
    return stepped(here, x, direction, size, epsilon, ORDERS[LINF]), direction


@dataclass(frozen=True)
class MIM(IterativeSign):
    """Momentum iterative method (Dong et al. 2018, algorithm 1).

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In grey levels; None is epsilon / 4.
        steps: How many.
        decay: Weight of the gradients before, the paper's mu.
        targeted: Whether a target class is to be predicted; see `Attack`.
        keep: ``"last"`` or ``"best"`` of its points; see `Walk`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import MIM
        >>> model, images, labels = load_demo()
        >>> attack = MIM(epsilon=8, steps=20, targeted=True)
        >>> result = attack(model, images[:2], labels[:2], targets=[3, 3])
        >>> result.targets.tolist(), bool(result.linf.max() <= 8)
        ([3, 3], True)
    """

    name: ClassVar[str] = "mim"

    decay: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("decay", self.decay, 0)

    def step(self, model_fn: ModelFn, here: Any, x: Any, aim: Any, before: Any) -> tuple[Any, ...]:
        """Take one step along the gradient, scaled to a mean of one, plus what decays of the direction before."""
        # Its own step is left out: it shares the trace of the gradient with the other attacks.
        _, gradient, *rest = super().step(model_fn, here, x, aim, before)
        before = tf.zeros_like(x) if before is None else before
        numbers = (*self._numbers[1:], np.float32(self.decay))
        return *model_fn.compiled(_momentum_step, here, x, gradient, before, *numbers), *rest
