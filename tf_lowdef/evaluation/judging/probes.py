"""What a few images tell of a model's gradient, and why it is then not to be trusted, whatever attacks make of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from scipy.stats import binomtest

from tf_lowdef.evaluation.judging.outcomes import SANITY_EPSILON

FEWEST = 4
"""Images below which a probe says nothing."""
LED = 0.6
"""The share of images on which a step along the gradient has to do more harm than other steps."""
P_OF_FEW = 0.05
"""The p of a share of few images."""
HIDDEN, BLIND = 0.25, 0.3
"""The part of the effect of noise that values without a gradient may have, where they are so many of all. A few at the
border of an image may move what a codec makes of the others."""
BEATEN = 3
"""How many of a few images an attack without gradients may fool that no attack with them fooled, less one."""


class Probe(NamedTuple):
    """What a few images told of a model.

    Attributes:
        images: How many there were: those that the model classifies correctly.
        repeats: Whether two equal passes gave equal scores (where it draws, they need not).
        one_hot: Whether the scores tell no more than the class.
        useful: How many images have a gradient with an entry other than zero, at the image and at a point near it.
        leads: How many images a step along the gradient harms more than random steps, and steps along gradients of
            other images; likewise the lesser of both, of the better step size.
        hidden: The share of the effect of random noise that values without a gradient in any image are good for.
        blind: The share of values (pixels of a channel) without a gradient in any image.
        alone: Whether the scores of an image depend on no other one in its batch (where it draws, they need not).
    """

    images: int
    repeats: bool = True
    one_hot: bool = False
    useful: int = 0
    leads: int = 0
    hidden: float = 0.0
    blind: float = 0.0
    alone: bool = True


def probe_reasons(probes: Sequence[Probe]) -> list[str]:
    """Return why no gradient of a model is to be trusted, though some attack followed it.

    Athalye et al. 2018, section 3.1 (a gradient that does not lead to higher loss is obfuscated); Carlini et al. 2019,
    section 4.10 (compare with random steps); Zimmermann et al. 2022 (an attack has to be able to succeed).

    Args:
        probes: Of each gradient that the model offers; the best of them counts.
    """
    if not probes:
        return []
    found = []
    if not all(each.repeats for each in probes):
        found.append(
            "two equal passes give other scores, and no layer says that it draws: derive it from RandomisedLayer"
        )
    if not all(each.alone for each in probes):
        found.append("the answer to an image depends on the others in its batch")
    images = max(each.images for each in probes)
    if images < FEWEST:
        return found
    if any(each.one_hot for each in probes):
        found.append("the scores tell no more than the class, so that no attack can see how near it is")
    useful, leads = max(each.useful for each in probes), max(each.leads for each in probes)
    if useful < LED * images:
        found.append(f"no gradient at {images - useful} of {images} images or at points near them")
    elif leads < LED * images:
        found.append(f"a step along the gradient does no more harm than others on {images - leads} of {images} images")
    least = min(probes, key=lambda each: each.hidden)
    if least.hidden > HIDDEN and least.blind > BLIND:
        found.append(f"{least.blind:.0%} of the values get no gradient, and move the scores all the same")
    return found


def end_reasons(probes: Sequence[Probe]) -> list[str]:
    """Return why no gradient of a model is to be trusted where attacks along it stop: it turns round, or goes astray.

    Args:
        probes: Of each gradient that the model offers, of images that withstood an attack along it; the best of them
            counts, and one that too few withstood speaks for the model. So few are left that the share has to be below
            `LED` beyond chance: of six images behind honest draws three may be none.
    """
    if not probes or min(each.images for each in probes) < FEWEST:
        return []
    best = max(probes, key=lambda each: each.leads / each.images)
    if binomtest(best.leads, best.images, LED, alternative="less").pvalue >= P_OF_FEW:
        return []
    count = best.images - best.leads
    return [f"where an attack stops, a step along the gradient does no more harm than others on {count} of "
            f"{best.images} images"]  # fmt: skip


def victim_reasons(found: Probe, ends: Sequence[Probe], images: int, left: int, only: int) -> list[str]:
    """Return why the gradients of a model that a threat attacks are not to be trusted.

    Args:
        found: What a few images told of it.
        ends: What they told of it where an attack stopped; none where none was left.
        images: How many were attacked at `SANITY_EPSILON`.
        left: Of these, how many it withstood.
        only: How many a short Square attack fooled that no attack with gradients did.
    """
    reasons = probe_reasons([found]) + end_reasons(ends)
    if left:
        reasons.append(f"{left} of {images} images withstand an attack at epsilon {SANITY_EPSILON:g}")
    if only >= BEATEN:
        reasons.append(
            f"a short attack without gradients fools {only} of {images} images that those with gradients leave"
        )
    return reasons
