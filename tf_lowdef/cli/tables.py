"""Results on the terminal."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tf_lowdef.cli.options import JSON
from tf_lowdef.cli.terminal import say_warnings
from tf_lowdef.files import csv_text
from tf_lowdef.report import accuracy_table, conclusion, legend
from tf_lowdef.report.certified import alpha_note, chosen_note
from tf_lowdef.report.detection import detection_table, false_positives
from tf_lowdef.report.glance import short_table
from tf_lowdef.report.side_by_side import differences_of_runs, left_out, side_by_side
from tf_lowdef.report.sweep_report import sweep_table, verdict
from tf_lowdef.results import Results
from tf_lowdef.results.certified_table import certified_table
from tf_lowdef.results.table import Table as TextTable
from tf_lowdef.text import printable, unread_images
from tf_lowdef.threats import THREATS

if TYPE_CHECKING:
    from tf_lowdef.results.sweep import Sweep

MIN_WIDTH = 100
"""Columns to assume where the output is no terminal, so that a table in a log is not folded."""

ANY_WIDTH = 10_000
"""Columns enough for every table, to find out what one needs."""


def show_results(results: Results, folder: str, output: str | None = None) -> None:
    """Print warnings, one table a threat model, and where the files are; or the rows as JSON, or nothing."""
    if output is not None:
        _print_plainly(output, [row.as_dict() for row in results.rows], results)
        return
    console = _console(results)
    _show_accuracy(console, results)
    _show_detection(console, results)
    _show_end(console, results, folder)


def show_certified(results: Results, folder: str) -> None:
    """Print warnings, a row a smoothed classifier, what is proved, and where the files are."""
    console = _console(results)
    caption = "\n".join(filter(None, [chosen_note(results), alpha_note(results)]))
    table = Table(
        title="Certified accuracy in %, with 95 % interval; L2 radii and sigma for images in [0, 1]",
        caption=caption,
        title_justify="left",
        caption_justify="left",
    )
    _fill(table, certified_table(results))
    console.print(table)
    _show_end(console, results, folder, "certified.png")


def show_sweep(found: Sweep, folder: str, output: str | None = None) -> None:
    """Print warnings, a row a setting, what to take, and where the files are; or the settings as JSON, or nothing."""
    if output is not None:
        _print_plainly(output, [dataclasses.asdict(row) for row in found.rows], found.results)
        return
    console = _console(found.results)
    table = Table(title="Top-1 accuracy on the half that had no part in the choice", title_justify="left")
    _fill(table, sweep_table(found))
    table.columns[-1].justify = "left"
    console.print(table)
    console.print(f"\n{verdict(found)}", markup=False, highlight=False)
    console.print(
        f"\nReport: {printable(os.path.join(folder, 'sweep.md'))}", markup=False, highlight=False, soft_wrap=True
    )


def _show_end(console: Console, results: Results, folder: str, picture: str = "accuracy.png") -> None:
    """Print what the numbers say, and where the files are."""
    console.print(f"\n{printable(conclusion(results))}", markup=False, highlight=False)
    console.print()
    for what, name in (("Picture: ", picture), ("Page:    ", "report.html"), ("Report:  ", "report.md")):
        console.print(what + printable(os.path.join(folder, name)), markup=False, highlight=False, soft_wrap=True)


def show_side_by_side(runs: Mapping[str, Results], as_csv: bool = False) -> None:
    """Print a line for every attack and defence that two runs have, and what else differs between the runs."""
    content, alone = side_by_side(runs), left_out(runs)
    if as_csv:
        click.echo(csv_text([content.columns, *content.rows]), nl=False)
        if alone is not None:
            click.echo(printable(alone), err=True)
        return
    console = _wide()
    if not content.rows:
        console.print("No attack and defence stands in two of the runs.", highlight=False)
    table = Table(title="Top-1 accuracy in %, with its 95 % interval", title_justify="left")
    _fill(table, content)
    console.print(table)
    if alone is not None:
        console.print(printable(alone), markup=False, highlight=False)
    for difference in differences_of_runs(runs):
        console.print(f"The runs differ in {printable(difference)}", markup=False, highlight=False)


def _print_plainly(output: str, rows: Sequence[Mapping[str, Any]], results: Results) -> None:
    if output == JSON:
        click.echo(json.dumps(rows, indent=1, allow_nan=False))
    say_warnings(results.warnings)


def _wide() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, MIN_WIDTH)
    return console


def _console(results: Results) -> Console:
    """Return a console wide enough for a table, after printing on it the warnings, and what was skipped."""
    console = _wide()
    for warning in results.warnings:
        console.print(f"[bold red]Warning:[/] {escape(printable(warning))}", highlight=False)
    skipped = results.run["skipped"]
    if skipped:
        console.print(f"[bold red]{unread_images(len(skipped))}:[/]", highlight=False)
        for item in skipped:
            console.print(f"  {printable(item['reason'])}", markup=False, highlight=False)
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
    """Print every accuracy where the terminal is wide enough for it, or else what matters at a glance."""
    threats = results.threats
    caveats = [THREATS[threat].caveat for threat in threats]
    title = f"Top-1 accuracy in %, {results.n} images, threat: {', '.join(threats) or 'none'}"
    table = _accuracies(title, accuracy_table(results), [legend(results), *caveats])
    if console.measure(table, options=console.options.update(width=ANY_WIDTH)).minimum > console.width:
        notes = ["95 % intervals in brackets. Every attack by itself: see the page.", legend(results), *caveats]
        table = _accuracies(title, short_table(results), notes)
    console.print(table)


def _accuracies(title: str, content: TextTable, notes: Sequence[str]) -> Table:
    caption = "\n".join(filter(None, notes))
    table = Table(title=title, caption=caption, title_justify="left", caption_justify="left")
    _fill(table, content)
    table.columns[0].no_wrap = True
    return table
