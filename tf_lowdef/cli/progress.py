"""Progress on the terminal, and what a stopped run says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import click

from tf_lowdef.cli.terminal import interrupts
from tf_lowdef.jobs import DONE, Folder
from tf_lowdef.jobs.progress import Progress, shown
from tf_lowdef.text import printable


def show_progress(wanted: bool = True) -> AbstractContextManager[Progress]:
    """Yield what shows how far the work is: bars, or a line a minute where standard error is no terminal."""
    return shown(wanted)


@contextmanager
def say_how_to_go_on(folder: Folder, option: str = "--out") -> Iterator[None]:
    """Say after Ctrl-C how the run in a folder goes on: who gave no folder does not know its name.

    Args:
        folder: The run's.
        option: Of the command, which names it.
    """
    try:
        with interrupts():
            yield
    except KeyboardInterrupt:
        if (Path(folder) / DONE).is_dir():
            told = f"the same command with {option} {printable(folder)} goes on."
            click.echo(f"What is finished is kept: {told}", err=True)
        raise


@contextmanager
def at_work(folder: Folder, quiet: bool = False, option: str = "--out") -> Iterator[Progress]:
    """Yield what shows how far the work in a folder is, unless `quiet`; say after Ctrl-C how it goes on."""
    with say_how_to_go_on(folder, option), show_progress(not quiet) as progress:
        yield progress
