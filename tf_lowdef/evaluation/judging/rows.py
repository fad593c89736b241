"""From outcomes to rows: accuracies with their intervals, worst cases, and comparisons of defences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import Any

import numpy as np

from tf_lowdef.bounds import Bound
from tf_lowdef.defences import Calibration
from tf_lowdef.evaluation.judging.detecting import detection_columns
from tf_lowdef.evaluation.judging.metrics import mean_or_none
from tf_lowdef.evaluation.judging.outcomes import Attacked, Outcome, least_suspicion, worst_of
from tf_lowdef.evaluation.judging.refusals import (
    REASONS,
    mark_adaptive,
    mark_unbounded,
    still_taken,
    worst_case_reasons,
)
from tf_lowdef.results import CLEAN, WORST, AttackName, Comparison, DefenceName, Row
from tf_lowdef.results.statistics import accuracy_interval, compare_paired, holm
from tf_lowdef.threats import Threat


def worst_cases(
    threat: Threat,
    clean: Outcome,
    others: Sequence[Outcome],
    attacked: Attacked,
    bounds: Sequence[Bound],
    budget: str,
) -> list[Outcome]:
    """Return the worst case of one defence within each bound, marked where it is not to be believed.

    For every image the example that does most harm counts, of all whose norm, once rounded, is within epsilon,
    whoever made it: the clean image, smaller epsilons, oblivious, transfer and adaptive ones. What is unreliable is
    reported as an upper bound; an accuracy of zero cannot be too high.

    Args:
        threat: Whose worst cases they are.
        clean: What the defence makes of the clean images.
        others: What it makes of images made on other models.
        attacked: What the adaptive attacker did.
        bounds: In order; those of one norm ascending. Without any there is no worst case.
        budget: Its name.
    """
    everything = [clean, *others, *attacked.outcomes]
    found = []
    for number, bound in enumerate(bounds):
        shares, chosen_by = worst_of(everything, bound)
        reasons = worst_case_reasons(clean, others, attacked, bound, bounds[:number])
        mark_adaptive(attacked.outcomes, reasons, bound)
        sources = [outcome for outcome in everything[1:] if outcome.within(bound).any()]
        setting = {
            "name": WORST,
            "norm": bound.norm,
            "epsilon": bound.epsilon,
            "labels": "true",
            "knowledge": threat.knowledge,
            "budget": budget,
            "of": [f"{outcome.threat} {outcome.attack}" for outcome in sources],
            "another_takes": still_taken(clean, others, attacked, bound),
        }
        worst = Outcome.empty(threat.name, AttackName.worst(bound), clean.defence, None, len(shares), clean.draws)
        worst.put(np.arange(len(shares)), shares, chosen_by)
        worst.setting = setting
        worst.suspicion = least_suspicion(everything, bound)
        worst.unreliable = reasons if shares.any() else []
        found.append(worst)
    mark_unbounded(attacked)
    return found


def to_rows(
    outcomes: Sequence[Outcome],
    resolution: tuple[int, int] | None,
    calibrations: Mapping[str, Calibration] = MappingProxyType({}),
) -> list[Row]:
    """Return a row for each outcome, attack by attack, in the order in which attacks and defences first occur.

    Args:
        outcomes: Of clean and attacked images.
        resolution: At which they were classified.
        calibrations: The thresholds of those defences that are gates, by name.
    """
    clean = {outcome.defence: outcome for outcome in outcomes if outcome.attack == CLEAN}
    order = {key: place for place, key in enumerate(dict.fromkeys(each.key[:2] for each in outcomes))}
    ordered = sorted(outcomes, key=lambda outcome: order[outcome.key[:2]])
    return [
        _to_row(
            outcome,
            clean[outcome.defence],
            resolution,
            detection_columns(outcome, clean[outcome.defence], calibrations.get(outcome.defence)),
        )
        for outcome in ordered
    ]


def compare_rows(rows: Sequence[Row], seed: int) -> list[Comparison]:
    """Return the comparisons of every two defences under each attack, corrected attack by attack."""
    groups: dict[tuple[str | None, AttackName], list[Row]] = {}
    for row in rows:
        if row.unreliable is None and not row.conditional and row.n:
            groups.setdefault((row.threat, row.attack), []).append(row)
    found = []
    for (threat, attack), members in groups.items():
        pairs = list(combinations(members, 2))
        results = [compare_paired(np.array(a.per_image), np.array(b.per_image), seed) for a, b in pairs]
        corrected = holm([result.p for result in results])
        found += [
            Comparison(
                threat, attack, a.defence, b.defence, result.difference, result.interval, result.p, p, result.method
            )
            for (a, b), result, p in zip(pairs, results, corrected, strict=True)
        ]
    return found


def group_by_defence(outcomes: Sequence[Outcome]) -> Mapping[str, list[Outcome]]:
    """Return the outcomes of each defence, in order."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.defence, []).append(outcome)
    return found


def _to_row(outcome: Outcome, clean: Outcome, resolution: tuple[int, int] | None, detected: Mapping[str, Any]) -> Row:
    shares = outcome.shares[outcome.tried]
    n, total = len(shares), round(float(shares.sum()), 6)
    columns: dict[str, Any] = {"setting": outcome.setting}
    if outcome.made is not None:
        columns = outcome.made.columns()
    if outcome.attack != CLEAN:
        before = outcome.tried & (clean.shares >= 0.5)
        columns["success_rate"] = mean_or_none(outcome.shares[before] < 0.5)
    return Row(
        outcome.threat,
        AttackName(outcome.attack),
        DefenceName(outcome.defence),
        n,
        total if outcome.draws > 1 else round(total),
        total / n if n else 0.0,
        accuracy_interval(shares),
        resolution=resolution,
        seconds=round(outcome.seconds, 3),
        conditional=outcome.conditional,
        unreliable=REASONS.join(outcome.unreliable) or None,
        draws=outcome.draws,
        per_image=tuple(
            float(share) if tried else None for share, tried in zip(outcome.shares, outcome.tried, strict=True)
        ),
        **columns,
        **detected,
    )
