"""Projected gradient descent with momentum, judged in whole grey levels, with several losses, restarts and targets."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_lowdef.attacks.ball import Ball, LinfBall
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.gradient_sign import ORDERS, clean_gradient, stepped, with_momentum
from tf_lowdef.attacks.losses import Loss, cross_entropy, loss_and_gradient, margin, target_margin
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.attacks.targets import aim_at, count_targets
from tf_lowdef.attacks.walk import Point, Tally, Walk
from tf_lowdef.bounds import L2, LINF
from tf_lowdef.validation import check_integer, check_number

FIRST_STEP = {LINF: 0.5, L2: 2.0}
"""The first step as a part of epsilon; in L2 it goes from side to side of the ball, as Auto-PGD's does."""
LAST_STEP = 0.02
"""The last step in L2 as a part of epsilon; in Linf it is one grey level."""


def step_sizes(radius: float, steps: int, norm: str = LINF) -> list[float]:
    """Return the steps of one round in grey levels, falling along half a cosine; in Linf they are whole."""
    falling = [(1 + math.cos(math.pi * step / steps)) / 2 for step in range(steps)]
    if norm == LINF:
        first = max(1.0, FIRST_STEP[LINF] * radius)
        return [float(max(1, round(first * part))) for part in falling]
    return [radius * (LAST_STEP + (FIRST_STEP[L2] - LAST_STEP) * part) for part in falling]


