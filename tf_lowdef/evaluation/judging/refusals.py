"""Signs that an attack failed rather than that a defence held; what shows them is marked unreliable.

Each check names its source. A marked number stays, as an upper bound of the accuracy under attack, and is not ranked.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.judging.outcomes import SANITY_EPSILON, Attacked, Floats, Made, Outcome, made_for, worst_of
from tf_lowdef.results import Row
from tf_lowdef.results.statistics import mcnemar
from tf_lowdef.results.table import unique

FEW = 0.01
"""The share of images without a gradient up to which a row is believed: rounding can flatten single images. For that
reason one image alone is never enough, however few there are, unless it is the only one."""

LEVEL = 0.01
"""The p below which a paired, one-sided test makes a worst case unreliable."""

STILL_TAKEN = 0.01
"""By how much accuracy may still fall under an attack of another kind."""

SURE = NormalDist().inv_cdf(1 - LEVEL)
"""How many standard errors it must fall by behind a randomised defence, where draws alone move it."""

GAIN = 0.002
"""What attacks without gradients may take of all images that those with gradients left (AutoAttack's flag, Croce and
Hein 2020: the check of the released code for its Square attack)."""
CLEAR = 0.4
"""By how much the share of draws has to fall for an image of a randomised defence to count there."""

FALLING = 0.25
"""The share of images on which an attack's loss may end lower than it began: single steps may overshoot."""
REASONS = "; "
"""What stands between the reasons of a row."""
_NUMBERS = re.compile(r"\d+(\.\d+)?")

Flags = npt.NDArray[np.bool_]


def attack_reasons(made: Made | None) -> list[str]:
    """Return why an attack says nothing: it moved no pixel, or its gradients are missing, zero, not finite, no use.

    Athalye et al. 2018, section 3.1 (obfuscated gradients); Carlini et al. 2019, section 4.7 (layers without a
    derivative) and section 4.8 (an attack whose loss does not move has not converged); Tramer et al. 2020 (a loss that
    does not measure success makes a defence look strong).

    Args:
        made: What the attack did; None gives no reason.
    """
    if made is None:
        return []
    if made.missing:
        return ["the model gives no gradient"]
    counted = made.tried & made.attackable
    total = int(counted.sum())
    free = made.bound is None or made.bound.epsilon > 0  # within 0 nothing can move, and nothing is claimed
    unmoved = {"not a pixel changed": (made.linf == 0) & ~made.success & free}
    found = (
        unmoved
        if not made.gradient
        else {
            "nothing but zero gradients": made.zero_gradient,
            "gradients that are NaN or infinite": made.nonfinite_gradient,
            "a loss that did not move": made.still & ~made.zero_gradient & ~made.success & free,
            "a loss that fell": made.fell & ~made.success,
        }
    )
    limits = {"a loss that fell": FALLING}
    missed = f"its self-test failed, {made.found} of {made.planted} planted examples found"
    failed = [missed] if made.failed_self_test else []
    counts = {what: int((flags & counted).sum()) for what, flags in found.items()}
    return failed + [
        f"{what} on {count} of {total} images"
        for what, count in counts.items()
        if count > limits.get(what, FEW) * total and (count > 1 or count == total)
    ]


