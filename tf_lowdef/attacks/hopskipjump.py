"""HopSkipJump: minimal perturbations from the model's labels alone (Chen, Jordan and Wainwright 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar

import numpy as np

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.ball import ball_of
from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.model_fn import ModelFn
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.attacks.result import WHITE, Bools, Floats, Ints, Perturbed
from tf_lowdef.attacks.smallest import MEASURES, Smallest
from tf_lowdef.bounds import LINF, Bound
from tf_lowdef.validation import check_flag, check_integer

FIRST_NOISE = 0.1
"""Length of the first noise, of the range of pixels (the released code)."""
SPREAD = 0.01
"""Length of later noise, as a part of the distance (ART; the paper's falls below single precision at such sizes)."""
RESOLUTION = 2**-16
"""Of single precision at 255 grey levels."""
TRIES = 100
"""Images of noise of which one has to be misclassified, to begin with."""
STARTING = 0.001
"""How exactly the first blend with noise is found (the released code)."""
ROUNDED = 0.01
"""How exactly the nearest blend is found whose rounded image fools."""
TOGETHER = 64
"""Images in a forward pass."""


class OutOfQueries(Exception):  # noqa: N818 - no error: the attack ends there
    """The model has been asked as often as was allowed."""


class Oracle:
    """Whether images of one label are misclassified: all that the attack learns of the model.

    Args:
        model_fn: From float32 pixels to scores, of which the greatest counts.
        label: The true one.
        queries: How many images may be asked about.
    """

    def __init__(self, model_fn: ModelFn, label: int, queries: int) -> None:
        self._model_fn, self._label, self._queries, self.asked = model_fn, label, queries, 0

    def __call__(self, points: Floats) -> Bools:
        """Return bool, (n,), for float32 pixels, (n, height, width, channels).

        Raises:
            OutOfQueries: These are more than are left.
        """
        if self.asked + len(points) > self._queries:
            raise OutOfQueries
        self.asked += len(points)
        parts = [points[place : place + TOGETHER] for place in range(0, len(points), TOGETHER)]
        labels = np.concatenate([self._model_fn.logits(part).argmax(axis=1) for part in parts])
        return np.asarray(labels != self._label)

    def one(self, point: Floats) -> bool:
        """Return the same for one image."""
        return bool(self(point[None])[0])


@dataclass(frozen=True)
class HopSkipJump(Attack):
    """HopSkipJump (Chen et al. 2020, algorithm 2), untargeted, for models that give labels and nothing else.

    From an image of noise that is misclassified the attack goes to the boundary; there it estimates from many labels
    around the point in which direction they change, steps that way, and goes back to the boundary nearer to the clean
    image, until the queries are spent. Steps are unrounded, as in the paper; with `survive_rounding` the nearest blend
    of the clean image with each step's point is searched whose rounded image fools, which is the result, at some eight
    queries a step. Images that are misclassified already, and those that no noise fools, come back unchanged.

    Args:
        queries: The most images that the model is asked about, for each image.
        first_samples: How many labels the first estimate takes, the paper's B0; the t-th takes sqrt(t) times as many.
        survive_rounding: Whether success has to hold for the rounded image.
        norm: ``"linf"`` or ``"l2"``: which is to be smallest.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import HopSkipJump
        >>> model, images, labels = load_demo()
        >>> result = HopSkipJump(queries=100)(model, images[:4], labels[:4])
        >>> bool(result.queries.max() <= 100)
        True
    """

    name: ClassVar[str] = "hopskipjump"
    loss: ClassVar[str] = "labels alone"
    minimal_norm: ClassVar[bool] = True
    needs_gradient: ClassVar[bool] = False

    queries: int = 5000
    first_samples: int = 100
    survive_rounding: bool = True
    norm: str = field(default=LINF, kw_only=True)

    def __post_init__(self) -> None:
        self.check_bound()
        check_integer("queries", self.queries, 1)
        check_integer("first_samples", self.first_samples, 2)
        check_flag("survive_rounding", self.survive_rounding)

    @property
    def steps(self) -> int:
        """The most queries."""
        return self.queries

    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one batch; see `Attack.run`."""
        images, queries = batch.pixels.copy(), np.zeros(len(batch.pixels), np.int64)
        steps: Ints = np.zeros_like(queries)
        for index in np.flatnonzero(batch.valid & ~batch.fooled(batch.logits.argmax(axis=1))):
            oracle = Oracle(model_fn, int(batch.labels[index]), self.queries)
            clean = batch.pixels[index]
            search = _Search(self, oracle, clean, generator(clean, batch.seed, "hopskipjump"))
            images[index], steps[index] = search.run()
            queries[index] = oracle.asked
        return Perturbed(images, steps, queries, np.zeros(len(images), bool))


class _Search:
    """The attack on one image.

    Args:
        attack: Its parameters.
        oracle: What is asked.
        clean: float32, (height, width, channels), whole grey levels.
        draw: Draws the noise.
    """

    def __init__(self, attack: HopSkipJump, oracle: Oracle, clean: Floats, draw: np.random.Generator) -> None:
        self._attack, self._oracle, self._clean, self._draw = attack, oracle, clean, draw
        self._linf = attack.norm == LINF
        self._smallest = Smallest(clean[None], attack.norm)
        self._exact = RESOLUTION if self._linf else SPREAD / math.sqrt(clean.size)  # in L2 of ART, a part of the way

    def run(self) -> tuple[Floats, int]:
        """Return the nearest image found, the clean one if none, and how many steps it took."""
        steps = 0
        try:
            inside = self._start()
            while inside is not None:
                boundary = self._to_boundary(inside)
                steps += 1
                inside = self._step(boundary, steps)
        except OutOfQueries:
            pass
        return self._smallest.images[0], steps

    def _start(self) -> Floats | None:
        """Return a blend with noise that fools; None if no noise does.

        Fine noise, the paper's, looks alike to a model; noise of coarser cells, to a single colour, may have its other
        classes.
        """
        sizes = max(self._clean.shape[:2]).bit_length()
        for number in range(TRIES):
            noise = self._noise(2 ** (number % sizes))
            if self._oracle.one(noise):
                inside = self._mixed(noise, self._bisect(partial(self._mixed, noise), 1.0, STARTING))
                self._offer(inside)
                return inside
        return None

    def _noise(self, cell: int) -> Floats:
        """Return cells of uniformly drawn colours, some pixels wide and high."""
        rows, columns = (np.arange(side) // cell for side in self._clean.shape[:2])
        colours = self._draw.uniform(0, WHITE, (rows[-1] + 1, columns[-1] + 1, self._clean.shape[2]))
        return colours[rows][:, columns].astype(np.float32)

    def _step(self, boundary: Floats, number: int) -> Floats:
        """Return a point that fools, a step from the boundary along the estimated direction."""
        distance = self._distance(boundary)
        size = SPREAD * distance if number > 1 else FIRST_NOISE * WHITE
        direction = self._direction(boundary, size, round(self._attack.first_samples * math.sqrt(number)))
        length = distance / math.sqrt(number)
        while True:
            point: Floats = np.clip(boundary + np.float32(length) * direction, 0, WHITE)
            if self._oracle.one(point):
                self._offer(point)
                return point
            length /= 2

    def _direction(self, boundary: Floats, size: float, samples: int) -> Floats:
        """Return where labels change, from those of random points around the boundary (equation 9), of norm one."""
        shape = (samples, *boundary.shape)
        noise = self._draw.uniform(-1, 1, shape) if self._linf else self._draw.standard_normal(shape)
        noise /= np.sqrt(np.square(noise).sum(axis=(1, 2, 3), keepdims=True))
        points = np.clip(boundary + size * noise, 0, WHITE).astype(np.float32)
        votes = np.where(self._oracle(points), 1.0, -1.0)
        if abs(votes.mean()) < 1:  # where all agree there is no variance to reduce
            votes -= votes.mean()
        found = np.tensordot(votes, (points - boundary) / np.float32(size), 1).astype(np.float32)
        return ball_of(Bound(self._attack.norm, 1.0)).uphill(found[None])[0]  # type: ignore[no-any-return]

    def _to_boundary(self, inside: Floats) -> Floats:
        """Return the point that fools nearest to the clean image on the way to it, in the paper's sense."""
        reach = self._distance(inside) if self._linf else 1.0
        return self._blend(inside, self._bisect(partial(self._blend, inside), reach, self._exact))

    def _blend(self, inside: Floats, part: float) -> Floats:
        """Return a point between the clean image and one that fools: in Linf clipped to `part`, in L2 mixed."""
        if not self._linf:
            return self._mixed(inside, part)
        return np.clip(inside, self._clean - np.float32(part), self._clean + np.float32(part))

    def _mixed(self, inside: Floats, part: float) -> Floats:
        """Return a point that lies at `part` of the way from the clean image."""
        return self._clean + np.float32(part) * (inside - self._clean)

    def _bisect(self, point: Callable[[float], Floats], high: float, exact: float) -> float:
        """Return about the least number at which a point fools; at `high` it does."""
        low = 0.0
        while high - low > exact:
            middle = (low + high) / 2
            if middle in (low, high):
                break
            low, high = (low, middle) if self._oracle.one(point(middle)) else (middle, high)
        return high

    def _distance(self, point: Floats) -> float:
        """Return a point's distance in grey levels."""
        return float(MEASURES[self._attack.norm]((point - self._clean)[None])[0]) * Bound(self._attack.norm, 1.0).levels

    def _offer(self, inside: Floats) -> None:
        """Keep the nearest blend with a point that fools, if it is the nearest so far."""
        if not self._attack.survive_rounding:
            self._smallest.offer(inside[None], np.array([True]))
            return
        if not self._oracle.one(np.rint(inside)):
            return
        self._smallest.offer(np.rint(inside)[None], np.array([True]))
        reach = self._distance(inside) if self._linf else 1.0
        part = self._bisect(lambda part: np.rint(self._blend(inside, part)), reach, ROUNDED * reach)
        self._smallest.offer(np.rint(self._blend(inside, part))[None], np.array([True]))
