"""Results as tables of text, for the terminal and for Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from tf_lowdef.evaluation.results import CLEAN, Results, Row

MISSING = "-"


class Table(NamedTuple):
    """A table of text: column headings and rows of the same length; the first column names the row."""

    columns: list[str]
    rows: list[list[str]]


def accuracy_table(results: Results, threat: str, intervals: bool = False) -> Table:
    """Return top-1 accuracy in percent: one row a defence, one column an attack, clean images first.

    Args:
        results: What to show.
        threat: Which rows to take.
        intervals: Whether to add the 95 % interval.
    """
    rows = [row for row in results.rows if row.threat == threat]
    attacks, defences = unique(row.attack for row in rows), unique(row.defence for row in rows)
    cells = {(row.attack, row.defence): _accuracy(row, intervals) for row in rows}
    return Table(
        ["defence", *("clean" if attack == CLEAN else attack for attack in attacks)],
        [[defence, *(cells.get((attack, defence), MISSING) for attack in attacks)] for defence in defences],
    )


def attack_table(results: Results, threat: str) -> Table:
    """Return what each attack was and how far it moved the images: one row an attack."""
    rows = [row for row in results.rows if row.threat == threat and row.attack != CLEAN]
    columns = [
        "attack",
        "norm",
        "epsilon",
        "steps",
        "step size",
        "restarts",
        "loss",
        "labels",
        "knowledge of the defence",
    ]
    columns += ["images", "left out", "L2", "Linf", "SSIM", "median minimal L2", "seconds"]
    first = {row.attack: row for row in reversed(rows)}
    return Table(columns, [_attack_cells(first[attack]) for attack in unique(row.attack for row in rows)])


def unique(values: Iterable[str]) -> list[str]:
    """Return the values in the order in which they first occur."""
    return list(dict.fromkeys(values))


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text, ``-`` for None."""
    if value is None:
        return MISSING
    return "inf" if math.isinf(value) else f"{value:.{digits}f}".removesuffix("." + "0" * digits)


def _accuracy(row: Row, intervals: bool) -> str:
    text = f"{100 * row.top1:.1f}"
    if not intervals:
        return text
    low, high = row.ci95
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def _attack_cells(row: Row) -> list[str]:
    setting = row.setting
    return [
        row.attack,
        str(setting.get("norm") or MISSING),
        number(setting.get("epsilon"), 3),
        number(setting.get("steps"), 0),
        number(setting.get("step_size"), 3),
        number(setting.get("restarts"), 0),
        str(setting.get("loss") or MISSING),
        str(setting.get("labels") or MISSING),
        str(setting.get("knowledge") or MISSING),
        number(row.attacked, 0),
        number(row.left_out, 0),
        number(row.l2_mean, 3),
        number(row.linf_max),
        number(row.ssim_mean, 4),
        number(row.median_minimal_l2, 3),
        number(row.attack_seconds, 1),
    ]
