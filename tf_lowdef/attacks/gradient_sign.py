"""What FGSM, BIM, PGD and MIM share: steps along the sign of a gradient by cleverhans.tf2, on pixels in [0, 255].

Of cleverhans' attacks these run on current TensorFlow (its CarliniWagner and SPSA do not).
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import clip_eta, optimize_linear

from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import cross_entropy_gradient
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.attacks.walk import Point, Tally, Walk
from tf_lowdef.bounds import GREATEST_L2, L2, LINF
from tf_lowdef.validation import check_integer, check_number

DEFAULT_STEP = 0.25
"""The default step as a part of epsilon: ten steps reach every corner of the box two and a half times."""

NO_DIVISION_BY_ZERO = 1e-12
"""The least mean of a gradient that is divided by, as in cleverhans' MIM."""
ORDERS = {LINF: np.inf, L2: 2}
"""The norms as cleverhans calls them."""


def sign_step(
    model_fn: Any, here: Any, x: Any, aim: Any, uphill: Any, size: Any, epsilon: Any, *, order: float
) -> tuple[Any, Any, Any, Any, Any]:
    """Take one step along the sign of the gradient, or in L2 along the gradient, for `ModelFn.compiled`.

    One graph from the pixels to the next ones: between its operations nothing is copied or waits for Python.

    Args:
        model_fn: From float32 pixels to logits.
        here: float32, (n, height, width, 3): where the images are.
        x: The clean ones.
        aim: Integers, (n,): the classes of the loss.
        uphill: 1 or -1.
        size: Of the step, in grey levels.
        epsilon: In grey levels.
        order: Of the norm, infinity or 2.

    Returns:
        The new points; the gradient, uphill, with zero where it is not a number; the logits of the points before; and,
        (n,), whether the gradient had a finite entry other than zero, and whether it had one that was not finite.
    """
    gradient, logits = cross_entropy_gradient(model_fn, here, aim)
    gradient, useful, nonfinite = clean_gradient(gradient)
    gradient = uphill * gradient
    return stepped(here, x, gradient, size, epsilon, order), gradient, logits, useful, nonfinite


_STEPS: dict[str, Any] = {norm: functools.partial(sign_step, order=order) for norm, order in ORDERS.items()}
"""One function a norm, for ever: `ModelFn.compiled` finds what it has traced by it."""


def clean_gradient(gradient: Any) -> tuple[Any, Any, Any]:
    """Return a gradient with zero where it is not a number, and, (n,), whether it was of use and not finite."""
    finite = tf.math.is_finite(gradient)
    gradient = tf.math.multiply_no_nan(gradient, tf.cast(finite, tf.float32))  # a fifth of the time of `tf.where`
    axes = list(range(1, gradient.shape.rank))
    return gradient, tf.reduce_any(gradient != 0.0, axes), ~tf.reduce_all(finite, axes)


def with_momentum(gradient: Any, before: Any, decay: Any) -> Any:
    """Return a gradient scaled to a mean of one, plus what decays of the direction before (Dong et al. 2018)."""
    mean = tf.reduce_mean(tf.abs(gradient), axis=[1, 2, 3], keepdims=True)
    return decay * before + gradient / tf.maximum(mean, NO_DIVISION_BY_ZERO)


def stepped(here: Any, x: Any, direction: Any, size: Any, epsilon: Any, order: float) -> Any:
    """Return the points a step further, in the ball and in the box, by cleverhans' own functions."""
    ahead = here + optimize_linear(direction, size, order)
    return tf.clip_by_value(x + clip_eta(ahead - x, order, epsilon), 0.0, WHITE)


def _as_array(points: Any) -> Floats:
    return np.asarray(memoryview(points))  # without the copy that `numpy()` makes


@dataclass(frozen=True)
class GradientSign(Walk):
    """What the sign-of-gradient attacks share: steps along the sign of cleverhans' gradient, projected by cleverhans.

    cleverhans' own loops take no start and no seed, give nothing but their last point, and assert where a step
    exceeds epsilon; the steps here are theirs, in their order.
    """

    loss: ClassVar[str] = "cross-entropy"

    targeted: bool = field(default=False, kw_only=True)

    @property
    def actual_step_size(self) -> float:
        """The step, of the same unit as epsilon, with the default filled in."""
        return self.epsilon

    def start(self, batch: PaddedBatch, number: int) -> Floats:  # noqa: ARG002 - a subclass starts elsewhere
        """Return where a round begins: the clean images."""
        return batch.pixels

    def step(self, model_fn: ModelFn, here: Any, x: Any, aim: Any, before: Any) -> tuple[Any, ...]:  # noqa: ARG002
        """Take one step; a subclass remembers the direction before.

        Returns:
            The new points, the direction, the logits of the points before, and the flags of `clean_gradient`.
        """
        return model_fn.compiled(_STEPS[self.norm], here, x, aim, *self._numbers)  # type: ignore[no-any-return]

    @property
    def _numbers(self) -> tuple[Any, ...]:
        """Uphill or down, step and epsilon in grey levels: one trace serves all attacks of this kind."""
        radius = self.ball.radius
        step = self.actual_step_size * (radius / self.epsilon)
        return tuple(np.float32(number) for number in (-1 if self.aims else 1, step, radius))

    def walk(self, model_fn: ModelFn, batch: PaddedBatch, number: int, tally: Tally) -> Iterator[Point]:
        """Yield the points of one round, each once the next step has met its logits; see `Walk.walk`."""
        x, aim = tf.convert_to_tensor(batch.pixels), tf.convert_to_tensor(batch.aim)
        here = tf.convert_to_tensor(self.start(batch, number))
        direction: Any = None
        for step in range(int(getattr(self, "steps", 1))):
            ahead, direction, logits, useful, nonfinite = self.step(model_fn, here, x, aim, direction)
            tally.count(useful.numpy(), nonfinite.numpy())
            tally.steps += 1
            if step:
                yield _as_array(here), logits.numpy()
            here = ahead
        yield _as_array(here), None


@dataclass(frozen=True)
class IterativeSign(GradientSign):
    """What the iterative sign attacks share: a step size and a number of steps."""

    step_size: float | None = None
    steps: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("steps", self.steps, 1)
        if self.step_size is not None:
            check_number("step_size", self.step_size, 0, WHITE if self.norm == LINF else GREATEST_L2)

    @property
    def actual_step_size(self) -> float:
        """The step in grey levels, with the default filled in."""
        return self.epsilon * DEFAULT_STEP if self.step_size is None else self.step_size
