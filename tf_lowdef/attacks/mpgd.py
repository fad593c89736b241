"""Projected gradient descent with momentum, in whole grey levels, with several losses, restarts and targets."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import tensorflow as tf

from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.deepfool import rank_classes
from tf_lowdef.attacks.gradient_sign import clean_gradient, with_momentum
from tf_lowdef.attacks.losses import Loss, cross_entropy, loss_and_gradient, margin, target_margin
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.randomness import uniform_start
from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.attacks.walk import Point, Tally, Walk
from tf_lowdef.validation import check_integer, check_number

FIRST_STEP = 0.5
"""The first step as a part of epsilon; the last is one grey level."""


def step_sizes(epsilon: int, steps: int) -> list[int]:
    """Return the steps of one round in whole grey levels: half of epsilon, falling to one along half a cosine."""
    first = max(1.0, FIRST_STEP * epsilon)
    return [max(1, round(first * (1 + math.cos(math.pi * step / steps)) / 2)) for step in range(steps)]


@dataclass(frozen=True)
class MPGD(Walk):
    """PGD with momentum (Dong et al. 2018, algorithm 1), in whole grey levels, with another loss in every round.

    All points are whole grey levels, so that the gradient's own pass judges each: a step costs one forward and one
    backward pass. The first round starts at the clean image and raises the cross-entropy, the next ones at random
    points of the ball and raise the margin (Carlini and Wagner 2017, f6). After them come those towards the wrong
    classes that are likeliest for the clean image, each in turn (Croce and Hein 2020, section 5); any wrong class is a
    success. An image that a point has fooled is attacked no further, unless the model draws random numbers: there a
    higher margin fools more draws.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255; rounded down to a whole one.
        steps: How many a round.
        restarts: How many untargeted rounds.
        classes: How many of the likeliest wrong classes are aimed at afterwards, a round each.
        decay: Weight of the gradients before, MIM's mu.
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
        return self.epsilon >= 1

    @property
    def actual_step_size(self) -> float:
        """The first step in grey levels."""
        return float(step_sizes(math.floor(self.epsilon), self.steps)[0])

    @property
    def judged_by(self) -> Loss:
        """The margin, whatever a round aims at."""
        return margin

    def count_rounds(self, batch: PaddedBatch) -> int:
        """Return the number of restarts and targets."""
        return self.restarts + self._targets(batch)

    def walk(self, model_fn: ModelFn, batch: PaddedBatch, number: int, tally: Tally) -> Iterator[Point]:
        """Yield the points of one round, each once the next step has met its logits; see `Walk.walk`."""
        aimed = self._aimed(batch, number)
        step = _STEPS[self._raised(number)]
        points, logits = self._start(batch, number), batch.logits.copy()
        before, left = np.zeros_like(points), np.arange(len(points))
        for count, size in enumerate(step_sizes(math.floor(self.epsilon), self.steps)):
            part = aimed.take(left)
            numbers = [np.float32(each) for each in (size, math.floor(self.epsilon), self.decay)]
            arrays = (points[left], part.pixels, before, part.labels, part.aim)
            ahead, direction, seen, useful, nonfinite = model_fn.compiled(step, *arrays, *numbers)
            logits[left] = seen
            tally.count(useful.numpy(), nonfinite.numpy(), left)
            if count or number:
                yield points.copy(), logits.copy()
            going = model_fn.draws | ~batch.take(left).fooled(logits[left].argmax(axis=1))
            left, before = left[going], direction.numpy()[going]
            points[left] = ahead.numpy()[going]
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
        return np.rint(uniform_start(batch.pixels, math.floor(self.epsilon), batch.seed, f"mpgd {number}"))

    def _aimed(self, batch: PaddedBatch, number: int) -> PaddedBatch:
        """Return the batch, in the targeted rounds with each image's next likely class as its target."""
        rank = number - self.restarts
        if rank < 0:
            return batch
        ranked = rank_classes(batch.logits, batch.labels, self._targets(batch) + 1)
        return replace(batch, targets=ranked[:, 1 + rank].astype(np.int64))

    def _raised(self, number: int) -> Loss:
        """Return the loss of a round: the cross-entropy first, which follows all wrong classes at once."""
        if number >= self.restarts:
            return target_margin
        return margin if number else cross_entropy

    def _targets(self, batch: PaddedBatch) -> int:
        return min(self.classes, int(batch.logits.shape[1]) - 1)


def _step(
    model_fn: Any, here: Any, x: Any, before: Any, labels: Any, targets: Any, size: Any, epsilon: Any, decay: Any,
    *, loss: Loss,
) -> Any:  # fmt: skip
    """Take one step up a loss, for `ModelFn.compiled`.

    Args:
        model_fn: From float32 pixels to logits.
        here: float32, (n, height, width, 3): where the images are.
        x: The clean ones.
        before: The direction of the step before.
        labels: Integers, (n,).
        targets: The same.
        size: Of the step, in grey levels.
        epsilon: In grey levels.
        decay: Weight of the direction before.
        loss: What is raised.

    Returns:
        The new points; the direction whose sign was taken; the logits of the points before; and the flags of
        `clean_gradient`.
    """
    logits, _, gradient = loss_and_gradient(loss)(model_fn, here, labels, targets)
    gradient, useful, nonfinite = clean_gradient(gradient)
    direction = with_momentum(gradient, before, decay)
    ahead = tf.clip_by_value(here + size * tf.sign(direction), x - epsilon, x + epsilon)
    return tf.clip_by_value(ahead, 0.0, WHITE), direction, logits, useful, nonfinite


_STEPS: dict[Loss, Any] = {loss: functools.partial(_step, loss=loss) for loss in (cross_entropy, margin, target_margin)}
