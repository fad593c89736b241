"""The tables of ``report.html``, ready to be laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tf_lowdef.results import CLEAN, Comparison, Results, Row
from tf_lowdef.results.accuracy import heading, starred
from tf_lowdef.results.names import row_name
from tf_lowdef.threats import OBLIVIOUS


class Cell(NamedTuple):
    """A row in a table; None where nothing was tried.

    Attributes:
        label: What its column is called, for where there is no heading in sight.
        row: The row.
        star: Whether it differs from that of the report's subject.
        note: What it is of, where the column does not say.
    """

    label: str
    row: Row | None
    star: bool = False
    note: str = ""


class Line(NamedTuple):
    """A defence and its cells; `difference` is how the subject differs from it."""

    defence: str
    cells: list[Cell]
    difference: str = ""
    p: str = ""


class Column(NamedTuple):
    """An attack, and the threats under which it was tried."""

    attack: str
    threats: list[str]


def headline_lines(results: Results) -> list[Line]:
    """Return the table that comes first: a line a defence, clean, against who does not know of it, against who does.

    Beside them stands how the subject differs from it under the last of these attacks that was tried.
    """
    compared = {row_name(each.threat, each.attack, each.second): each for each in results.compared(results.subject)}
    lines = []
    for defence in results.defences:
        unknowing, knowing = results.strongest(defence), results.worst(defence)
        cells = [
            Cell("clean", results.clean(defence)),
            Cell("attacker does not know", unknowing, note=_note(unknowing)),
            Cell("attacker knows", knowing, note=_note(knowing)),
        ]
        last = knowing or unknowing
        against = difference(None if last is None else compared.get(last.name))
        lines.append(Line(defence, cells, *(("this one", "") if defence == results.subject else against)))
    return lines


def accuracy_columns(results: Results) -> list[Column]:
    """Return every attack with its threats beside each other; clean images are a column of their own."""
    found: dict[str, list[str]] = {}
    for row in results.select(conditional=False):
        if row.threat is not None and row.threat not in found.setdefault(row.attack, []):
            found[row.attack].append(row.threat)
    return [Column(attack, threats) for attack, threats in found.items()]


def accuracy_lines(results: Results, columns: Sequence[Column]) -> list[Line]:
    """Return top-1 accuracy in percent: a line a defence, its cells in the order of the columns, clean first."""
    rows = {row.name: row for row in results.select(conditional=False)}
    stars, pairs = starred(results), [(threat, column.attack) for column in columns for threat in column.threats]
    labels = {"clean": (None, CLEAN), **{f"{attack}, {threat}": (threat, attack) for threat, attack in pairs}}
    lines = []
    for defence in results.defences:
        names = {label: row_name(*pair, defence) for label, pair in labels.items()}
        lines.append(Line(defence, [Cell(label, rows.get(name), name in stars) for label, name in names.items()]))
    return lines


def doubts(results: Results) -> list[str]:
    """Return why each unreliable row is unreliable."""
    return [f"{row.name}: {row.unreliable}" for row in results.rows if row.unreliable is not None]


def _note(row: Row | None) -> str:
    """Return which attack a row is of; an attacker who knows less than is usual is named."""
    if row is None:
        return ""
    return row.attack if row.threat == OBLIVIOUS else heading(row.threat, row.attack)


def differences(results: Results) -> dict[str, dict[str, Comparison]]:
    """Return how the report's subject differs from every other defence: a comparison for each attack and defence."""
    found: dict[str, dict[str, Comparison]] = {}
    for each in results.compared(results.subject):
        found.setdefault(heading(each.threat, each.attack), {})[each.second] = each
    return found


def difference(comparison: Comparison | None) -> tuple[str, str]:
    """Return a comparison in words: the points with their interval, and p."""
    if comparison is None:
        return "not compared", ""
    low, high = (_points(end) for end in comparison.ci95)
    p = "p < .0001" if comparison.p_holm < 1e-4 else f"p = {comparison.p_holm:.4f}"
    return f"{_points(comparison.difference)} ({low} to {high})", p


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}")  # adding 0.0 makes -0.0 positive
