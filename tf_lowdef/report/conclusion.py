"""What the numbers say, in words: the first sentence of a report."""

from __future__ import annotations

from collections.abc import Sequence

from tf_lowdef.evaluation.attackers.budgets import NO_CLAIM
from tf_lowdef.results import Results, Row
from tf_lowdef.results.results import CLEAN

BARE = "none"
NO = "does not hold"
WORST = "worst:"

NOTHING, LITTLE, PART = 0.05, 0.3, 0.9
"""Shares of the clean accuracy up to which a defence does not hold, hardly holds, and holds in part."""

PREFERRED_EPSILON = 4.0


def conclusion(results: Results) -> str:
    """Return in words what holds against whom, and what does not.

    It is about the defence that the package is for, WebP and a flip, or else the best against an attacker who does not
    know of it; and about epsilon 4, or else the smallest.

    Args:
        results: With rows of any threats.
    """
    epsilon = _epsilon(results.rows)
    defence = subject(results)
    known = _row(results.rows, "adaptive", defence, epsilon)
    unknown = _strongest(results.rows, defence, epsilon)
    where = "" if epsilon is None else f" at epsilon {epsilon:g}"
    if known is None and unknown is None:
        return f"Only clean images were tried: nothing is said of any attack on {_name(defence)}."
    if defence == BARE:
        return _bare(known or unknown, where, results)
    parts = [_oblivious(unknown, results)] if unknown is not None else []
    parts.append(_adaptive(known, results))
    text = f"{_name(defence)}{where} " + ", and ".join(parts) + "."
    others = [] if known is None else _others(results, defence, epsilon)
    return " ".join([text, *others])


def subject(results: Results) -> str:
    """Return the defence that a report is about."""
    defences = list(dict.fromkeys(row.defence for row in results.rows))
    ours = [name for name in defences if name.startswith("webp") and "+flip" in name]
    if ours:
        return ours[0]
    epsilon = _epsilon(results.rows)
    best = {name: row.top1 for name in defences if (row := _strongest(results.rows, name, epsilon)) is not None}
    others = {name: value for name, value in best.items() if name != BARE}
    if others:
        return max(others, key=lambda name: others[name])
    return next((name for name in defences if name != BARE), defences[0] if defences else BARE)


def holds(row: Row, clean: float) -> str:
    """Return a verb phrase for how much of the clean accuracy a defence keeps."""
    kept = row.top1 / clean if clean else 0.0
    if kept <= NOTHING:
        return NO
    if kept <= LITTLE:
        return "hardly holds"
    return "holds in part" if kept <= PART else "holds"


def _name(defence: str) -> str:
    return "The bare model" if defence == BARE else f"`{defence}`"


def _percent(row: Row) -> str:
    return f"{100 * row.top1:.0f} %"


def _bare(row: Row | None, where: str, results: Results) -> str:
    """Say how the bare model fares where there is nothing else; it hides nothing from an attacker."""
    if row is None:
        return ""
    verdict = holds(row, _clean(results, BARE)) if row.unreliable is None else "is not known to hold"
    doubt = "" if row.unreliable is None else f", unreliable: {row.unreliable}"
    return f"The bare model{where} {verdict} ({_percent(row)} of {row.n} images under {row.attack}{doubt})."


def _oblivious(row: Row, results: Results) -> str:
    who = "an attacker who does not know of it"
    if row.unreliable is not None:
        return f"is not known to hold against {who} ({_percent(row)} under {row.attack}, unreliable: {row.unreliable})"
    verdict = holds(row, _clean(results, row.defence))
    return f"{verdict} against {who} ({_percent(row)} of {row.n} images under {row.attack})"


def _adaptive(row: Row | None, results: Results) -> str:
    if row is None:
        return "whether it holds against an attacker who knows of it was not tried"
    both = any(each.threat == "oblivious" and each.attack != CLEAN for each in results.rows)
    who = "one who does" if both else "an attacker who knows of it"
    if row.unreliable is not None:
        return (
            f"whether it holds against {who} is not known: the {_percent(row)} that are left in the worst case are an "
            f"upper bound and unreliable ({row.unreliable})"
        )
    verdict = holds(row, _clean(results, row.defence))
    claim = verdict == NO or row.setting.get("budget") == "standard"
    return f"{verdict} against {who} ({_percent(row)} in the worst case{'' if claim else '; ' + NO_CLAIM})"


def _others(results: Results, defence: str, epsilon: float | None) -> list[str]:
    """Say how the rest fares against the attacker who knows of it."""
    rows = [row for row in results.rows if row.threat == "adaptive" and _is_worst(row, epsilon)]
    rest = [row for row in rows if row.defence not in (defence, BARE)]
    believed = [row for row in rest if row.unreliable is None]
    doubtful = [f"`{row.defence}`" for row in rest if row.unreliable is not None]
    parts = []
    if believed:
        best = max(believed, key=lambda row: row.top1)
        if all(holds(row, _clean(results, row.defence)) == NO for row in believed):
            either = " either" if _falls(results, defence, epsilon) else ""
            kept = f"the best, `{best.defence}`, keeps {_percent(best)}"
            parts.append(f"No other defence holds against him{either}: {kept}.")
        else:
            parts.append(f"Of the others `{best.defence}` keeps most against him, {_percent(best)}.")
    if doubtful:
        parts.append(f"Unreliable, and not ranked: {', '.join(doubtful)}.")
    return parts


def _falls(results: Results, defence: str, epsilon: float | None) -> bool:
    """Return whether a defence is known not to hold against the attacker who knows of it."""
    row = _row(results.rows, "adaptive", defence, epsilon)
    return row is not None and row.unreliable is None and holds(row, _clean(results, defence)) == NO


def _epsilon(rows: Sequence[Row]) -> float | None:
    found = {row.setting.get("epsilon") for row in rows}
    known = sorted(epsilon for epsilon in found if epsilon is not None)
    return PREFERRED_EPSILON if PREFERRED_EPSILON in known else next(iter(known), None)


def _strongest(rows: Sequence[Row], defence: str, epsilon: float | None) -> Row | None:
    """Return the oblivious row of lowest accuracy at this epsilon; one that is reliable, if there is one."""
    found = [row for row in rows if (row.threat, row.defence) == ("oblivious", defence) and row.attack != CLEAN]
    found = [row for row in found if row.setting.get("epsilon") == epsilon] or found
    return min(found, key=lambda row: (row.unreliable is not None, row.top1), default=None)


def _row(rows: Sequence[Row], threat: str, defence: str, epsilon: float | None) -> Row | None:
    found = (row for row in rows if (row.threat, row.defence) == (threat, defence) and _is_worst(row, epsilon))
    return next(found, None)


def _is_worst(row: Row, epsilon: float | None) -> bool:
    return row.attack.startswith(WORST) and row.setting.get("epsilon") == epsilon


def _clean(results: Results, defence: str) -> float:
    return next((row.top1 for row in results.rows if (row.attack, row.defence) == (CLEAN, defence)), 1.0)
