"""What the Square attack draws into an image, in each norm (Andriushchenko et al. 2020, algorithms 2 and 3)."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from functools import cache

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.bounds import L2, LINF

Doubles = npt.NDArray[np.float64]

TILES = 5
"""How many bumps the first image of L2 has along its height (the released code)."""
SMALLEST = 3
"""The least side of a window in L2, whose sides are odd (the released code)."""
NO_DIVISION_BY_ZERO = 1e-10


class Squares(ABC):
    """Random changes of one image, float32, (height, width, channels), in grey levels.

    Args:
        radius: Of the ball that they keep within, in grey levels.
    """

    def __init__(self, radius: float) -> None:
        self.radius = radius

    @abstractmethod
    def first(self, clean: Floats, draw: np.random.Generator) -> Floats:
        """Return where the search begins."""

    @abstractmethod
    def change(self, point: Floats, clean: Floats, draw: np.random.Generator, side: int) -> None:
        """Change a point in place.

        Args:
            point: Within the ball around `clean`.
            clean: The image.
            draw: Draws place and signs.
            side: Of the square, in pixels.
        """


class LinfSquares(Squares):
    """Squares of one colour each, whole grey levels."""

    def first(self, clean: Floats, draw: np.random.Generator) -> Floats:
        """Return vertical stripes, one pixel wide."""
        signs = draw.choice([-1, 1], (1, *clean.shape[1:]))
        stripes: Floats = np.clip(clean + np.float32(math.floor(self.radius)) * signs.astype(np.float32), 0, WHITE)
        return stripes

    def change(self, point: Floats, clean: Floats, draw: np.random.Generator, side: int) -> None:
        """Draw a square that changes something; see `Squares.change`."""
        window = _window(clean.shape, draw, side)
        before = point[window].copy()
        while (point[window] == before).all():  # one grey level up and down are never the same
            signs = 2 * draw.integers(0, 2, clean.shape[2]) - 1
            point[window] = np.clip(clean[window] + np.float32(math.floor(self.radius)) * signs, 0, WHITE)


class L2Squares(Squares):
    """Bumps that fall off from the middle; the norm of one window moves to another."""

    def first(self, clean: Floats, draw: np.random.Generator) -> Floats:
        """Return a tiling of bumps of random sign."""
        height, width, channels = clean.shape
        side = max(height // TILES, 1)
        change, tile = np.zeros(clean.shape), bump(side, side)[:, :, None]
        for top in range((height - side * (height // side)) // 2, height - side + 1, side):
            for left in range((width - side * (width // side)) // 2, width - side + 1, side):
                change[top : top + side, left : left + side] += tile * draw.choice([-1, 1], channels)
        return self._placed(clean, change)

    def change(self, point: Floats, clean: Floats, draw: np.random.Generator, side: int) -> None:
        """Take the norm of one window, and what is left of the radius, into another; see `Squares.change`."""
        height, width, channels = clean.shape
        side = min(max(side + (side + 1) % 2, SMALLEST), height, width)
        to, source = (_window(clean.shape, draw, side) for _ in range(2))
        change = point.astype(np.float64) - clean
        either = np.zeros((height, width, 1), bool)
        either[to] = either[source] = True
        within = np.square(change * either).sum(axis=(0, 1))
        left = max(self.radius**2 - float(np.square(change).sum()), 0) / channels
        old = change[to] / (NO_DIVISION_BY_ZERO + np.sqrt(np.square(change[to]).sum(axis=(0, 1))))
        new = old + pair(side, bool(draw.integers(2)))[:, :, None] * draw.choice([-1, 1], channels)
        new *= np.sqrt(left + within) / (NO_DIVISION_BY_ZERO + np.sqrt(np.square(new).sum(axis=(0, 1))))
        change[source] = 0
        change[to] = new
        point[:] = self._placed(clean, change)

    def _placed(self, clean: Floats, change: Doubles) -> Floats:
        """Return the image with a change that is brought to the length of the radius."""
        length = self.radius / (NO_DIVISION_BY_ZERO + math.sqrt(np.square(change).sum()))
        return np.clip(clean + length * change, 0, WHITE).astype(np.float32)


SQUARES: dict[str, type[Squares]] = {LINF: LinfSquares, L2: L2Squares}


@cache
def bump(height: int, width: int) -> Doubles:
    """Return a bump of norm one, (height, width): rectangles around the middle, each weighted 1 / k**2 (equation 2)."""
    found = np.zeros((height, width))
    top, left = height // 2, width // 2
    for ring in range(max(height // 2 + 1, width // 2 + 1)):
        rows = slice(max(top - ring, 0), min(top + ring + 1, height))
        found[rows, max(left - ring, 0) : min(left + ring + 1, width)] += 1 / (ring + 1) ** 2
    return found / np.sqrt(np.square(found).sum())  # type: ignore[no-any-return]


@cache
def pair(side: int, turned: bool) -> Doubles:
    """Return two bumps of opposite sign beside each other, (side, side), together of norm one."""
    half = np.concatenate([bump(side // 2, side), -bump(side - side // 2, side)])
    half /= np.sqrt(np.square(half).sum())
    return half.T if turned else half


def _window(shape: tuple[int, ...], draw: np.random.Generator, side: int) -> tuple[slice, slice]:
    """Return a random square within an image of (height, width, channels)."""
    top, left = draw.integers(0, (shape[0] - side + 1, shape[1] - side + 1))
    return slice(top, top + side), slice(left, left + side)
