"""Results on the terminal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tf_lowdef.report import accuracy_table, conclusion, legend
from tf_lowdef.report.detection import detection_table, false_positives
from tf_lowdef.report.sweep_report import sweep_table, verdict
from tf_lowdef.results import Results
from tf_lowdef.results.table import Table as TextTable
from tf_lowdef.text import printable
from tf_lowdef.threats import THREATS

if TYPE_CHECKING:
    from tf_lowdef.evaluation.sweep import Sweep

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
    _show_detection(console, results)
    console.print(f"\n{printable(conclusion(results))}", markup=False, highlight=False)
    console.print()
    for what, name in (("Picture: ", "accuracy.png"), ("Page:    ", "report.html"), ("Report:  ", "report.md")):
        console.print(what + printable(os.path.join(folder, name)), markup=False, highlight=False, soft_wrap=True)


def show_sweep(found: Sweep, folder: str) -> None:
    """Print warnings, a row a setting, what to take, and where the files are."""
    console = _console(found.results)
    table = Table(title="Top-1 accuracy on the half that had no part in the choice", title_justify="left")
    _fill(table, sweep_table(found))
    table.columns[-1].justify = "left"
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


def _fill(table: Table, content: TextTable) -> None:
    for place, column in enumerate(content.columns):
        table.add_column(escape(printable(column)), justify="right" if place else "left", overflow="fold")
    for row in content.rows:
        table.add_row(*(escape(printable(cell)) for cell in row))


def _show_detection(console: Console, results: Results) -> None:
    """Print what gates are worth as detectors; nothing without any."""
    found, clean = detection_table(results), false_positives(results)
    if found.rows:
        caption = "AUC with its 95 % interval; the share in % above thresholds that were chosen on other clean images."
        table = Table(title="Detection", title_justify="left", caption=caption, caption_justify="left")
        _fill(table, found)
        console.print(table)
    if clean:
        console.print(printable(clean), markup=False, highlight=False)


def _show_accuracy(console: Console, results: Results) -> None:
    threats = results.threats
    table = Table(
        title=f"Top-1 accuracy in %, {results.n} images, threat: {', '.join(threats) or 'none'}",
        caption="\n".join([legend(results), *(THREATS[threat].caveat for threat in threats)]).strip(),
        title_justify="left",
        caption_justify="left",
    )
    _fill(table, accuracy_table(results))
    table.columns[0].no_wrap = True
    console.print(table)
