"""The tables of ``report.html``, ready to be laid out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tf_lowdef.report.conclusion import subject
from tf_lowdef.report.headline import Headline
from tf_lowdef.report.table import SIGNIFICANT, heading
from tf_lowdef.results.results import CLEAN, Comparison, Results, Row
from tf_lowdef.results.table import unique


class Cell(NamedTuple):
    """An accuracy in percent; `value` is None where nothing was tried.

    Attributes:
        label: What its column is called, for where there is no heading in sight.
        value: In percent.
        low: Lower end of its 95 % interval.
        high: Upper end.
        star: Whether it differs from that of the report's subject.
        unreliable: Why it is an upper bound and no sign of robustness; None where it is not.
        note: What it is of, where the column does not say.
    """

    label: str
    value: float | None = None
    low: float = 0.0
    high: float = 0.0
    star: bool = False
    unreliable: str | None = None
    note: str = ""


class Line(NamedTuple):
    """A defence and its cells; `difference` is how the subject differs from it."""

    defence: str
    cells: list[Cell]
    difference: str = ""
    p: str = ""


class Difference(NamedTuple):
    """How the subject differs from a defence under an attack; `points` is empty where they were not compared."""

    against: str
    points: str = ""
    p: str = ""
    significant: bool = False


class Differences(NamedTuple):
    """The paired comparisons: a line an attack, and by which methods they were made."""

    against: list[str]
    lines: list[tuple[str, list[Difference]]]
    methods: list[str]


class Column(NamedTuple):
    """An attack, and the threats under which it was tried."""

    attack: str
    threats: list[str]


def headline_lines(headlines: Sequence[Headline], ours: str) -> list[Line]:
    """Return the table that comes first: clean, oblivious, adaptive, and how the subject differs."""
    lines = []
    for each in headlines:
        cells = [
            _cell("clean", each.clean, False),
            _cell("attacker does not know", each.oblivious, False, each.oblivious.attack if each.oblivious else ""),
            _cell("attacker knows", each.adaptive, False, each.adaptive.attack if each.adaptive else ""),
        ]
        difference, p = ("this one", "") if each.defence == ours else _difference(each.against, ours)
        lines.append(Line(each.defence, cells, difference, p))
    return lines


def accuracy_columns(results: Results) -> list[Column]:
    """Return every attack with its threats beside each other; clean images are a column of their own."""
    found: dict[str, list[str]] = {}
    for row in results.rows:
        if row.attack != CLEAN and not row.conditional and row.threat not in found.setdefault(row.attack, []):
            found[row.attack].append(row.threat)
    return [Column(attack, threats) for attack, threats in found.items() if threats]


def accuracy_lines(results: Results, columns: Sequence[Column]) -> list[Line]:
    """Return top-1 accuracy in percent: a line a defence, its cells in the order of the columns, clean first."""
    rows = {(row.threat, row.attack, row.defence): row for row in results.rows if not row.conditional}
    clean = {row.defence: row for row in results.rows if row.attack == CLEAN}
    stars = _starred(results)
    lines = []
    for defence in unique(row.defence for row in results.rows):
        keys = [(threat, column.attack, defence) for column in columns for threat in column.threats]
        cells = [_cell("clean", clean.get(defence), (CLEAN, defence) in stars)]
        cells += [_cell(f"{key[1]}, {key[0]}", rows.get(key), key in stars) for key in keys]
        lines.append(Line(defence, cells))
    return lines


def doubts(results: Results) -> list[str]:
    """Return why each unreliable row is unreliable."""
    return [f"{row.name}: {row.unreliable}" for row in results.rows if row.unreliable is not None]


def _cell(label: str, row: Row | None, star: bool, note: str = "") -> Cell:
    if row is None:
        return Cell(label)
    low, high = row.ci95
    return Cell(label, 100 * row.top1, 100 * low, 100 * high, star, row.unreliable, note)


def differences(results: Results) -> Differences:
    """Return how the defence that the report is about differs from every other, under every attack."""
    ours = subject(results)
    found = [each for each in results.comparisons if ours in (each.first, each.second)]
    cells = {(heading(each.threat, each.attack, alone=False), _other(each, ours)): each for each in found}
    against, attacks = unique(key[1] for key in cells), unique(key[0] for key in cells)
    lines = [(attack, [_compared(cells.get((attack, other)), ours, other) for other in against]) for attack in attacks]
    return Differences(against, lines, unique(each.method for each in found))


def _compared(comparison: Comparison | None, ours: str, other: str) -> Difference:
    if comparison is None:
        return Difference(other)
    return Difference(other, *_difference(comparison, ours), comparison.p_holm < SIGNIFICANT)


def _other(comparison: Comparison, ours: str) -> str:
    return comparison.second if comparison.first == ours else comparison.first


def _difference(comparison: Comparison | None, ours: str) -> tuple[str, str]:
    if comparison is None:
        return "not compared", ""
    sign = 1 if comparison.first == ours else -1
    low, high = sorted(sign * 100 * end for end in comparison.ci95)
    p = "p < .0001" if comparison.p_holm < 1e-4 else f"p = {comparison.p_holm:.4f}"
    return f"{_points(sign * 100 * comparison.difference)} ({_points(low)} to {_points(high)})", p


def _points(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}".replace("-", "\N{MINUS SIGN}")  # adding 0.0 makes -0.0 positive


def _starred(results: Results) -> set[tuple[str, ...]]:
    """Return which rows differ from those of the defence that the report is about."""
    ours, found = subject(results), set[tuple[str, ...]]()
    for each in results.comparisons:
        if ours in (each.first, each.second) and each.p_holm < SIGNIFICANT:
            other = _other(each, ours)
            found.add((CLEAN, other) if each.attack == CLEAN else (each.threat, each.attack, other))
    return found
