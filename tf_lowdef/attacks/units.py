"""The units of an attack's size."""

from __future__ import annotations

from typing import Any

HALF_A_LEVEL = 0.5
"""Images are rounded to whole grey levels after an attack: what is smaller moves no pixel."""


def check_epsilon(epsilon: Any) -> None:
    """Raise ValueError for a bound in (0, 0.5), which moves no pixel: most likely it is meant for pixels in [0, 1].

    Args:
        epsilon: In grey levels of 255, already known to be a number from 0 to 255, or None.
    """
    if epsilon is not None and 0 < epsilon < HALF_A_LEVEL:
        raise ValueError(
            "`epsilon` is in grey levels of 255, and below 0.5 no pixel of an 8-bit image moves. For pixels in [0, 1] "
            f"{epsilon:g} is {epsilon * 255:g} grey levels. Received: epsilon={epsilon:g}"
        )
