"""Tables of text beside that of the accuracies, for Markdown and for the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from tf_lowdef.results import Results, Row
from tf_lowdef.results.accuracy import heading
from tf_lowdef.results.row import DIGITS, HEADING
from tf_lowdef.results.table import MISSING, Table, number, unique
from tf_lowdef.threats import knows_defence

PLACED = (
    "threat",
    "attack",
    "defence",
    "n",
    "correct",
    "top1",
    "ci95",
    "conditional",
    "unreliable",
    "setting",
    "draws",
    "detection_n",
    "auc",
    "auc_ci95",
    "caught_1",
    "caught_5",
    "suspected",
)
"""Fields of a row that stand in a table, heading or sentence of their own."""

NOT_SHOWN = {
    "success_rate": "follows from the accuracies",
    "zero_gradient": "is told in `unreliable` where there are too many",
    "resolution": "is the model's input size",
    "seconds": "of the predictions; those of the attacks are shown",
    "per_image": "has a file of its own, and the pictures",
}
"""Fields of a row that stand in ``results.json`` or ``correct.csv`` alone, and why."""

SETTINGS = {
    "norm": None, "epsilon": 3, "steps": 0, "step_size": 3, "restarts": 0, "loss": None, "labels": None,
    "knowledge": None,
}  # fmt: skip
"""What is shown of an attack's setting; the decimals of what is a number."""


def cascade_table(results: Results) -> Table:
    """Return what the conditional attacks left of the images that those before had left: one row an attack."""
    rows = results.select(conditional=True)
    attacks, defences = unique(row.attack for row in rows), unique(row.defence for row in rows)
    cells = {(row.attack, row.defence): f"{number(row.correct, 1)} of {row.n}" for row in rows}
    return Table(
        ["attack", *defences],
        [[attack, *(cells.get((attack, defence), MISSING) for defence in defences)] for attack in attacks],
    )


def another_table(results: Results) -> Table:
    """Return what an attack of another kind still took from worst cases, in points; no rows where none was tried."""
    rows = [
        [row.defence, MISSING if row.bound is None else str(row.bound), f"{100 * row.setting['another_takes']:.1f}"]
        for row in results.rows
        if row.setting.get("another_takes") is not None
    ]
    return Table(["defence", "epsilon", "points"], rows)


def comparison_table(results: Results) -> Table:
    """Return how the defence that the report is about differs from every other, under every attack.

    Example:
        >>> from tf_lowdef.report import comparison_table
        >>> from tf_lowdef.results import Comparison, Results, Row
        >>> rows = [
        ...     Row("oblivious", "bim:4", defence, 4, right, right / 4, (0.0, 1.0))
        ...     for defence, right in (("webp:60+flip", 3), ("flip", 2))
        ... ]
        >>> found = Comparison("oblivious", "bim:4", "webp:60+flip", "flip", 0.25, (-0.2, 0.7), 1.0, 1.0, "McNemar")
        >>> len(comparison_table(Results({}, rows, [found])).rows)
        1
    """
    rows = []
    for each in results.compared(results.subject):
        points = points_text(each.difference, each.ci95)
        rows.append([heading(each.threat, each.attack), each.second, points, _p(each.p), _p(each.p_holm), each.method])
    return Table(["attack", "against", "points", "p", "p (Holm)", "method"], rows)


def points_text(difference: float, interval: tuple[float, float]) -> str:
    """Return a difference of accuracies in points, with its interval."""
    low, high = (100 * end for end in interval)
    return f"{100 * difference + 0.0:+.1f} ({low:+.1f} to {high:+.1f})"


def attack_table(results: Results, threat: str) -> Table:
    """Return what each attack was and how far it moved the images: one row an attack.

    Example:
        >>> from tf_lowdef.report import attack_table
        >>> from tf_lowdef.results import Results, Row
        >>> row = Row("oblivious", "bim:4", "flip", 4, 2, 0.5, (0.15, 0.85), attacked=4, linf_max=4.0)
        >>> table = attack_table(Results({}, [row]), "oblivious")
        >>> dict(zip(table.columns, table.rows[0]))["Linf"]
        '4'
    """
    rows = [row for row in results.select(threat=threat) if row.attacked is not None]
    first = {row.attack: row for row in reversed(rows)}
    attacks, columns = unique(row.attack for row in rows), ["attack", *map(_spoken, SETTINGS)]
    columns[-1] += " of the defence"
    if knows_defence(threat):  # every defence has images of its own
        tried = {attack: sum(row.attacked or 0 for row in rows if row.attack == attack) for attack in attacks}
        spent = {attack: sum(row.attack_seconds or 0 for row in rows if row.attack == attack) for attack in attacks}
        cells = [[*_setting(first[each]), number(tried[each], 0), number(spent[each], 1)] for each in attacks]
        return Table([*columns, "images", "seconds"], cells)
    measured = {each.name: each.metadata for each in _fields(rows) if HEADING in each.metadata}
    return Table(
        [*columns, *(shown[HEADING] for shown in measured.values())],
        [
            [*_setting(row), *(number(getattr(row, name), shown[DIGITS]) for name, shown in measured.items())]
            for row in (first[attack] for attack in attacks)
        ],
    )


def minimal_table(results: Results) -> Table:
    """Return how small a perturbation fools each defence: a row an attack that knows of it and seeks the smallest."""
    rows = [row for row in results.rows if row.median_minimal_l2 is not None and knows_defence(row.threat)]
    defences = unique(row.defence for row in rows)
    cells = {(row.attack, row.defence): number(row.median_minimal_l2, 3) for row in rows}
    attacks = unique(row.attack for row in rows)
    lines = [[attack, *(cells.get((attack, each), MISSING) for each in defences)] for attack in attacks]
    return Table(["attack", *defences], lines)


def rest_table(results: Results) -> Table:
    """Return the fields of the rows that no other table shows: one row a row; no rows where there are none."""
    names = [each.name for each in _fields(results.rows)
             if each.name not in (*PLACED, *NOT_SHOWN) and HEADING not in each.metadata]  # fmt: skip
    return Table(
        ["row", *map(_spoken, names)],
        [[row.name, *(_text(getattr(row, name)) for name in names)] for row in results.rows if names],
    )


def _fields(rows: Sequence[Row]) -> Sequence[dataclasses.Field[Any]]:
    return dataclasses.fields(rows[0]) if rows else ()


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _text(value: Any) -> str:
    return number(value, 3) if value is None or isinstance(value, float) else str(value)


def _p(value: float) -> str:
    return "< .0001" if value < 1e-4 else f"{value:.4f}"


def _setting(row: Row) -> list[str]:
    values = {name: row.setting.get(name) for name in SETTINGS}
    texts = (str(values[name] or MISSING) if digits is None else number(values[name], digits)
             for name, digits in SETTINGS.items())  # fmt: skip
    return [row.attack, *texts]
