"""The ten things that the embedded classifier knows, as signed distance functions.

A factory draws the proportions of one specimen and returns its signed distance function: float32 points of shape
(3, n), y upwards, in, distances of shape (n,) out, negative inside. Every specimen fits a ball of about radius 1.
The functions never overestimate the distance, which is what sphere tracing needs (Hart 1996, "Sphere tracing",
doi 10.1007/s003710050084).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
"""float32, whatever NumPy's types say of arithmetic with Python's numbers."""
Shape = Callable[[Array], Array]
Random = np.random.Generator


def _radius(p: Array) -> Array:
    """Return the distance from the y axis."""
    return np.hypot(p[0], p[2])


def _sphere(p: Array, centre: tuple[float, float, float], radius: float) -> Array:
    x, y, z = centre
    return np.sqrt((p[0] - x) ** 2 + (p[1] - y) ** 2 + (p[2] - z) ** 2) - radius


def _cylinder(p: Array, radius: float, low: float, high: float) -> Array:
    """Return the distance to a solid cylinder around the y axis, from height `low` to `high`."""
    return np.maximum(_radius(p) - radius, np.maximum(low - p[1], p[1] - high))


def _ring(across: Array, along: Array, radius: float, thickness: float) -> Array:
    """Return the distance to a torus: `across` from its axis, `along` it."""
    return np.hypot(across - radius, along) - thickness


def ball(rng: Random) -> Shape:
    """A sphere, sometimes a little flattened."""
    flat = rng.uniform(0.85, 1.0)
    return lambda p: flat * (np.sqrt(p[0] ** 2 + (p[1] / flat) ** 2 + p[2] ** 2) - 0.85)


def bottle(rng: Random) -> Shape:
    """A body, a sloping shoulder and a neck."""
    body, neck = rng.uniform(0.3, 0.45), rng.uniform(0.1, 0.16)
    shoulder, slope = rng.uniform(0.0, 0.25), rng.uniform(0.6, 1.4)
    norm = np.hypot(1.0, slope)

    def distance(p: Array) -> Array:
        sloping = (p[1] - shoulder + slope * (_radius(p) - body)) / norm
        return np.minimum(
            np.maximum(_cylinder(p, body, -0.95, 0.8), sloping),
            _cylinder(p, neck, 0.0, 0.95),
        )

    return distance


def box(rng: Random) -> Shape:
    """A cuboid with slightly rounded edges."""
    half, edge = rng.uniform(0.38, 0.68, size=(3, 1)).astype(np.float32), rng.uniform(0.01, 0.06)

    def distance(p: Array) -> Array:
        q = np.abs(p) - half + np.float32(edge)
        outside = np.sqrt(np.sum(np.maximum(q, 0) ** 2, axis=0))
        return outside + np.minimum(q.max(axis=0), 0) - edge

    return distance


def can(rng: Random) -> Shape:
    """A closed cylinder with a sunken lid."""
    radius, half, rim = rng.uniform(0.35, 0.6), rng.uniform(0.5, 0.8), rng.uniform(0.03, 0.07)

    def distance(p: Array) -> Array:
        return np.maximum(_cylinder(p, radius, -half, half), -_cylinder(p, radius - rim, half - rim, half + 1))

    return distance


def cone(rng: Random) -> Shape:
    """A cone on its base."""
    radius, top = rng.uniform(0.5, 0.75), rng.uniform(0.7, 0.95)
    height = top + 0.7
    norm = np.hypot(height, radius)

    def distance(p: Array) -> Array:
        side = (height * _radius(p) + radius * (p[1] - top)) / norm
        return np.maximum(side, -0.7 - p[1])

    return distance


def dumbbell(rng: Random) -> Shape:
    """Two balls joined by a bar that lies across."""
    reach, bar = rng.uniform(0.5, 0.65), rng.uniform(0.07, 0.14)
    left, right = rng.uniform(0.26, 0.38, size=2)

    def distance(p: Array) -> Array:
        along = np.maximum(np.hypot(p[1], p[2]) - bar, np.abs(p[0]) - reach)
        return np.minimum(
            along, np.minimum(_sphere(p, (-reach, 0, 0), float(left)), _sphere(p, (reach, 0, 0), float(right)))
        )

    return distance


def mug(rng: Random) -> Shape:
    """An open cylinder with a handle."""
    radius, half, wall = rng.uniform(0.42, 0.58), rng.uniform(0.45, 0.65), rng.uniform(0.05, 0.09)
    reach, grip = rng.uniform(0.26, 0.34), rng.uniform(0.06, 0.1)

    def distance(p: Array) -> Array:
        handle = _ring(np.hypot(p[0] - radius, p[1]), p[2], reach, grip)
        body = np.minimum(_cylinder(p, radius, -half, half), handle)
        return np.maximum(body, -_cylinder(p, radius - wall, wall - half, half + 1))

    return distance


def mushroom(rng: Random) -> Shape:
    """A domed cap on a stem."""
    cap, stem, edge = rng.uniform(0.6, 0.85), rng.uniform(0.14, 0.28), rng.uniform(0.0, 0.25)

    def distance(p: Array) -> Array:
        dome = np.maximum(_sphere(p, (0, 0, 0), cap), edge - p[1])
        return np.minimum(dome, _cylinder(p, stem, -0.8, 0.4))

    return distance


def ring(rng: Random) -> Shape:
    """A torus."""
    radius, thickness = rng.uniform(0.5, 0.68), rng.uniform(0.13, 0.27)
    return lambda p: _ring(_radius(p), p[1], radius, thickness)


def star(rng: Random) -> Shape:
    """A thick five-pointed star that stands upright."""
    depth, notch = rng.uniform(0.1, 0.25), rng.uniform(0.38, 0.55)
    sector = np.pi / 5
    tip, dent = np.array([0.95, 0.0]), 0.95 * notch * np.array([np.cos(sector), np.sin(sector)])
    edge = dent - tip
    normal = np.array([edge[1], -edge[0]], dtype=np.float32) / np.float32(np.hypot(*edge))

    def distance(p: Array) -> Array:
        angle = np.arctan2(p[0], p[1])
        folded = np.abs((angle + sector) % (2 * sector) - sector)
        reach = np.hypot(p[0], p[1])
        outline = normal[0] * (reach * np.cos(folded) - np.float32(tip[0])) + normal[1] * reach * np.sin(folded)
        return np.maximum(outline, np.abs(p[2]) - depth)

    return distance


SHAPES: dict[str, Callable[[Random], Shape]] = {
    "ball": ball,
    "bottle": bottle,
    "box": box,
    "can": can,
    "cone": cone,
    "dumbbell": dumbbell,
    "mug": mug,
    "mushroom": mushroom,
    "ring": ring,
    "star": star,
}
"""The classes in the order of their labels."""
