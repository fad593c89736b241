"""What the folder commands share on the terminal: progress while they run, a summary behind it, the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from tf_lowdef.text import printable

if TYPE_CHECKING:
    from rich.progress import Task
    from rich.text import Text

    from tf_lowdef.folders import Summary
    from tf_lowdef.folders.run import Progress

_SHOWN = 10
"""Failures named on the terminal; `failed.csv` names all."""


@contextmanager
def folder_run(description: str) -> Iterator[Progress]:
    """Show progress with the rate and the time left; yield what to call after each image.

    Wrong arguments come out as usage errors. Pillow's own warnings on damaged metadata are silenced: what matters of
    them is in the summary.
    """
    import logging
    import warnings

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.text import Text

    from tf_lowdef.folders import ArgumentError

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text("" if speed is None else f"{speed:.1f} images/s")

    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    bar = Progress(*columns, console=console, disable=not console.is_terminal)
    task = bar.add_task(description, total=None)

    def progress(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total)

    try:
        with warnings.catch_warnings(), bar:
            warnings.filterwarnings("ignore", module=r"PIL\.")
            yield progress
    except ArgumentError as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        click.echo("Stopped: every file written is whole. The same command goes on from here.", err=True)
        raise


def report(summary: Summary, done: str) -> int:
    """Print what became of a folder, failures on stderr; return the exit code.

    Args:
        summary: What became of it.
        done: What the tool does to a file, such as "converted".
    """
    failed = len(summary.failed)
    click.echo(
        f"scanned {summary.scanned}, {done} {summary.converted}, already there {summary.present}, "
        f"skipped {len(summary.skipped)}, failed {failed}"
    )
    if summary.converted:
        click.echo(
            f"{_size(summary.before)} became {_size(summary.after)}: "
            f"{_size(abs(summary.saved))} {'saved' if summary.saved >= 0 else 'more'}"
        )
    for note, count in sorted(summary.notes.items()):
        click.echo(f"note: {count} {printable(note)}")
    for reason, count in sorted(Counter(reason for _, reason in summary.skipped).items()):
        click.echo(f"skipped: {count} {printable(reason)}")
    for name, reason in summary.failed[: _SHOWN if summary.failed_csv else None]:
        click.echo(f"failed: {printable(name)}: {printable(reason)}", err=True)
    if summary.failed_csv:
        click.echo(f"failed: {failed} in all, listed in {printable(summary.failed_csv)}", err=True)
    return 1 if failed else 0


def _size(count: float) -> str:
    units = ["bytes", "kB", "MB", "GB"]
    while count >= 999.95 and len(units) > 1:
        count /= 1000
        units.pop(0)
    return f"{count:.0f} bytes" if units[0] == "bytes" else f"{count:.1f} {units[0]}"
