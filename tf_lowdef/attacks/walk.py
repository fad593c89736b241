"""What the attacks that walk inside an epsilon ball share: rounds from several starts, and which point is kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf_lowdef.attacks.attack import EPSILON, Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import Loss, cross_entropy, evaluate_loss, target_cross_entropy
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.result import Bools, Floats, Ints, Perturbed
from tf_lowdef.validation import check_choice, check_flag

KEEP = ("last", "best")

Point = tuple[Floats, Floats | None]
"""Where the images of a batch are, and the model's logits there, None if it was not asked."""


class Tally:
    """What a walk has cost and met, image by image.

    Attributes:
        steps: int64, (n,): steps taken.
        queries: int64, (n,): forward passes made.
        useful: bool, (n,): a gradient had a finite entry other than zero.
        nonfinite: bool, (n,): a gradient had an entry that was NaN or infinite.
    """

    def __init__(self, size: int) -> None:
        self.steps: Ints = np.zeros(size, np.int64)
        self.queries: Ints = np.zeros(size, np.int64)
        self.useful: Bools = np.zeros(size, bool)
        self.nonfinite: Bools = np.zeros(size, bool)

    def gradient(self, gradient: Any) -> Floats:
        """Count one pass; return the gradient with zero where it is not a number."""
        array: Floats = np.asarray(gradient)
        finite = np.isfinite(array)
        axes = tuple(range(1, array.ndim))
        self.queries += 1
        self.nonfinite |= ~finite.all(axis=axes)
        if not finite.all():
            array = np.where(finite, array, np.float32(0))
        self.useful |= array.any(axis=axes)
        return array

    def count(self, useful: Bools, nonfinite: Bools, indices: Ints | slice = slice(None)) -> None:
        """Count one pass of all images, or of some, whose gradient has been looked at already."""
        self.queries[indices] += 1
        self.useful[indices] |= useful
        self.nonfinite[indices] |= nonfinite

    def add(self, indices: Ints, part: Tally) -> None:
        """Add what a part of the images met."""
        self.steps[indices] += part.steps
        self.queries[indices] += part.queries
        self.useful[indices] |= part.useful
        self.nonfinite[indices] |= part.nonfinite


class Keeper:
    """The best point of each image so far: one that fools before one that does not, then the higher loss.

    Points are judged as they will be saved, that is rounded. The clean image is the first candidate.
    """

    def __init__(self, model_fn: ModelFn, batch: PaddedBatch, rounded: Callable[[Floats, Floats], Floats], loss: Loss):
        self._model_fn, self._batch, self._rounded, self._loss = model_fn, batch, rounded, loss
        self.images: Floats = batch.pixels.copy()
        self.fooled: Bools = batch.fooled(batch.logits.argmax(axis=1))
        self._losses = self._evaluate(batch, batch.logits)

    def offer(self, indices: Ints, points: Floats, logits: Floats | None = None) -> int:
        """Judge new points of some images, and keep those that are better.

        Args:
            indices: Which images.
            points: float32, where they are now.
            logits: The model's for `points`, if it was asked: where these are rounded already, it need not be again.

        Returns:
            How many forward passes it took: none or one.
        """
        part = self._batch.take(indices)
        whole = self._rounded(part.pixels, points)
        passes = 0
        if logits is None or not np.array_equal(whole, points):
            passes, logits = 1, self._model_fn.logits(whole)
        fools, losses = part.fooled(logits.argmax(axis=1)), self._evaluate(part, logits)
        before, bar = self.fooled[indices], self._losses[indices]
        better = np.where(fools == before, losses > bar, fools)
        chosen = indices[better]
        self.images[chosen], self.fooled[chosen], self._losses[chosen] = whole[better], fools[better], losses[better]
        return passes

    def _evaluate(self, batch: PaddedBatch, logits: Floats) -> Floats:
        return evaluate_loss(self._loss, logits, batch.labels, batch.aim)


@dataclass(frozen=True)
class Walk(Attack):
    """An attack that walks inside the ball of radius epsilon, in one round or several.

    In the first round every image is attacked, in the next ones those that no rounded point has fooled yet. With
    `keep="last"` a single round's last point is the result, unjudged; of several rounds' last points, the best. With
    `keep="best"` every point is rounded and judged, and the best of all rounds is the result: one that fools before one
    that does not, then the one of higher loss, the clean image among them. Judging takes a forward pass, except where a
    point of whole grey levels has been met by the gradient's own.
    """

    epsilon: float = EPSILON
    keep: str = field(default="last", kw_only=True)

    def __post_init__(self) -> None:
        self.check_bound()
        check_flag("targeted", self.aims)
        check_choice("keep", self.keep, KEEP)

    @abstractmethod
    def walk(self, model_fn: ModelFn, batch: PaddedBatch, number: int, tally: Tally) -> Iterator[Point]:
        """Yield the points of one round, float32 in [0, 255] and within epsilon of `batch.pixels`, and their logits.

        Args:
            model_fn: From float32 pixels to logits.
            batch: The images that take part.
            number: Which round, from 0; it chooses the start.
            tally: Where steps and gradients are counted.
        """

    @property
    def rounds(self) -> int:
        """How many rounds at most."""
        return int(getattr(self, "restarts", 1))

    @property
    def judged_by(self) -> Loss:
        """The loss by which points that do not fool are ranked."""
        return target_cross_entropy if self.aims else cross_entropy

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        tally, everything = Tally(len(batch.pixels)), np.arange(len(batch.pixels))
        keeper = Keeper(model_fn, batch, self._rounded, self.judged_by)
        points = batch.pixels
        for number in range(self.count_rounds(batch)):
            indices = np.flatnonzero(batch.valid & ~keeper.fooled) if number else everything
            if not len(indices):
                break
            part = Tally(len(indices))
            for points, logits in self.walk(model_fn, batch.take(indices), number, part):
                if self.keep == "best":
                    part.queries += keeper.offer(indices, points, logits)
            if self.keep == "last" and self.count_rounds(batch) > 1:
                part.queries += keeper.offer(indices, points)
            tally.add(indices, part)
        single = self.keep == "last" and self.count_rounds(batch) == 1
        return Perturbed(
            points if single else keeper.images, tally.steps, tally.queries, ~tally.useful, tally.nonfinite
        )

    def count_rounds(self, batch: PaddedBatch) -> int:  # noqa: ARG002 - a subclass may look at it
        """Return how many rounds there are for this batch."""
        return self.rounds
