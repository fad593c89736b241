"""How far long work is: a bar in a terminal or a notebook, a line a minute in a log, or whatever the caller wants."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many steps of it are done, and how many there are."""

SILENCE = 60.0
"""Seconds between two lines of a log."""


class Steps:
    """Counts steps of one kind of work.

    Args:
        report: Called after each.
        what: Is being done.
        total: How many there are; may be set later.
        done: How many were done before.
    """

    def __init__(self, report: Progress, what: str, total: int = 0, done: int = 0) -> None:
        self._report, self._what, self._done, self.total = report, what, done, total

    def add(self, steps: int = 1) -> None:
        """Count some."""
        self._done += steps
        self._report(self._what, self._done, self.total)


@contextmanager
def shown(progress: Progress | bool | None = None) -> Iterator[Progress]:
    """Yield a function to call as the work goes on.

    Args:
        progress: What to call; False for nothing. None shows bars where somebody watches: standard error is a terminal,
            or this is a notebook (with ``ipywidgets``, which rich's bars need there). True also writes a line a minute
            where nobody does.
    """
    console = Console(stderr=True)
    if callable(progress):
        yield progress
    elif progress is not False and _watched(console):
        with _bars(console) as update:
            yield update
    elif progress:
        yield _Log(console)
    else:
        yield lambda *_: None


def _watched(console: Console) -> bool:
    return find_spec("ipywidgets") is not None if console.is_jupyter else console.is_terminal


@contextmanager
def _bars(console: Console) -> Iterator[Progress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console) as bars:
        tasks = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield update


class _Log:
    """Writes how far the work is, once in `SILENCE` seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._begun = self._told = time.monotonic()

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._told >= SILENCE:
            self._told = now
            minutes = (now - self._begun) / 60
            self._console.print(f"{what}: {done} of {total}, {minutes:.0f} min", markup=False, highlight=False)
