"""The nearest point of a hyperplane inside the box of images, in each norm (Croce and Hein 2020, FAB, section 2.2)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.result import WHITE, Floats
from tf_lowdef.bounds import LINF

Doubles = npt.NDArray[np.float64]

MOST_PIECES = 50
"""Steps of Newton's method; each passes a coordinate's border, and a few reach the plane."""
REACHED = 1e-6
"""The part of the way to the plane that may be missing."""
NO_DIVISION_BY_ZERO = 1e-12


def to_plane(points: Floats, normals: Floats, gaps: Floats, norm: str) -> Floats:
    """Return the smallest change that brings points onto hyperplanes and keeps them in [0, 255].

    A coordinate moves along its normal's sign, in Linf all by the same amount, in L2 by amounts in the proportion of
    the normal, each until it meets the box. How far is the root of a concave, increasing, piecewise linear function,
    which Newton's method from 0 meets in as many steps as it crosses pieces.

    Args:
        points: float32, (n, height, width, channels), in the box.
        normals: The same shape; where one is zero, so is the change.
        gaps: (n,): what normal times change has to be.
        norm: Whose smallest change.

    Returns:
        The changes; where the box does not meet the plane, those to its nearest corner.
    """
    flat = points.reshape(len(points), -1).astype(np.float64)
    normal = normals.reshape(flat.shape) * np.where(gaps < 0, -1.0, 1.0)[:, None]
    weight, gap = abs(normal), abs(gaps).astype(np.float64)
    room = np.where(normal > 0, WHITE - flat, flat)
    pace = (weight > 0).astype(np.float64) if norm == LINF else weight
    length = np.zeros(len(flat))
    for _ in range(MOST_PIECES):
        free = length[:, None] * pace < room
        left = gap - (weight * np.minimum(length[:, None] * pace, room)).sum(axis=1)
        slope = (weight * pace * free).sum(axis=1)
        going = (left > REACHED * gap) & (slope > NO_DIVISION_BY_ZERO)
        if not going.any():
            break
        length += np.where(going, left / np.where(going, slope, 1), 0)
    change = np.sign(normal) * np.minimum(length[:, None] * pace, room)
    return change.reshape(points.shape).astype(np.float32)
