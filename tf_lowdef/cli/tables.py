"""Results on the terminal."""

from __future__ import annotations

import os

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tf_lowdef.cli.terminal import printable
from tf_lowdef.evaluation import Results
from tf_lowdef.evaluation.sweep import Sweep
from tf_lowdef.report import CAVEATS, accuracy_table, conclusion, legend
from tf_lowdef.report.sweep_report import sweep_table, verdict
from tf_lowdef.report.table import unique

MIN_WIDTH = 100
"""Columns to assume where the output is no terminal, so that a table in a log is not folded."""


def show_results(results: Results, folder: str) -> None:
    """Print warnings, one table a threat model, and where the files are."""
    console = _console(results)
    skipped = results.run["skipped"]
    if skipped:
        console.print(f"[bold red]{len(skipped)} images could not be read and were skipped:[/]", highlight=False)
        for item in skipped:
            console.print(f"  {printable(item['reason'])}", markup=False, highlight=False)
    _show_accuracy(console, results)
    console.print(f"\n{conclusion(results)}", markup=False, highlight=False)
    console.print()
    for what, name in (("Picture: ", "accuracy.png"), ("Page:    ", "report.html"), ("Report:  ", "report.md")):
        console.print(what + printable(os.path.join(folder, name)), markup=False, highlight=False, soft_wrap=True)


def show_sweep(found: Sweep, folder: str) -> None:
    """Print warnings, a row a setting, what to take, and where the files are."""
    console = _console(found.results)
    content = sweep_table(found)
    table = Table(title="Top-1 accuracy on the half that had no part in the choice", title_justify="left")
    for place, column in enumerate(content.columns):
        table.add_column(column, justify="right" if 0 < place < len(content.columns) - 1 else "left", overflow="fold")
    for row in content.rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"\n{verdict(found)}", markup=False, highlight=False)
    console.print(
        f"\nReport: {printable(os.path.join(folder, 'sweep.md'))}", markup=False, highlight=False, soft_wrap=True
    )


def _console(results: Results) -> Console:
    """Return a console wide enough for a table, after printing the warnings on it."""
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, MIN_WIDTH)
    for warning in results.warnings:
        console.print(f"[bold red]Warning:[/] {escape(printable(warning))}", highlight=False)
    return console


def _show_accuracy(console: Console, results: Results) -> None:
    content = accuracy_table(results)
    n = max(row.n for row in results.rows)
    threats = unique(row.threat for row in results.rows)
    table = Table(
        title=f"Top-1 accuracy in %, {n} images, threat: {', '.join(threats)}",
        caption="\n".join([legend(results), *(CAVEATS[threat] for threat in threats)]).strip(),
        title_justify="left",
        caption_justify="left",
    )
    for place, column in enumerate(content.columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place, overflow="fold")
    for row in content.rows:
        table.add_row(*row)
    console.print(table)
