"""The order of macroblocks for methods 3 and 4: between refreshes of the costs, as parallel as prediction allows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from heapq import heapify, heappop, heappush

import numpy as np
import numpy.typing as npt

from tf_lowdef.webp.graph.layout import Index, Schedule

_MIN_COUNT = 96
"""Macroblocks between refreshes, at least; else an eighth of the picture (libwebp src/enc/frame_enc.c, MIN_COUNT)."""
EXACT_COUNT = 455
"""Up to here libwebp's 16-bit counts of tokens cannot overflow: 9 positions share a band, 16 blocks a type, and
455 * 9 * 16 is below 65,534. Beyond, very dense pictures make libwebp halve counts in an order that is not followed."""


@dataclass(frozen=True)
class EpochSchedule(Schedule):
    """A schedule with refreshes.

    Attributes:
        valid: Whether a slot is used, bool, shape (steps, lanes).
        fresh: Whether the costs are refreshed before a step, bool, shape (steps,).
        epochs: One more than refreshes.
    """

    valid: npt.NDArray[np.bool_]
    fresh: npt.NDArray[np.bool_]
    epochs: int


def epoch_starts(count: int) -> list[int]:
    """Return the first macroblock of each epoch.

    libwebp reloads its counter after it has fallen below zero, so that all epochs but the first have one macroblock
    more.
    """
    period = max(_MIN_COUNT, count >> 3)
    return [0, *range(period, count, period + 1)]


@lru_cache(maxsize=64)
def epoch_schedule(rows: int, columns: int) -> EpochSchedule:
    """Return the schedule of a picture.

    Two thirds of the lanes that a full wavefront needs take hardly more steps: what is ready is done in the order of
    the longest way that waits for it.
    """
    count = rows * columns
    lanes = max(1, min(rows, -(-columns // 2)) * 3 // 4)
    starts = epoch_starts(count)
    steps: list[list[int]] = []
    fresh: list[bool] = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], count], strict=True)):
        epoch = _list_schedule(start, end, columns, lanes)
        fresh += [number > 0, *[False] * (len(epoch) - 1)]
        steps += epoch
    source = np.zeros((len(steps), lanes), np.int32)
    valid = np.zeros((len(steps), lanes), bool)
    slot = np.zeros(count, np.int32)
    for step, macroblocks in enumerate(steps):
        source[step, : len(macroblocks)] = macroblocks
        valid[step, : len(macroblocks)] = True
        slot[macroblocks] = step * lanes + np.arange(len(macroblocks))
    return EpochSchedule(source, slot, valid, np.array(fresh), len(starts))


def _needed(index: int, columns: int) -> list[int]:
    """Return what a macroblock waits for: the one at the left, and the last one above that it looks at."""
    y, x = divmod(index, columns)
    needed = [index - 1] if x else []
    if y:
        needed.append(index - columns + (1 if x < columns - 1 else 0))
    return needed


def _list_schedule(start: int, end: int, columns: int, lanes: int) -> list[list[int]]:
    waiting: dict[int, int] = {}
    followers: dict[int, list[int]] = {index: [] for index in range(start, end)}
    for index in range(start, end):
        inside = [other for other in _needed(index, columns) if other >= start]
        waiting[index] = len(inside)
        for other in inside:
            followers[other].append(index)
    height: Index = np.zeros(end - start, np.int32)
    for index in range(end - 1, start - 1, -1):
        height[index - start] = 1 + max((height[other - start] for other in followers[index]), default=0)
    ready = [(-int(height[index - start]), index) for index in range(start, end) if not waiting[index]]
    heapify(ready)
    steps = []
    while ready:
        now = [heappop(ready)[1] for _ in range(min(lanes, len(ready)))]
        steps.append(now)
        for index in now:
            for other in followers[index]:
                waiting[other] -= 1
                if not waiting[other]:
                    heappush(ready, (-int(height[other - start]), other))
    return steps
