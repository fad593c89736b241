"""Checks of the numbers that layers take."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any


def check_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return `value` as an int if it is a whole number from `low` to `high`.

    Raises:
        ValueError: It is none; the message names the argument.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        wanted = f"from {low} to {high}" if high is not None else f"of at least {low}"
        raise ValueError(f"`{name}` must be an integer {wanted}. Received: {name}={value!r}")
    return int(value)


def check_number(name: str, value: Any, low: float, high: float, above: bool = False) -> float:
    """Return `value` as a float if it is a number from `low` (or above it, where `above`) to `high`.

    Raises:
        ValueError: It is none; the message names the argument.
    """
    real = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not real or not low <= value <= high or (above and value == low):
        wanted = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
        raise ValueError(f"`{name}` must be a number {wanted}. Received: {name}={value!r}")
    return float(value)
