"""The Square attack in the L-infinity and the L2 norm (Andriushchenko et al. 2020): random search, no gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import EPSILON, Attack
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.losses import evaluate_loss, margin, target_margin
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.attacks.result import Bools, Floats, Ints, Perturbed
from tf_lowdef.attacks.squares import SQUARES, Squares
from tf_lowdef.bounds import LINF
from tf_lowdef.validation import check_flag, check_integer, check_number

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
        points: float32: the best images so far.
        saved: float32: the same as they are asked about and saved, whole grey levels.
        losses: float32, (n,): their margins, to be raised.
    """

    batch: PaddedBatch
    indices: Ints
    draws: list[np.random.Generator]
    points: Floats
    saved: Floats
    losses: Floats

    def take(self, chosen: Ints) -> SquareSearch:
        """Return the search of some of the images."""
        draws = [self.draws[index] for index in chosen]
        arrays = (array[chosen] for array in (self.points, self.saved, self.losses))
        return SquareSearch(self.batch.take(chosen), self.indices[chosen], draws, *arrays)


@dataclass(frozen=True)
class Square(Attack):
    """Square attack (Andriushchenko et al. 2020, algorithms 1 to 3): random changes in squares, the better ones stay.

    Each query asks for the image with one square more, which stays where the margin of the true class got smaller. In
    Linf it begins with vertical stripes, and squares are of +-epsilon, rounded down to whole grey levels. In L2 it
    begins with a tiling of bumps, and a query moves the norm of one window into another (see `squares`). The image that
    is asked about is the rounded one, which is saved. An image that is fooled is asked about no more; one that is
    misclassified already comes back unchanged. Everything random follows from the seed and the image alone.

    Args:
        epsilon: The bound, in grey levels, 0 to 255; in L2 with pixels in [0, 1], and to be said.
        queries: The most forward passes for an image.
        p_init: The part of the image that the first squares cover, above 0, at most 1.
        norm: ``"linf"`` or ``"l2"``.
        targeted: Whether a target class is to be predicted; the margin is then the target's above all others, where
            the paper takes the cross-entropy.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import Square
        >>> model, images, labels = load_demo()
        >>> result = Square(epsilon=4, queries=20)(model, images[:4], labels[:4])
        >>> bool(result.queries.max() <= 20), bool(result.linf.max() <= 4)
        (True, True)
    """

    name: ClassVar[str] = "square"
    loss: ClassVar[str] = "margin"
    needs_gradient: ClassVar[bool] = False

    epsilon: float = EPSILON
    queries: int = 5000
    p_init: float = 0.8
    norm: str = field(default=LINF, kw_only=True)
    targeted: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        self.check_bound()
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
        return self.ball.radius >= 1

    @property
    def squares(self) -> Squares:
        """What is drawn into the images."""
        return SQUARES[self.norm](self.ball.radius)

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
                images[search.indices[done]] = search.saved[done]
                search = search.take(np.flatnonzero(~fooled))
        images[search.indices] = search.saved
        return Perturbed(images, queries, queries, np.zeros(len(images), bool))

    def _begin(self, batch: PaddedBatch) -> SquareSearch:
        """Return the search at its start, not yet asked about."""
        open_ = np.flatnonzero(batch.valid & ~batch.fooled(batch.logits.argmax(axis=1)))
        part, squares = batch.take(open_), self.squares
        draws = [generator(image, batch.seed, "square") for image in part.pixels]
        points = part.pixels.copy()
        for index, draw in enumerate(draws):
            points[index] = squares.first(part.pixels[index], draw)
        saved = self._rounded(part.pixels, points)
        return SquareSearch(part, open_, draws, points, saved, np.full(len(open_), -np.inf, np.float32))

    def _query(self, model_fn: ModelFn, search: SquareSearch, side: int) -> Bools:
        """Draw a square into every image, ask, keep the better ones; return which images are fooled.

        Args:
            model_fn: From float32 pixels to logits.
            search: Changed in place.
            side: In pixels; 0 asks about the points as they are.
        """
        points, saved = search.points, search.saved
        if side:
            points, squares = points.copy(), self.squares
            for point, clean, draw in zip(points, search.batch.pixels, search.draws, strict=True):
                squares.change(point, clean, draw, side)
            saved = self._rounded(search.batch.pixels, points)
        logits = model_fn.logits(saved)
        losses = evaluate_loss(
            target_margin if self.targeted else margin, logits, search.batch.labels, search.batch.aim
        )
        fooled = search.batch.fooled(logits.argmax(axis=1))
        better = (losses > search.losses) | fooled
        search.points[better], search.saved[better] = points[better], saved[better]
        search.losses = np.where(better, losses, search.losses)
        return fooled


def square_side(part: float, size: tuple[int, ...]) -> int:
    """Return the side in pixels of a square that covers a part of an image of (height, width), 1 or more."""
    side = round(math.sqrt(part * size[0] * size[1]))
    return max(1, min(side, min(size) - 1))
