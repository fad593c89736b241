"""What a row of the benchmark is, and how two sides are timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Settings:
    """How much to measure.

    Attributes:
        quick: Whether the script need only be kept alive: small images, the embedded classifier, no figure worth much.
        repeats: How often each side runs after its warm-up.
        weights: A file of MobileNetV2's weights, or None for random ones.
        images: A folder of photographs, or None for made-up pictures.
    """

    quick: bool = False
    repeats: int = 5
    weights: str | None = None
    images: str | None = None


@dataclass(frozen=True)
class Reach:
    """What a ratio should be: at least, or at most, a bound."""

    bound: float
    at_least: bool = False

    def met(self, value: float) -> bool:
        """Return whether a ratio is where it should be."""
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:,g}"


@dataclass(frozen=True)
class Result:
    """One row: medians of both sides, and the ratio with its spread.

    Attributes:
        name: Short, and unique.
        what: What was done.
        peer: What it is compared with.
        unit: Of `ours` and `theirs`.
        ours: Median.
        theirs: Median; None where the row has a number of its own and no peer.
        ratio: Median of the ratios of the repeats.
        low: The smallest of them.
        high: The largest.
        repeats: How many they are.
        reach: What the ratio should be, None where nothing was set.
    """

    name: str
    what: str
    peer: str
    unit: str
    ours: float
    theirs: float | None
    ratio: float
    low: float
    high: float
    repeats: int
    reach: Reach | None = None

    @property
    def met(self) -> bool | None:
        """Whether the ratio is where it should be."""
        return None if self.reach is None else self.reach.met(self.ratio)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "reach": None if self.reach is None else str(self.reach), "met": self.met}


def compare(
    name: str,
    what: str,
    peer: str,
    ours: Times,
    theirs: Times,
    reach: Reach | None = None,
    *,
    unit: str = "ms",
    scale: float = 1000.0,
    speedup: bool = False,
) -> Result:
    """Make a row of seconds: how long ours takes over theirs, or how many times faster it is.

    Args:
        name: See `Result`.
        what: See `Result`.
        peer: See `Result`.
        ours: Seconds, one a repeat.
        theirs: Seconds, one a repeat, measured next to it.
        reach: What the ratio should be.
        unit: What seconds become when multiplied by `scale`.
        scale: See `unit`.
        speedup: Whether the ratio is theirs over ours.
    """
    ratios = theirs / ours if speedup else ours / theirs
    return Result(
        name, what, peer, unit, float(np.median(ours)) * scale, float(np.median(theirs)) * scale,
        float(np.median(ratios)), float(ratios.min()), float(ratios.max()), len(ratios), reach,
    )  # fmt: skip


def number(name: str, what: str, unit: str, value: float, reach: Reach | None = None) -> Result:
    """Make a row of one number that has no peer."""
    return Result(name, what, "-", unit, value, None, value, value, value, 1, reach)


def interleave(
    calls: Mapping[str, Callable[[], object]], settings: Settings, times: int = 1, most: int | None = None
) -> dict[str, Times]:
    """Time some calls in turns, so that what else the machine does meets all of them alike.

    Args:
        calls: What to time, by name; each is called once before, but not in the quick run.
        settings: How often.
        times: So many times as often.
        most: But not more often than this.

    Returns:
        Seconds of every call, in the order in which they were made; every other turn goes in reverse order.
    """
    names = list(calls)
    found: dict[str, list[float]] = {name: [] for name in names}
    if not settings.quick:
        for call in calls.values():
            call()
    repeats = settings.repeats * times
    for turn in range(repeats if most is None else min(repeats, most)):
        for name in names if turn % 2 == 0 else reversed(names):
            start = time.perf_counter()
            calls[name]()
            found[name].append(time.perf_counter() - start)
    return {name: np.array(values) for name, values in found.items()}
