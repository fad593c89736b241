"""The rows that a report puts first: each defence clean, against who does not know of it, and against who does."""

from __future__ import annotations

from typing import NamedTuple

from tf_lowdef.report.conclusion import PREFERRED_EPSILON, WORST, subject
from tf_lowdef.results.results import CLEAN, Comparison, Results, Row
from tf_lowdef.results.table import unique
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS


class Headline(NamedTuple):
    """What a report says first of one defence; None where it was not tried.

    Attributes:
        defence: Its name.
        clean: Its row on clean images.
        oblivious: The lowest of its rows at the epsilon, of an attacker who does not know of it.
        adaptive: Its worst case at the epsilon, of one who does.
        against: How the subject of the report differs from it in the worst case, or where there is none in the
            oblivious row; None for the subject itself.
    """

    defence: str
    clean: Row | None
    oblivious: Row | None
    adaptive: Row | None
    against: Comparison | None


def headline_epsilon(results: Results) -> float | None:
    """Return the epsilon that a report puts first: 4 grey levels, or else the smallest; None where there is none."""
    found = {row.setting.get("epsilon") for row in results.rows if row.attack != CLEAN}
    known = sorted(epsilon for epsilon in found if epsilon is not None)
    return PREFERRED_EPSILON if PREFERRED_EPSILON in known else next(iter(known), None)


def headlines(results: Results) -> list[Headline]:
    """Return a headline for each defence, in order."""
    epsilon, ours = headline_epsilon(results), subject(results)
    found = []
    for defence in unique(row.defence for row in results.rows):
        rows = [row for row in results.rows if row.defence == defence]
        clean = next((row for row in rows if row.attack == CLEAN), None)
        oblivious, adaptive = strongest(rows, epsilon), worst_case(rows, epsilon)
        row = adaptive or oblivious
        against = None if row is None else _comparison(results, row, ours)
        found.append(Headline(defence, clean, oblivious, adaptive, against))
    return found


def strongest(rows: list[Row], epsilon: float | None) -> Row | None:
    """Return the oblivious row of lowest accuracy at an epsilon, or else at any; a reliable one, if there is one."""
    found = [row for row in rows if row.threat == OBLIVIOUS and row.attack != CLEAN and not row.conditional]
    found = [row for row in found if row.setting.get("epsilon") == epsilon] or found
    return min(found, key=lambda row: (row.unreliable is not None, row.top1), default=None)


def worst_case(rows: list[Row], epsilon: float | None) -> Row | None:
    """Return the adaptive worst case at an epsilon."""
    return next((row for row in rows if row.threat == ADAPTIVE and row.attack == f"{WORST}{epsilon or 0:g}"), None)


def _comparison(results: Results, row: Row, ours: str) -> Comparison | None:
    for each in results.comparisons:
        if (each.threat, each.attack) == (row.threat, row.attack) and {each.first, each.second} == {ours, row.defence}:
            return each
    return None