@dataclass(frozen=True)
class MPGD(Walk):
    """PGD with momentum (Dong et al. 2018, algorithm 1), in whole grey levels, with another loss in every round.

    All gradients are of whole grey levels, so that each one's own pass judges its point: a step costs one forward and
    one backward pass. In L2, where steps may be shorter than a level, the walk goes on from what was not yet rounded.
    The first round starts at the clean image and raises the cross-entropy, the next ones at random points of the ball
    and raise the margin (Carlini and Wagner 2017, f6). After them come those towards the wrong classes that are
    likeliest for the clean image, each in turn (Croce and Hein 2020, section 5); any wrong class is a success. An image
    that a point has fooled is attacked no further, unless the model draws random numbers: there a higher margin fools
    more draws.

    Args:
        epsilon: The bound, in grey levels, 0 to 255, rounded down to a whole one; in L2 with pixels in [0, 1], and to
            be said.
        steps: How many a round.
        restarts: How many untargeted rounds.
        classes: How many of the likeliest wrong classes are aimed at afterwards, a round each.
        decay: Weight of the gradients before, MIM's mu.
        norm: ``"linf"`` or ``"l2"``.
        keep: ``"best"`` of all points, or ``"last"``; see `Walk`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import MPGD
        >>> model, images, labels = load_demo()
        >>> result = MPGD(epsilon=4, steps=10)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
        >>> bool(result.linf.max() <= 4)  # in grey levels
        True
    """

    name: ClassVar[str] = "mpgd"
    loss: ClassVar[str] = "cross-entropy, then margin"

    steps: int = 20
    restarts: int = 1
    classes: int = 0
    decay: float = 0.75
    norm: str = field(default=LINF, kw_only=True)
    keep: str = field(default="best", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("steps", self.steps, 1)
        check_integer("restarts", self.restarts, 1)
        check_integer("classes", self.classes, 0)
        check_number("decay", self.decay, 0)

    @property
    def moves(self) -> bool:
        """Whether a pixel can change: by one grey level or more."""
        return self._ball.radius >= 1

    @property
    def actual_step_size(self) -> float:
        """The first step, of the same unit as epsilon."""
        first = step_sizes(self._ball.radius, self.steps, self.norm)[0]
        return first if self.norm == LINF else first / WHITE

    @property
    def _ball(self) -> Ball:
        """What whole grey levels can reach."""
        return LinfBall(math.floor(self.epsilon)) if self.norm == LINF else self.ball

    @property
    def judged_by(self) -> Loss:
        """The margin, whatever a round aims at."""
        return margin

    def count_rounds(self, batch: PaddedBatch) -> int:
        """Return the number of restarts and targets."""
        return self.restarts + count_targets(batch, self.classes)

    def walk(self, model_fn: ModelFn, batch: PaddedBatch, number: int, tally: Tally) -> Iterator[Point]:
        """Yield the points of one round, each once the next step has met its logits; see `Walk.walk`."""
        aimed, ball = self._aimed(batch, number), self._ball
        step = _STEPS[self._raised(number), self.norm]
        here = self._start(batch, number)
        # in Linf whole steps from whole levels need no rounding
        points, logits = here if self.norm == LINF else here.copy(), batch.logits.copy()
        before, left = np.zeros_like(points), np.arange(len(points))
        for count, size in enumerate(step_sizes(ball.radius, self.steps, self.norm)):
            part = aimed.take(left)
            numbers = [np.float32(each) for each in (size, ball.radius, self.decay)]
            at = tf.convert_to_tensor(points[left])
            arrays = (at, at if points is here else here[left], part.pixels, before, part.labels, part.aim)
            ahead, direction, seen, useful, nonfinite = model_fn.compiled(step, *arrays, *numbers)
            logits[left] = seen
            tally.count(useful.numpy(), nonfinite.numpy(), left)
            if count or number:
                yield points.copy(), logits.copy()
            going = model_fn.draws | ~batch.take(left).fooled(logits[left].argmax(axis=1))
            left, before = left[going], direction.numpy()[going]
            here[left] = ahead.numpy()[going]
            if points is not here:
                points[left] = ball.rounded(batch.pixels[left], here[left])
            tally.steps[left] += 1
            if not len(left):
                return
        logits[left] = model_fn.logits(points[left])
        tally.queries[left] += 1
        yield points, logits

    def _start(self, batch: PaddedBatch, number: int) -> Floats:
        """Return where a round begins: the clean images, or whole grey levels around them."""
        if not number:
            return batch.pixels.copy()
        start = self._ball.start(batch.pixels, batch.seed, f"mpgd {number}")
        return self._ball.rounded(batch.pixels, start)

    def _aimed(self, batch: PaddedBatch, number: int) -> PaddedBatch:
        """Return the batch, in the targeted rounds with each image's next likely class as its target."""
        return batch if number < self.restarts else aim_at(batch, number - self.restarts)

    def _raised(self, number: int) -> Loss:
        """Return the loss of a round: the cross-entropy first, which follows all wrong classes at once."""
        if number >= self.restarts:
            return target_margin
        return margin if number else cross_entropy


def _step(
    model_fn: Any, at: Any, here: Any, x: Any, before: Any, labels: Any, targets: Any,
    size: Any, radius: Any, decay: Any, *, loss: Loss, order: float,
) -> Any:  # fmt: skip
    """Take one step up a loss, for `ModelFn.compiled`.

    Args:
        model_fn: From float32 pixels to logits.
        at: float32, (n, height, width, 3): whole grey levels, where the gradient is taken.
        here: Where the images are, of which `at` is the rounded.
        x: The clean ones.
        before: The direction of the step before.
        labels: Integers, (n,).
        targets: The same.
        size: Of the step, in grey levels.
        radius: In grey levels.
        decay: Weight of the direction before.
        loss: What is raised.
        order: Of the norm, infinity or 2.

    Returns:
        The new points; the direction that was taken, or whose sign was; the logits of `at`; and the flags of
        `clean_gradient`.
    """
    logits, _, gradient = loss_and_gradient(loss)(model_fn, at, labels, targets)
    gradient, useful, nonfinite = clean_gradient(gradient)
    direction = with_momentum(gradient, before, decay)
    return stepped(here, x, direction, size, radius, order), direction, logits, useful, nonfinite


_STEPS: dict[tuple[Loss, str], Any] = {
    (loss, norm): functools.partial(_step, loss=loss, order=order)
    for loss in (cross_entropy, margin, target_margin)
    for norm, order in ORDERS.items()
}
"""One function a loss and norm, for ever: `ModelFn.compiled` finds what it has traced by it."""
