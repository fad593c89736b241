"""The table of accuracies, and which of them differ from those of the defence that the results are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tf_lowdef.results.names import AttackName, row_name
from tf_lowdef.results.row import Row
from tf_lowdef.results.table import MISSING, Table

if TYPE_CHECKING:
    from tf_lowdef.results.results import Results

SIGNIFICANT = 0.05
"""The corrected p below which a difference is marked."""


def accuracy_table(results: Results, threat: str | None = None, intervals: bool = False) -> Table:
    """Return top-1 accuracy in percent: one row a defence, one column an attack, clean images first.

    A star marks what differs from the defence that the report is about (p < .05, corrected); an unreliable accuracy
    is an upper bound and says so. Conditional rows are no accuracies and are left out.

    Args:
        results: What to show.
        threat: Whose attacks to show beside the clean images; None takes all, with the threat in the heading where
            there are several.
        intervals: Whether to add the 95 % interval.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from tf_lowdef.report import accuracy_table
        >>> accuracy_table(results)
        Table(columns=['defence', 'clean', 'bim:4'], rows=[['flip', '100.0', '50.0']])
    """
    rows = [row for row in results.select(conditional=False) if threat is None or row.threat in (threat, None)]
    alone = len({row.threat for row in rows if row.threat is not None}) < 2
    columns, stars = list(dict.fromkeys((row.threat, row.attack) for row in rows)), starred(results)
    cells = {(row.threat, row.attack, row.defence): accuracy_text(row, intervals, row.name in stars) for row in rows}
    return Table(
        ["defence", *(heading(*column, alone) for column in columns)],
        [
            [defence, *(cells.get((*column, defence), MISSING) for column in columns)]
            for defence in dict.fromkeys(row.defence for row in rows)
        ],
    )


def heading(threat: str | None, attack: AttackName, alone: bool = False) -> str:
    """Return what a column is called; `alone` leaves the threat out, as does a worst case, which has but one."""
    if threat is None:
        return "clean"
    return attack if alone or attack.kind == "worst" else f"{threat} {attack}"


def starred(results: Results) -> set[str]:
    """Return the names of the rows that differ from those of the defence that the report is about."""
    return {
        row_name(each.threat, each.attack, each.second)
        for each in results.compared(results.subject)
        if each.p_holm < SIGNIFICANT
    }


def accuracy_text(row: Row, intervals: bool = True, star: bool = False) -> str:
    """Return an accuracy in percent with its 95 % interval; what is unreliable as the upper bound that it is."""
    text = f"{100 * row.top1:.1f}{'*' if star else ''}"
    if row.unreliable is not None:
        return f"<= {text} unreliable"
    if not intervals:
        return text
    low, high = row.ci95
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"
