"""Defences in order of what they keep: each at its own setting, and all at the same clean accuracy."""

from __future__ import annotations

from typing import NamedTuple

from tf_lowdef.results import DefenceName, Results, Row
from tf_lowdef.results.table import MISSING, Table, number

MATCHED = 0.01
"""By how much clean accuracies may differ for defences to count as equally harmless."""

FEWEST = 3
"""Defences that make a ranking."""

AT_SETTINGS = (
    "Each defence as it was set, by its worst case against an attacker who knows of it, and among equals by the most "
    "harmful attack of one who does not. What is unreliable is not ranked."
)

AT_MATCHED = (
    "An equal setting is not equal damage: a defence that spoils clean images more also spoils perturbations more. "
    "Here every family of defences is taken at the clean accuracy of `{}`, {:.1f} %: its setting within {:g} point of "
    "that, or between two settings by linear interpolation."
)


class Standing(NamedTuple):
    """A defence and what it keeps, as shares; None where that was not tried or is not reliable.

    Attributes:
        defence: Its name, or that of its family, such as ``"jpeg:*"``.
        clean: Top-1 accuracy on clean images.
        unknowing: Under the most harmful attack of who does not know of it.
        knowing: In the worst case against who does.
        how: Which settings the numbers are of.
        doubtful: Whether what would decide its place is not reliable.
    """

    defence: str
    clean: float
    unknowing: float | None
    knowing: float | None
    how: str = ""
    doubtful: bool = False

    @property
    def key(self) -> tuple[float, float]:
        """What it is ranked by, larger is better."""
        if self.doubtful:
            return -1.0, -1.0
        knowing = -1.0 if self.knowing is None else self.knowing
        return knowing, -1.0 if self.unknowing is None else self.unknowing

    @property
    def ranked(self) -> bool:
        """Whether there is anything to rank it by."""
        return self.key != (-1.0, -1.0)


def setting_ranking(results: Results) -> Table:
    """Return the defences in order, each at its own setting; no rows where there are fewer than three."""
    found = _standings(results)
    return _table(found, with_how=False) if len(found) >= FEWEST else Table([], [])


def matched_ranking(results: Results) -> tuple[str, Table]:
    """Return the families of defences in order, at the clean accuracy of the report's subject, and what that means.

    Families that cannot be brought to it stand at the end, with the nearest clean accuracy that was tried.
    """
    found, ours = _standings(results), results.subject
    clean = next((each.clean for each in found if each.defence == ours), None)
    if clean is None or len(found) < FEWEST:
        return "", Table([], [])
    families: dict[str, list[Standing]] = {}
    for each in found:
        families.setdefault(DefenceName(each.defence).family, []).append(each)
    matched = [_match(family, sorted(members, key=lambda each: each.clean), clean, ours)
               for family, members in families.items()]  # fmt: skip
    return AT_MATCHED.format(ours, 100 * clean, 100 * MATCHED), _table(matched, with_how=True)


def _match(family: str, members: list[Standing], clean: float, ours: str) -> Standing:
    """Return what a family keeps at a clean accuracy; `members` are its settings, the most harmful first."""
    itself = [each for each in members if each.defence == ours]
    nearest = min(itself or members, key=lambda each: abs(each.clean - clean))
    if abs(nearest.clean - clean) <= MATCHED + 1e-9:
        return nearest._replace(defence=family, how=nearest.defence)
    below = [each for each in members if each.clean < clean]
    above = [each for each in members if each.clean > clean]
    if not below or not above:
        return Standing(family, nearest.clean, None, None, f"none near: {nearest.defence}")
    low, high = below[-1], above[0]
    part = (clean - low.clean) / (high.clean - low.clean)
    unknowing, knowing = _between(low.unknowing, high.unknowing, part), _between(low.knowing, high.knowing, part)
    how, doubtful = f"between {low.defence} and {high.defence}", low.doubtful or high.doubtful
    return Standing(family, clean, unknowing, knowing, how, doubtful)


def _between(low: float | None, high: float | None, part: float) -> float | None:
    return None if low is None or high is None else low + part * (high - low)


def _standings(results: Results) -> list[Standing]:
    found = []
    for defence in results.defences:
        clean, unknowing, knowing = results.clean(defence), results.strongest(defence), results.worst(defence)
        if clean is not None:
            deciding = knowing or unknowing
            doubtful = deciding is not None and deciding.unreliable is not None
            found.append(Standing(defence, clean.top1, _believed(unknowing), _believed(knowing), doubtful=doubtful))
    return found


def _believed(row: Row | None) -> float | None:
    return None if row is None or row.unreliable is not None else row.top1


def _table(standings: list[Standing], with_how: bool) -> Table:
    """Return a table in order; equals share a place."""
    in_order = sorted(standings, key=lambda each: each.key, reverse=True)
    rows = []
    for each in in_order:
        place = 1 + sum(other.key > each.key for other in in_order)
        numbers = [_percent(each.clean), _percent(each.unknowing), _percent(each.knowing)]
        how = [each.how] if with_how else []
        rows.append([each.defence, str(place) if each.ranked else MISSING, *numbers, *how])
    columns = ["defence", "place", "clean", "attacker does not know", "attacker knows"]
    return Table([*columns, "setting"] if with_how else columns, rows)


def _percent(value: float | None) -> str:
    return MISSING if value is None else number(100 * value, 1)
