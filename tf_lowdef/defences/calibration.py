"""How suspicious an image must look before a gate takes the defended answer: chosen on clean images."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from tf_lowdef.results.detection import (
    LARGEST_SUSPICION,
    RATES,
    Scores,
    TooFewError,
    fewest_images,
    threshold_at,
    threshold_for_drop,
)
from tf_lowdef.specs import format_value
from tf_lowdef.validation import check_number

Flags = npt.NDArray[np.bool_]

DEFAULT_RATE = 0.05


@dataclass(frozen=True)
class Rule:
    """What a gate may cost on clean images; one of the two.

    Args:
        false_positive_rate: The share of clean images that it may suspect, above 0 and below 1; 0.05 where neither is
            given.
        max_clean_drop: By how many points, 0 to 100, it may lower clean top-1 accuracy.

    Raises:
        ValueError: Both are given, or one is out of its range.

    Example:
        >>> from tf_lowdef.defences import Rule
        >>> Rule().false_positive_rate
        0.05
        >>> Rule(max_clean_drop=0.5).text
        'max_clean_drop=0.5'
    """

    false_positive_rate: float | None = None
    max_clean_drop: float | None = None

    def __post_init__(self) -> None:
        if self.false_positive_rate is not None and self.max_clean_drop is not None:
            raise ValueError(
                "Give one of `false_positive_rate` and `max_clean_drop`: each decides the threshold. Received: "
                f"false_positive_rate={self.false_positive_rate}, max_clean_drop={self.max_clean_drop}"
            )
        if self.max_clean_drop is not None:
            check_number("max_clean_drop", self.max_clean_drop, 0, 100)
            return
        rate = DEFAULT_RATE if self.false_positive_rate is None else self.false_positive_rate
        check_number("false_positive_rate", rate, 0, 1, above=True)
        if rate == 1:
            raise ValueError(f"`false_positive_rate` must be below 1. Received: false_positive_rate={rate}")
        object.__setattr__(self, "false_positive_rate", rate)

    @property
    def text(self) -> str:
        """As a specification has it behind ``gate:``: ``"0.02"``, ``"max_clean_drop=0.5"``; empty for the default."""
        if self.max_clean_drop is not None:
            return f"max_clean_drop={format_value(self.max_clean_drop)}"
        return "" if self.false_positive_rate == DEFAULT_RATE else format_value(self.false_positive_rate)

    @property
    def fewest(self) -> int:
        """How many clean images it takes to choose by it."""
        return 1 if self.false_positive_rate is None else fewest_images(self.false_positive_rate)


@dataclass(frozen=True)
class Calibration:
    """A threshold, and what it does to the images that it was chosen on.

    Attributes:
        threshold: The greatest suspicion, 0 to 2, at which an image is not suspicious.
        rule: What it was chosen by, in words.
        n: Clean images that it was chosen on.
        suspected: Of these, how many lie above it.
        lost: How many of all are right as they are and wrong with the gate; None where no labels were known.
        gained: The other way round.
        thresholds: For each of `RATES`, the threshold that these images give for such a share of false positives; None
            where they are too few.

    Example:
        >>> from tf_lowdef.defences import Calibration
        >>> found = Calibration(threshold=0.8, rule="false_positive_rate=0.05", n=200, suspected=10)
        >>> found.suspected / found.n
        0.05
        >>> Calibration.from_dict(found.as_dict()) == found
        True
    """

    threshold: float
    rule: str
    n: int
    suspected: int
    lost: int | None = None
    gained: int | None = None
    thresholds: tuple[float | None, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in plain values."""
        return {**dataclasses.asdict(self), "thresholds": list(self.thresholds)}

    @classmethod
    def from_dict(cls, values: Any) -> Calibration:
        """Return what `as_dict` has written."""
        return cls(**{**values, "thresholds": tuple(values["thresholds"])})


class Rightness(NamedTuple):
    """Whether answers to clean images are right; bool, (n,) each.

    Attributes:
        bare: The classifier's own.
        defended: That behind the defence that answers.
        unsuspected: That of the gate where an image is not suspicious.
    """

    bare: Flags
    defended: Flags
    unsuspected: Flags


def calibrate(rule: Rule, scores: Scores, right: Rightness | None = None) -> Calibration:
    """Choose a threshold.

    Args:
        rule: By what.
        scores: float64, (n,): the suspicion of clean images.
        right: Which answers to them are right; None where no labels are known.

    Raises:
        ValueError: There are too few images, or the rule needs labels.
    """
    if rule.false_positive_rate is not None:
        threshold = threshold_at(scores, rule.false_positive_rate)
        said = f"false_positive_rate={rule.false_positive_rate:g}"
    elif right is None:
        raise ValueError("`max_clean_drop` needs labelled images: without labels no accuracy is known")
    elif not len(scores):
        raise ValueError("`data` must hold clean images, to choose the threshold on. Received: none")
    else:
        bare, defended, own = right
        spare = float(np.mean(own) - np.mean(bare))  # what arbitrating gains may be lost above
        allowed = (rule.max_clean_drop or 0) / 100 + spare
        threshold = threshold_for_drop(scores, own & ~defended, defended & ~own, allowed)
        said = f"max_clean_drop={rule.max_clean_drop:g}"
    threshold = float(min(threshold, LARGEST_SUSPICION))
    above = ~(scores <= threshold)
    lost = gained = None
    if right is not None:
        answered = np.where(above, right.defended, right.unsuspected)
        lost, gained = int((right.bare & ~answered).sum()), int((answered & ~right.bare).sum())
    return Calibration(
        threshold,
        said,
        n=len(scores),
        suspected=int(above.sum()),
        lost=lost,
        gained=gained,
        thresholds=tuple(_at(scores, rate) for rate in RATES),
    )


def _at(scores: Scores, rate: float) -> float | None:
    try:
        return threshold_at(scores, rate)
    except TooFewError:
        return None


def calibration_doubts(found: Calibration, rule: Rule) -> list[str]:
    """Return what to know of a threshold before it is relied on."""
    doubts = []
    if found.threshold >= LARGEST_SUSPICION:
        doubts.append(
            "The defence changes the classifier's answer wholly on so many clean images that the gate never takes it: "
            "the threshold is the greatest suspicion that there is"
        )
    dropped = (found.lost or 0) - (found.gained or 0)
    if rule.max_clean_drop is not None and 100 * dropped > rule.max_clean_drop * found.n:
        doubts.append(
            f"No threshold keeps the drop of clean accuracy within {rule.max_clean_drop:g} points on these images: "
            "arbitrate=False takes the classifier's own answer wherever an image is not suspicious"
        )
    if rule.max_clean_drop is not None and found.n * rule.max_clean_drop < 100:
        doubts.append(
            f"{found.n} clean images cannot show a drop of {rule.max_clean_drop:g} points: one of them is "
            f"{100 / found.n:.1f}. The threshold is one at which none was lost on balance"
        )
    return doubts
