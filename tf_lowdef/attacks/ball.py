"""What lies within epsilon of an image: random points, projections, steps and whole grey levels, in each norm.

All arrays are float32 in grey levels, (n, height, width, channels); images lie in the box [0, 255].
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.randomness import generator, uniform_start
from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.bounds import L2, LINF, Bound

NO_DIVISION_BY_ZERO = 1e-12
LEAST = 0.5
"""Of a grey level: what is rounded to nothing, to even."""
BISECTIONS = 10
"""How often the scale of a perturbation is narrowed down; what less than a hundredth of it leaves is filled up."""

Doubles = npt.NDArray[np.float64]


class Ball(ABC):
    """The images within epsilon of a clean one.

    Args:
        radius: In grey levels.
    """

    def __init__(self, radius: float) -> None:
        self.radius = radius

    @abstractmethod
    def start(self, clean: Floats, seed: int, purpose: str = "") -> Floats:
        """Return a random point for each image, drawn from the seed, the image and the purpose alone."""

    @abstractmethod
    def project(self, clean: Floats, points: Floats) -> Floats:
        """Return points brought into ball and box."""

    @abstractmethod
    def uphill(self, gradient: Floats) -> Floats:
        """Return the step of length one that a linear function with this gradient grows most by."""

    @abstractmethod
    def spread(self, image: Floats, draw: np.random.Generator, count: int, inside: float | None = None) -> Floats:
        """Return whole grey levels around one image, (count, height, width, channels), in its box.

        Args:
            image: (height, width, channels).
            draw: Draws them.
            count: How many.
            inside: None draws them at the radius, in Linf at corners; otherwise within this part of it.
        """

    @abstractmethod
    def rounded(self, clean: Floats, points: Floats) -> Floats:
        """Return whole grey levels in ball and box near the points, in exact arithmetic."""


class LinfBall(Ball):
    """Every channel of every pixel within the radius."""

    def start(self, clean: Floats, seed: int, purpose: str = "") -> Floats:
        """Return a uniformly drawn point; see `Ball.start`."""
        return uniform_start(clean, self.radius, seed, purpose)

    def project(self, clean: Floats, points: Floats) -> Floats:
        """Return the nearest points; see `Ball.project`."""
        radius = np.float32(self.radius)
        inside: Floats = np.clip(np.clip(points, clean - radius, clean + radius), 0, np.float32(WHITE))
        return inside

    def uphill(self, gradient: Floats) -> Floats:
        """Return the sign."""
        sign: Floats = np.sign(gradient)
        return sign

    def spread(self, image: Floats, draw: np.random.Generator, count: int, inside: float | None = None) -> Floats:
        """Return corners, or points inside; see `Ball.spread`."""
        radius, shape = float(math.floor(self.radius)), (count, *image.shape)
        if inside is None:
            change = radius * draw.choice([-1.0, 1.0], shape)
        else:
            change = draw.uniform(-inside * radius, inside * radius, shape)
        return np.clip(np.rint(image + change), 0, WHITE).astype(np.float32)

    def rounded(self, clean: Floats, points: Floats) -> Floats:
        """Return the nearest grey levels, no further than the radius rounded down."""
        whole = math.floor(self.radius)
        nearest = np.clip(np.rint(points), 0, WHITE)
        inside: Floats = np.clip(nearest, clean - whole, clean + whole).astype(np.float32)
        return inside


class L2Ball(Ball):
    """The L2 norm of all values together within the radius."""

    def start(self, clean: Floats, seed: int, purpose: str = "") -> Floats:
        """Return a uniformly drawn point; see `Ball.start`."""
        points = clean.copy()
        for point in points:
            draw = generator(point, seed, purpose)
            noise = draw.standard_normal(point.shape)
            length = self.radius * draw.uniform() ** (1 / noise.size)
            point += (noise * (length / np.linalg.norm(noise))).astype(np.float32)
        return np.clip(points, 0, WHITE)

    def project(self, clean: Floats, points: Floats) -> Floats:
        """Return points shortened to the radius, then cut to the box, which only brings them nearer."""
        change = points - clean
        factor = np.minimum(1, self.radius / np.maximum(lengths(change), NO_DIVISION_BY_ZERO)).astype(np.float32)
        inside: Floats = np.clip(clean + factor * change, 0, np.float32(WHITE))
        return inside

    def uphill(self, gradient: Floats) -> Floats:
        """Return the gradient at length one; zero stays zero."""
        return (gradient / (lengths(gradient) + NO_DIVISION_BY_ZERO)).astype(np.float32)

    def spread(self, image: Floats, draw: np.random.Generator, count: int, inside: float | None = None) -> Floats:
        """Return points in random directions; see `Ball.spread`."""
        change = self.uphill(draw.standard_normal((count, *image.shape)).astype(np.float32)) * np.float32(self.radius)
        if inside is not None:
            change *= draw.uniform(0, inside, (count, 1, 1, 1)).astype(np.float32)
        return self.rounded(np.broadcast_to(image, change.shape), image + change)

    def rounded(self, clean: Floats, points: Floats) -> Floats:
        """Return whole perturbations that point the same way and are as long as they were, or a little shorter.

        The nearest grey levels may lie outside the ball, and where a perturbation is spread over pixels that each
        change by less than half a level, they are the clean ones. So the perturbation is brought to the greatest scale
        at which its nearest whole levels are no longer than it was: of all whole perturbations of that length, the
        one along which a linear function with the perturbation as its gradient grows most.
        """
        change = np.clip(points, 0, WHITE).astype(np.float64) - clean
        whole = [self._whole(*each) for each in zip(clean, change, strict=True)]
        return clean + np.asarray(whole, np.float32).reshape(clean.shape)

    def _whole(self, clean: Floats, change: Doubles) -> Doubles:
        """Return one image's whole perturbation."""
        size = abs(change).ravel()
        room = np.where(change > 0, WHITE - clean, clean).ravel()
        most = min(_squared(size), self.radius**2)
        levels = _nearest(size, room)
        if (levels != size).any() or _squared(levels) > most:
            low, high = LEAST / size.max(), (math.sqrt(most) + 1) / size.max()  # nothing, and too much
            for _ in range(BISECTIONS):
                middle = math.sqrt(low * high)
                levels = _nearest(middle * size, room)
                low, high = (middle, high) if _squared(levels) <= most else (low, middle)
            levels = _filled(_nearest(low * size, room), _nearest(high * size, room), most)
        return np.copysign(levels, change.ravel()).reshape(change.shape)


def _nearest(size: Doubles, room: Doubles) -> Doubles:
    """Return the nearest whole numbers, no greater than there is room for."""
    return np.minimum(np.rint(size), room)


def _squared(levels: Doubles) -> float:
    return float(np.square(levels).sum())


def _filled(levels: Doubles, more: Doubles, most: float) -> Doubles:
    """Return levels with as many of them raised, in a fixed order that is spread over the image, as `most` allows."""
    places = np.random.default_rng(0).permutation(np.flatnonzero(more > levels))
    costs = np.cumsum(more[places] ** 2 - levels[places] ** 2)
    raised = places[costs <= most - _squared(levels)]
    levels[raised] = more[raised]
    return levels


def lengths(change: Floats) -> Doubles:
    """Return the L2 norm of each image, shape (n, 1, 1, 1)."""
    squares = np.einsum("nhwc,nhwc->n", change, change, dtype=np.float64)
    norms: Doubles = np.sqrt(squares).reshape(-1, 1, 1, 1)
    return norms


def ball_of(bound: Bound) -> Ball:
    """Return the ball of a bound."""
    return {LINF: LinfBall, L2: L2Ball}[bound.norm](bound.levels)
