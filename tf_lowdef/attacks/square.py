"""The Square attack in the L-infinity norm (Andriushchenko et al. 2020): random search, no gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import evaluate_loss, margin, target_margin
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.attacks.result import WHITE, Bools, Floats, Ints, Perturbed
from tf_lowdef.validation import check_epsilon, check_flag, check_integer, check_number

HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""After which of 10,000 queries the squares' area is halved (Andriushchenko et al. 2020, section 5, and their code)."""
SCHEDULE_LENGTH = 10_000


def area(query: int, queries: int, first: float) -> float:
    """Return the part of the image that the square of one query covers, the schedule stretched to all queries."""
    place = int(query / queries * SCHEDULE_LENGTH)
    halvings = sum(place > after for after in HALVED_AFTER)
    return first * 0.5**halvings


@dataclass
class SquareSearch:
    """The images that are still to be fooled, and where each stands.

    Attributes:
        batch: The clean images.
        indices: Their places in the batch that is attacked.
        draws: A random generator for each.
        points: float32: the best images so far, whole grey levels.
        losses: float32, (n,): their margins, to be raised.
    """

    batch: PaddedBatch
    indices: Ints
    draws: list[np.random.Generator]
    points: Floats
    losses: Floats

    def take(self, chosen: Ints) -> SquareSearch:
        """Return the search of some of the images."""
        draws = [self.draws[index] for index in chosen]
        return SquareSearch(
            self.batch.take(chosen), self.indices[chosen], draws, self.points[chosen], self.losses[chosen]
        )


@dataclass(frozen=True)
class Square(Attack):
    """Square attack (Andriushchenko et al. 2020, algorithms 1 and 2): squares of +-epsilon at random places.

    Each query asks for the image with one square more, which stays where the margin of the true class got smaller. It
    begins with vertical stripes. All points are whole grey levels (epsilon is rounded down), so that the image that
    fools is the image that is saved. An image that is fooled is asked about no more; one that is misclassified already
    comes back unchanged. Everything random follows from the seed and the image alone.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        queries: The most forward passes for an image.
        p_init: The part of the image that the first squares cover, above 0, at most 1.
        targeted: Whether a target class is to be predicted; the margin is then the target's above all others, where
            the paper takes the cross-entropy.
    """

    name: ClassVar[str] = "square"
    norm: ClassVar[str] = "Linf"
    loss: ClassVar[str] = "margin"
    needs_gradient: ClassVar[bool] = False

    epsilon: float = 4.0
    queries: int = 5000
    p_init: float = 0.8
    targeted: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        check_epsilon("epsilon", self.epsilon)
        check_integer("queries", self.queries, 1)
        check_number("p_init", self.p_init, 0, 1, above=True)
        check_flag("targeted", self.targeted)

    @property
    def steps(self) -> int:
        """The most queries."""
        return self.queries

    @property
    def moves(self) -> bool:
        """Whether a pixel can change: by one grey level or more."""
        return self.epsilon >= 1

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        images, queries = batch.pixels.copy(), np.zeros(len(batch.pixels), np.int64)
        search = self._begin(batch)
        side = 0
        for query in range(self.queries):
            if not len(search.indices):
                break
            if query:
                side = square_side(area(query, self.queries, self.p_init), batch.pixels.shape[1:3])
            fooled = self._query(model_fn, search, side)
            queries[search.indices] += 1
            if fooled.any():
                done = np.flatnonzero(fooled)
                images[search.indices[done]] = search.points[done]
                search = search.take(np.flatnonzero(~fooled))
        images[search.indices] = search.points
        return Perturbed(images, queries, queries, np.zeros(len(images), bool))

    def _begin(self, batch: PaddedBatch) -> SquareSearch:
        """Return the search at its start: vertical stripes of +-epsilon, one pixel wide, not yet asked about."""
        open_ = np.flatnonzero(batch.valid & ~batch.fooled(batch.logits.argmax(axis=1)))
        part = batch.take(open_)
        draws = [generator(image, batch.seed, "square") for image in part.pixels]
        signs = np.zeros((len(open_), 1, *batch.pixels.shape[2:]), np.float32)
        for index, draw in enumerate(draws):
            signs[index] = draw.choice([-1, 1], signs.shape[1:])
        points = np.clip(part.pixels + math.floor(self.epsilon) * signs, 0, WHITE)
        return SquareSearch(part, open_, draws, points, np.full(len(open_), -np.inf, np.float32))

    def _query(self, model_fn: ModelFn, search: SquareSearch, side: int) -> Bools:
        """Draw a square into every image, ask, keep the better ones; return which images are fooled.

        Args:
            model_fn: From float32 pixels to logits.
            search: Changed in place.
            side: In pixels; 0 asks about the points as they are.
        """
        drawn = [self._draw(search, index, side) for index in range(len(search.indices))] if side else []
        logits = model_fn.logits(search.points)
        losses = evaluate_loss(
            target_margin if self.targeted else margin, logits, search.batch.labels, search.batch.aim
        )
        fooled = search.batch.fooled(logits.argmax(axis=1))
        better = (losses > search.losses) | fooled
        for index, (window, before) in enumerate(drawn):
            if not better[index]:
                search.points[index][window] = before
        search.losses = np.where(better, losses, search.losses)
        return fooled

    def _draw(self, search: SquareSearch, index: int, side: int) -> tuple[tuple[slice, slice], Floats]:
        """Draw a square that changes an image; return where, and what was there."""
        draw, clean, point = search.draws[index], search.batch.pixels[index], search.points[index]
        top, left = draw.integers(0, (clean.shape[0] - side + 1, clean.shape[1] - side + 1))
        window = slice(top, top + side), slice(left, left + side)
        before = point[window].copy()
        while True:  # one grey level up and down are never the same, so that every second sign changes something
            signs = 2 * draw.integers(0, 2, clean.shape[2]) - 1
            point[window] = np.clip(clean[window] + np.float32(math.floor(self.epsilon)) * signs, 0, WHITE)
            if (point[window] != before).any():
                return window, before


def square_side(part: float, size: tuple[int, ...]) -> int:
    """Return the side in pixels of a square that covers a part of an image of (height, width), 1 or more."""
    side = round(math.sqrt(part * size[0] * size[1]))
    return max(1, min(side, min(size) - 1))
