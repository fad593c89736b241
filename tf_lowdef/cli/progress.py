"""Progress on the terminal; silent where standard error is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tf_lowdef.jobs import DONE, Folder
from tf_lowdef.text import printable


@contextmanager
def show_progress() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that shows what is being done, how many steps of it are done, and how many there are."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield update


@contextmanager
def say_how_to_go_on(folder: Folder) -> Iterator[None]:
    """Say after Ctrl-C how the run in a folder goes on: who gave no folder does not know its name."""
    try:
        yield
    except KeyboardInterrupt:
        if (Path(folder) / DONE).is_dir():
            click.echo(f"What is finished is kept: the same command with --out {printable(folder)} goes on.", err=True)
        raise
