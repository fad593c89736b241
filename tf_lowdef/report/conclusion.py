"""What the numbers say, in words: the first sentence of a report."""

from __future__ import annotations

from tf_lowdef.bounds import in_order
from tf_lowdef.report.certified import certified_sentence
from tf_lowdef.report.gate_sentences import gate_sentences
from tf_lowdef.results import BARE, Results, Row
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS, THREATS, knows_defence
from tf_lowdef.threats.adaptive import NO_CLAIM

NO = "does not hold"

UNKNOWN = "is not known to hold"
FEWEST = 10
"""Images below which nothing is said to hold: of nine that all hold, the interval still reaches down to 70 %."""

NOTHING, LITTLE, PART = 0.05, 0.3, 0.9
"""Shares of the clean accuracy up to which a defence does not hold, hardly holds, and holds in part."""


def conclusion(results: Results) -> str:
    """Return in words what holds against whom, and what does not.

    It is about the defence that the package is for, WebP and a flip, or else the best against an attacker who does not
    know of it; and about epsilon 4, or else the smallest, in Linf where that was tried. What is proved of a smoothed
    classifier stands at its end.

    Args:
        results: With rows of any threats.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from tf_lowdef.report import conclusion
        >>> "flip" in conclusion(results)
        True
    """
    proved = certified_sentence(results)
    if proved is None:
        return _under_attack(results)
    attacked = any(row.kind != "clean" for row in results.rows)
    return f"{_under_attack(results)} {proved}" if attacked else proved


def _under_attack(results: Results) -> str:
    """Say what holds against attacks that were tried."""
    bound, defence = results.bound, results.subject
    known, unknown = results.worst(defence), results.strongest(defence)
    where = "" if bound is None else f" at {bound.said}"
    name = "The bare model" if defence == BARE else f"`{defence}`"
    row = known or unknown
    tried = _without_epsilon(results, defence)
    if row is None and tried is not None:
        return f"{name} was attacked within no epsilon: {tried}."
    if row is None:
        return f"Only clean images were tried: nothing is said of any attack on {name}."
    if defence == BARE:
        return " ".join([f"{name}{where} {_bare(row, results)}.", *_at_most(results, row)])
    parts = [_unknowing(unknown, results)] if unknown is not None else []
    one_who_does = unknown is not None and unknown.threat == OBLIVIOUS  # of whom "does not know of it" was said
    who = "one who does" if one_who_does else THREATS[ADAPTIVE].who
    if known is None and tried is not None:
        parts.append(f"{who} attacked it within no epsilon: {tried}")
    else:
        parts.append(_knowing(known, results, who))
    text = f"{name}{where} " + ", and ".join(parts) + "."
    return " ".join(
        [text, *_at_most(results, row), *([] if known is None else _others(results, known)), *gate_sentences(results)]
    )


def holds(row: Row, results: Results) -> str:
    """Return a verb phrase for how much of the clean accuracy a defence keeps in a row.

    Where a model guesses on clean images, or there are too few of them, it is not known to hold whatever the row says.
    """
    clean = results.clean(row.defence)
    whole = 1.0 if clean is None else clean.top1
    kept = row.top1 / whole if whole else 0.0
    if kept <= NOTHING:
        return NO
    if row.n < FEWEST or (clean is not None and clean.ci95[0] <= _chance(results)):
        return UNKNOWN
    if kept <= LITTLE:
        return "hardly holds"
    return "holds in part" if kept <= PART else "holds"


def _percent(row: Row) -> str:
    return f"{100 * row.top1:.0f} %"


def _counted(row: Row) -> str:
    """Return an accuracy with how many images it is of, and its interval."""
    low, high = row.ci95
    return f"{_percent(row)} of {row.n} images, 95 % interval {100 * low:.0f} to {100 * high:.0f}"


def _chance(results: Results) -> float:
    """Return the accuracy of guessing; 0 where the number of classes is not known."""
    classes = (results.run.get("model") or {}).get("classes")
    return 1 / classes if isinstance(classes, int) and classes > 0 else 0.0


