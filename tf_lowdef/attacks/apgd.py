"""Auto-PGD in the L-infinity and the L2 norm (Croce and Hein 2020, algorithm 1), with its three losses."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tf_lowdef.attacks.ball import Ball
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import Loss, loss_and_gradient
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import Bools, Floats, Ints
from tf_lowdef.attacks.walk import Point, Tally, Walk
from tf_lowdef.bounds import LINF
from tf_lowdef.validation import check_integer, check_number

FIRST_STEP = 2.0
"""The first step as a multiple of epsilon (Croce and Hein 2020, section 4)."""
MOMENTUM = 0.75
"""Weight of the new direction, the paper's alpha (section 3.1); in the first step there is none before it."""
FIRST_CHECK, LESS_EACH, LEAST_APART = 0.22, 0.03, 0.06
"""When the step size is checked, as parts of all steps: p1, and how the distances shrink (section 4)."""


def checkpoints(steps: int) -> list[int]:
    """Return after how many steps the step size is checked, ascending from 0 (Croce and Hein 2020, section 4)."""
    parts = [0.0, FIRST_CHECK]
    while parts[-1] <= 1:
        parts.append(parts[-1] + max(parts[-1] - parts[-2] - LESS_EACH, LEAST_APART))
    # 0.41 of 100 steps is 41, not 42 for a rounding error.
    return sorted({math.ceil(round(part * steps, 6)) for part in parts if part <= 1})


class ApgdState:
    """Where a round stands, image by image: the point, the best point, and what the checks look at."""

    def __init__(self, point: Floats, loss: Floats, gradient: Floats, size: float):
        self.here, self.before, self.loss, self.gradient = point, point, loss, gradient
        self.best, self.best_loss, self.best_gradient = point.copy(), _number(loss), gradient.copy()
        self.size = np.full((len(point), 1, 1, 1), size, np.float32)
        self.rises: Ints = np.zeros(len(point), np.int64)
        self.halved: Bools = np.zeros(len(point), bool)
        self.best_before: Floats = self.best_loss.copy()

    def move(self, point: Floats, loss: Floats, gradient: Floats) -> None:
        """Go to the next point, and remember it where it is the best."""
        self.rises += loss > self.loss
        self.before, self.here, self.loss, self.gradient = self.here, point, loss, gradient
        better = loss > self.best_loss
        self.best[better], self.best_loss[better], self.best_gradient[better] = (
            array[better] for array in (point, loss, gradient)
        )

    def check(self, passed: int, rho: float) -> None:
        """Halve the step, and go back to the best point, where the loss hardly rose or the best point stood still.

        Args:
            passed: Steps since the check before.
            rho: The part of them in which the loss has to rise.
        """
        still = ~self.halved & (self.best_loss <= self.best_before)
        self.halved = (self.rises < rho * passed) | still
        wide = self.halved.reshape(-1, 1, 1, 1)
        self.size = np.where(wide, self.size / 2, self.size)
        self.here = np.where(wide, self.best, self.here)
        self.gradient = np.where(wide, self.best_gradient, self.gradient)
        self.loss = np.where(self.halved, self.best_loss, self.loss)
        self.best_before, self.rises = self.best_loss.copy(), np.zeros_like(self.rises)


@dataclass(frozen=True)
class AutoPGD(Walk):
    """What the three Auto-PGD attacks share; see `Walk` for `keep`, of which the paper's is nearer to `"last"`.

    With `keep="last"` a round's result is the point where the unrounded loss was highest, algorithm 1's x_max. Every
    round starts at a random point of the ball, drawn from the seed and the image.
    """

    steps: int = 100
    restarts: int = 1
    rho: float = 0.75
    norm: str = field(default=LINF, kw_only=True)
    draws: int = field(default=1, kw_only=True)
    keep: str = field(default="best", kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_integer("steps", self.steps, 1)
        check_integer("restarts", self.restarts, 1)
        check_number("rho", self.rho, 0, 1)
        check_integer("draws", self.draws, 1)

    @property
    def actual_step_size(self) -> float:
        """The first step, of the same unit as epsilon."""
        return FIRST_STEP * self.epsilon

    @property
    def raised_loss(self) -> Loss:
        """The loss whose gradient is followed."""
        return self.judged_by

    def aimed(self, batch: PaddedBatch, number: int) -> PaddedBatch:  # noqa: ARG002 - the one with targets of its own looks
        """Return the batch with the targets of one round."""
        return batch

    def walk(self, model_fn: ModelFn, batch: PaddedBatch, number: int, tally: Tally) -> Iterator[Point]:
        """Yield the points of one round, or with `keep="last"` its best one alone; see `Walk.walk`."""
        aimed = self.aimed(batch, number)
        ball = self.ball
        start = ball.start(batch.pixels, batch.seed, f"apgd {number}")
        state = ApgdState(start, *self._look(model_fn, aimed, start, tally), FIRST_STEP * ball.radius)
        checks = checkpoints(self.steps)
        last = 0
        for step in range(1, self.steps + 1):
            point = _next(ball, batch.pixels, state, first=step == 1)
            state.move(point, *self._look(model_fn, aimed, point, tally))
            tally.steps += 1
            if self.keep == "best":
                yield point, None
            if step in checks:
                state.check(step - last, self.rho)
                last = step
        if self.keep == "last":
            yield state.best, None

    def _look(self, model_fn: ModelFn, batch: PaddedBatch, points: Floats, tally: Tally) -> tuple[Floats, Floats]:
        """Return the loss and its gradient at some points, means over `draws` passes."""
        function = loss_and_gradient(self.raised_loss)
        found = []
        for _ in range(self.draws):
            _, losses, gradient = model_fn.compiled(function, points, batch.labels, batch.aim)
            found.append((losses.numpy(), tally.gradient(gradient)))
        if len(found) == 1:
            return found[0]
        losses, gradients = (np.stack(each).mean(axis=0) for each in zip(*found, strict=True))
        return losses, gradients


def _next(ball: Ball, clean: Floats, state: ApgdState, first: bool) -> Floats:
    """Return the next point: a step uphill, drawn on by the step before."""
    ahead = ball.project(clean, state.here + state.size * ball.uphill(state.gradient))
    if first:
        return ahead
    momentum = np.float32(MOMENTUM)
    return ball.project(
        clean, state.here + momentum * (ahead - state.here) + (1 - momentum) * (state.here - state.before)
    )


def _number(losses: Floats) -> Floats:
    """Return losses with minus infinity where they are not a number, so that any number is better."""
    return np.where(np.isnan(losses), np.float32(-np.inf), losses)