def worst_case_reasons(
    clean: Outcome, others: Sequence[Outcome], attacked: Attacked, bound: Bound, smaller: Sequence[Bound]
) -> list[str]:
    """Return why the worst case of a defence within one bound is too good to be believed.

    The tests are exact McNemar's, one-sided, on images that exactly one of two attackers fools. Images that a cascade
    no longer tried an attack on count as not fooled by it, so that the tests err on the side of belief. A larger
    epsilon must not be weaker (Carlini et al. 2019, section 5.2); neither attacks without gradients (sections 4.4 and
    5.4; Athalye et al. 2018, section 3.1) nor images made on other models (section 4.5) may do better than gradients;
    where they do, the attack was not adapted to the defence (Tramer et al. 2020).

    Args:
        clean: What the defence makes of the clean images.
        others: What it makes of images that were made on other models: oblivious and transfer.
        attacked: What the adaptive attacker did.
        bound: Norm and epsilon.
        smaller: The bounds before it; those of the same norm are smaller.
    """
    mine = made_for(attacked.outcomes, bound)
    fooled = _fooled(clean, mine, bound)
    by_gradient = [outcome for outcome in mine if outcome.made is not None and outcome.made.gradient]
    telling, reasons = by_gradient or mine, list[str]()
    if telling and all(outcome.unreliable for outcome in telling):
        reasons += telling[0].unreliable
    reasons += [
        f"at {less.said} the attacks fool more images than at {bound.epsilon:g}"
        for less in smaller
        if less.norm == bound.norm and _beaten(_fooled(clean, made_for(attacked.outcomes, less), less), fooled)
    ]
    without = [outcome for outcome in mine if outcome.made is not None and not outcome.made.gradient]
    reasons += gain_reasons(clean, by_gradient, without, bound)
    for threat in sorted({outcome.threat for outcome in others if outcome.threat is not None}):
        theirs = [outcome for outcome in others if outcome.threat == threat]
        if _beaten(_fooled(clean, theirs, bound), fooled):
            reasons.append(f"{threat} images fool it more often than adaptive ones")
    more = sanity_reasons(attacked) + still_reasons(clean, others, attacked, bound)
    return reasons + attacked.reasons + more


def gain_reasons(clean: Outcome, by_gradient: Sequence[Outcome], without: Sequence[Outcome], bound: Bound) -> list[str]:
    """Return a reason if attacks without gradients fool images that those with gradients were tried on and left.

    Whole sets and survivors alike: what the former were not tried on they have not fooled, and what the latter were not
    tried on nobody holds against them.
    """
    if not by_gradient or not without:
        return []
    left, _ = worst_of([clean, *by_gradient], bound)
    then, _ = worst_of([clean, *by_gradient, *without], bound)
    tried = np.any([outcome.tried for outcome in by_gradient], axis=0)
    fallen = tried & (left >= 0.5) & (then < 0.5) & (left - then >= CLEAR)
    count, total = int(fallen.sum()), len(clean.shares)
    if count <= GAIN * total:
        return []
    return [f"attacks without gradients fool {count} of {total} images that those with gradients leave"]


def sanity_reasons(attacked: Attacked) -> list[str]:
    """Return a reason if images withstand a perturbation that wipes them out.

    Carlini et al. 2019, section 5.2, and Athalye et al. 2018, section 3.1: unbounded attacks must reach 0 %.
    """
    if not attacked.sanity_left:
        return []
    return [
        f"{attacked.sanity_left} of {attacked.sanity_images} images withstand an attack at epsilon {SANITY_EPSILON:g}"
    ]


def still_reasons(clean: Outcome, others: Sequence[Outcome], attacked: Attacked, bound: Bound) -> list[str]:
    """Return a reason if an attack of another kind lowers the worst case by over a point, and by more than draws do.

    Carlini et al. 2019, section 4.8, double the steps; the same attack with twice the steps stays on its own plateau.
    """
    if bound not in attacked.another:
        return []
    before, after = _without_and_with(clean, others, attacked, bound)
    fall = float(np.mean(before - after))
    if fall <= max(STILL_TAKEN, SURE * _error_of_draws(before, after, clean.draws)):
        return []
    attack = attacked.another[bound].attack
    return [f"{attack} takes another {100 * fall:.1f} points: the attacks before have not converged"]


def still_taken(clean: Outcome, others: Sequence[Outcome], attacked: Attacked, bound: Bound) -> float | None:
    """Return by how much the attack of another kind lowers the worst case; None where it was not tried."""
    if bound not in attacked.another:
        return None
    before, after = _without_and_with(clean, others, attacked, bound)
    return float(np.mean(before - after))