def _at_most(results: Results, row: Row) -> list[str]:
    """Say what is left at the largest epsilon that was tried, and why nothing can be said of a model that guesses."""
    found, clean, chance = [], results.clean(row.defence), _chance(results)
    if clean is not None and clean.ci95[0] <= chance:
        found.append(
            f"On clean images it is right on {_counted(clean)}: guessing would be right on {100 * chance:.0f} %."
        )
    bounds = in_order(each.bound for each in results.rows if each.bound is not None)
    largest = {bound.norm: bound for bound in bounds}  # the last of each norm
    for norm, bound in largest.items():
        if bound == row.bound:
            continue
        beyond = (results.worst if row.kind == "worst" else results.strongest)(row.defence, bound.epsilon, norm)
        if beyond is not None and beyond.bound == bound:
            doubt = "" if beyond.unreliable is None else ", unreliable"
            found.append(f"At {bound.said}, the largest that was tried, {_percent(beyond)} are left{doubt}.")
    return found


def _claim(row: Row, verdict: str) -> str:
    """Return what stands behind a number that is no claim of robustness."""
    adaptive = row.kind == "worst"
    return "" if verdict == NO or (adaptive and row.setting.get("budget") == "standard") else "; " + NO_CLAIM


def _bare(row: Row, results: Results) -> str:
    """Say how the bare model fares where there is nothing else; it hides nothing from an attacker."""
    verdict = holds(row, results) if row.unreliable is None else UNKNOWN
    doubt = "" if row.unreliable is None else f", unreliable: {row.unreliable}"
    return f"{verdict} ({_counted(row)}, under {row.attack}{doubt}{_claim(row, verdict)})"


def _unknowing(row: Row, results: Results) -> str:
    who = THREATS[row.threat or OBLIVIOUS].who
    if row.unreliable is not None:
        return f"{UNKNOWN} against {who} ({_percent(row)} under {row.attack}, unreliable: {row.unreliable})"
    return f"{holds(row, results)} against {who} ({_counted(row)}, under {row.attack})"


def _knowing(row: Row | None, results: Results, who: str) -> str:
    if row is None:
        return f"whether it holds against {THREATS[ADAPTIVE].who} was not tried"
    if row.unreliable is not None:
        return (
            f"whether it holds against {who} is not known: the {_percent(row)} that are left in the worst case are an "
            f"upper bound and unreliable ({row.unreliable})"
        )
    verdict = holds(row, results)
    return f"{verdict} against {who} ({_counted(row)}, in the worst case{_claim(row, verdict)})"


def _without_epsilon(results: Results, defence: str) -> str | None:
    """Return what one who knows of a defence left where no attack of his has an epsilon; None where he did not try."""
    tried = [row for row in results.select(kind="attack", defence=defence) if knows_defence(row.threat)]
    if not tried or results.select(kind="worst", defence=defence):
        return None
    row = min(tried, key=lambda row: row.top1)
    doubt = "" if row.unreliable is None else f", unreliable: {row.unreliable}"
    return f"{row.attack}, which has none, leaves {_counted(row)}{doubt}"


def _others(results: Results, ours: Row) -> list[str]:
    """Say how the rest fares against the attacker who knows of it."""
    others = [defence for defence in results.defences if defence not in (ours.defence, BARE)]
    rest = [row for defence in others if (row := results.worst(defence)) is not None]
    believed = [row for row in rest if row.unreliable is None]
    doubtful = [f"`{row.defence}`" for row in rest if row.unreliable is not None]
    parts = []
    if believed:
        best = max(believed, key=lambda row: row.top1)
        if all(holds(row, results) == NO for row in believed):
            either = " either" if ours.unreliable is None and holds(ours, results) == NO else ""
            kept = f"the best, `{best.defence}`, keeps {_percent(best)}"
            parts.append(f"No other defence holds against him{either}: {kept}.")
        else:
            parts.append(f"Of the others `{best.defence}` keeps most against him, {_percent(best)}.")
    if doubtful:
        parts.append(f"Unreliable, and not ranked: {', '.join(doubtful)}.")
    return parts
