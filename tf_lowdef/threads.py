"""Doing something for every image of a batch, one thread per core."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_limits: list[int] = []


def limit_cores(count: int) -> None:
    """Let this process count no more than `count` cores as its own: one of several workers on a machine."""
    _limits[:] = [count]


def available_cores() -> int:
    """Return how many cores this process may use."""
    return min([_cores(), *_limits])


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def for_each(function: Callable[[int], None], count: int, num_threads: int | None = None) -> None:
    """Call ``function(0)`` to ``function(count - 1)``, `num_threads` at a time (None: one per core).

    Image codecs run outside Python's global lock, so threads scale. The first exception is raised here.
    """
    workers = min(count, num_threads or available_cores())
    if workers <= 1:
        for index in range(count):
            function(index)
        return
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(function, range(count)):
            pass
