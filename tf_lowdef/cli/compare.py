"""``tf-lowdef compare``."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePath

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.terminal import say_warnings
from tf_lowdef.cli.types import RunFolder


@click.command(name="compare", epilog=examples("tf-lowdef compare runs/before runs/after"))
@click.argument("runs", type=RunFolder(), metavar="RUN RUN...", nargs=-1, required=True)
@click.option("--csv", "as_csv", is_flag=True, help="Print the table as CSV.")
def command(runs: tuple[str, ...], as_csv: bool) -> None:
    """Show two or more runs side by side.

    A line for every attack and defence that two of them have. Accuracies of the same images are compared in pairs, with
    intervals and p; those of different images stand side by side only.
    """
    if len(runs) < 2:
        raise click.UsageError("two or more runs are compared. Received: one")
    if len(set(runs)) < len(runs):
        raise click.UsageError(f"a run is given twice: {Counter(runs).most_common(1)[0][0]}")
    from tf_lowdef.jobs import working_folder
    from tf_lowdef.results import Results

    found = {}
    for run, name in zip(runs, _names(runs), strict=True):
        with working_folder(run, new=False) as folder:
            found[name] = Results.load(folder, strict=False)
    from tf_lowdef.cli.tables import show_side_by_side

    show_side_by_side(found, as_csv)
    for name, results in found.items():
        say_warnings(f"{name}: {warning}" for warning in results.warnings)


def _names(runs: tuple[str, ...]) -> list[str]:
    """Return the last part of each path, or the paths where two would be the same."""
    short = [PurePath(run.rstrip("/")).name or run for run in runs]
    return short if len(set(short)) == len(short) else list(runs)
