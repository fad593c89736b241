"""Results as tables of text, for the terminal and for Markdown."""

from __future__ import annotations

from tf_lowdef.report.conclusion import subject
from tf_lowdef.results.results import CLEAN, Results, Row
from tf_lowdef.results.table import MISSING, Table, number, unique

SIGNIFICANT = 0.05
"""The corrected p below which a difference is marked."""


def accuracy_table(results: Results, threat: str | None = None, intervals: bool = False) -> Table:
    """Return top-1 accuracy in percent: one row a defence, one column an attack, clean images first.

    A star marks what differs from the defence that the report is about (p < .05, corrected); an unreliable accuracy
    is an upper bound and says so. Conditional rows are no accuracies and are left out.

    Args:
        results: What to show.
        threat: Which rows to take; None takes all, with the threat in the heading where there are several.
        intervals: Whether to add the 95 % interval.
    """
    rows = [row for row in results.rows if threat in (None, row.threat) and not row.conditional]
    threats = unique(row.threat for row in rows if row.attack != CLEAN)
    columns = list(dict.fromkeys((row.threat, row.attack) for row in rows))
    stars = _significant(results)
    cells = {(row.threat, row.attack, row.defence): _accuracy(row, intervals, row.name in stars) for row in rows}
    return Table(
        ["defence", *(heading(*column, alone=len(threats) < 2) for column in columns)],
        [
            [defence, *(cells.get((*column, defence), MISSING) for column in columns)]
            for defence in unique(row.defence for row in rows)
        ],
    )


def heading(threat: str, attack: str, alone: bool) -> str:
    """Return what a column is called; `alone` leaves the threat out."""
    if attack == CLEAN:
        return "clean"
    return attack if alone or attack.startswith("worst") else f"{threat} {attack}"


def cascade_table(results: Results) -> Table:
    """Return what the conditional attacks left of the images that those before had left: one row an attack."""
    rows = [row for row in results.rows if row.conditional]
    attacks, defences = unique(row.attack for row in rows), unique(row.defence for row in rows)
    cells = {(row.attack, row.defence): f"{number(row.correct, 1)} of {row.n}" for row in rows}
    return Table(
        ["attack", *defences],
        [[attack, *(cells.get((attack, defence), MISSING) for defence in defences)] for attack in attacks],
    )


def doubling_table(results: Results) -> Table:
    """Return what twice the steps still took from the worst cases, in points; no rows where that was not tried."""
    rows = [
        [row.defence, number(row.setting.get("epsilon")), f"{100 * row.setting['doubling_takes']:.1f}"]
        for row in results.rows
        if row.setting.get("doubling_takes") is not None
    ]
    return Table(["defence", "epsilon", "points"], rows)


def comparison_table(results: Results) -> Table:
    """Return how the defence that the report is about differs from every other, under every attack."""
    ours = subject(results)
    rows = []
    for each in results.comparisons:
        if ours not in (each.first, each.second):
            continue
        sign, other = (1, each.second) if each.first == ours else (-1, each.first)
        low, high = sorted(sign * 100 * end for end in each.ci95)
        points = f"{sign * 100 * each.difference + 0.0:+.1f} ({low:+.1f} to {high:+.1f})"
        rows.append(
            [heading(each.threat, each.attack, alone=False), other, points, _p(each.p), _p(each.p_holm), each.method]
        )
    return Table(["attack", "against", "points", "p", "p (Holm)", "method"], rows)


def attack_table(results: Results, threat: str) -> Table:
    """Return what each attack was and how far it moved the images: one row an attack."""
    rows = [row for row in results.rows if row.threat == threat and row.attacked is not None]
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
    first = {row.attack: row for row in reversed(rows)}
    attacks = unique(row.attack for row in rows)
    if threat == "adaptive":  # every defence has images of its own
        tried = {attack: sum(row.attacked or 0 for row in rows if row.attack == attack) for attack in attacks}
        spent = {attack: sum(row.attack_seconds or 0 for row in rows if row.attack == attack) for attack in attacks}
        cells = [[*_setting(first[each]), number(tried[each], 0), number(spent[each], 1)] for each in attacks]
        return Table([*columns, "images", "seconds"], cells)
    columns += ["images", "left out", "L2", "Linf", "SSIM", "median minimal L2", "seconds"]
    return Table(columns, [[*_setting(first[attack]), *_norms(first[attack])] for attack in attacks])


def _significant(results: Results) -> set[str]:
    """Return the names of the rows that differ from those of the defence that the report is about."""
    ours, found = subject(results), set()
    for each in results.comparisons:
        if ours in (each.first, each.second) and each.p_holm < SIGNIFICANT:
            other = each.second if each.first == ours else each.first
            found.add(f"{each.threat} {each.attack} {other}")
    return found


def _accuracy(row: Row, intervals: bool, star: bool) -> str:
    text = f"{100 * row.top1:.1f}{'*' if star else ''}"
    if row.unreliable is not None:
        return f"<= {text} unreliable"
    if not intervals:
        return text
    low, high = row.ci95
    return f"{text} ({100 * low:.1f} to {100 * high:.1f})"


def _p(value: float) -> str:
    return "< .0001" if value < 1e-4 else f"{value:.4f}"


def _setting(row: Row) -> list[str]:
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
    ]


def _norms(row: Row) -> list[str]:
    return [
        number(row.attacked, 0),
        number(row.left_out, 0),
        number(row.l2_mean, 3),
        number(row.linf_max),
        number(row.ssim_mean, 4),
        number(row.median_minimal_l2, 3),
        number(row.attack_seconds, 1),
    ]