def _without_and_with(
    clean: Outcome, others: Sequence[Outcome], attacked: Attacked, bound: Bound
) -> tuple[Floats, Floats]:
    """Return the shares of the worst case without the attack of another kind, and with it."""
    another = attacked.another[bound]
    before = [clean, *others, *(outcome for outcome in attacked.outcomes if outcome is not another)]
    return worst_of(before, bound)[0], worst_of([*before, another], bound)[0]


def _error_of_draws(before: Floats, after: Floats, draws: int) -> float:
    """Return the standard error of the mean difference of shares that each are counted over some draws.

    Where an image's example is the same, nothing is drawn anew. A share of none or of all draws is not certain either:
    one of each is added (Laplace's rule of succession).
    """
    if draws == 1:
        return 0.0
    shares = (np.stack([before, after])[:, before != after] * draws + 1) / (draws + 2)
    return float(np.sqrt((shares * (1 - shares) / draws).sum()) / len(before))


def mark(outcomes: Sequence[Outcome]) -> None:
    """Note in each outcome why its attack is not to be trusted."""
    for outcome in outcomes:
        outcome.unreliable = attack_reasons(outcome.made)


def unreliable_warnings(rows: Sequence[Row]) -> list[str]:
    """Return a warning for every kind of reason for which rows are unreliable, with the rows that it is about.

    Reasons that differ in their numbers alone are of one kind: a cause that marks nine attacks is told once.
    """
    kinds: dict[str, list[tuple[Row, str]]] = {}
    for row in rows:
        for reason in (row.unreliable or "").split(REASONS) if row.unreliable is not None else ():
            kinds.setdefault(_NUMBERS.sub("#", reason), []).append((row, reason))
    return [
        f"unreliable: {'; '.join(_by_defence([row for row, _ in found]))}: {_some([each for _, each in found])}. The "
        "accuracies are upper bounds, and no sign of robustness"
        for found in kinds.values()
    ]


def _by_defence(rows: Sequence[Row]) -> list[str]:
    """Return what attacked what; defences that the same attacks met share a text."""
    attacks: dict[str, list[str]] = {}
    for row in rows:
        attacks.setdefault(row.defence, []).append(f"{row.threat} {row.attack}")
    defences: dict[str, list[str]] = {}
    for defence, found in attacks.items():
        defences.setdefault(", ".join(unique(found)), []).append(defence)
    return [f"{attack} against {', '.join(found)}" for attack, found in defences.items()]


def _some(reasons: Sequence[str]) -> str:
    """Return the first of some reasons that are alike, and how many others there are."""
    others = len(unique(reasons)) - 1
    return reasons[0] + (f" ({others} more like it)" if others else "")


def mark_adaptive(outcomes: Sequence[Outcome], reasons: Sequence[str], bound: Bound) -> None:
    """Pass a worst case's reasons on to the attacks with gradients that it is made of."""
    for outcome in outcomes:
        made = outcome.made
        if made is not None and made.gradient and made.bound == bound:
            outcome.unreliable += [reason for reason in reasons if reason not in outcome.unreliable]


def mark_unbounded(attacked: Attacked) -> None:
    """Note why the gradients are not to be trusted in the attacks that seek the smallest perturbation.

    They are part of every worst case, and of none where no attack has an epsilon; an accuracy of zero needs no doubt.
    """
    reasons = attacked.reasons + sanity_reasons(attacked)
    for outcome in attacked.outcomes:
        made = outcome.made
        if made is not None and made.gradient and not made.missing and made.bound is None and outcome.shares.any():
            outcome.unreliable += [reason for reason in reasons if reason not in outcome.unreliable]


def _fooled(clean: Outcome, outcomes: Sequence[Outcome], bound: Bound) -> Flags:
    """Return which images that are right when clean some example within a bound gets wrong, in most draws."""
    shares, _ = worst_of([clean, *outcomes], bound)
    fooled: Flags = (clean.shares >= 0.5) & (shares < 0.5)
    return fooled


def _beaten(theirs: Flags, ours: Flags) -> bool:
    """Return whether the others fool more images, beyond chance."""
    return mcnemar(int((theirs & ~ours).sum()), int((ours & ~theirs).sum()), one_sided=True) < LEVEL
