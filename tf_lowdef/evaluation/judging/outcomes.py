"""What became of every image: one outcome for each attack and defence, from which rows and refusals are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import AttackResult
from tf_lowdef.bounds import LINF, Bound
from tf_lowdef.evaluation.judging.metrics import max_or_none, mean_or_none, median_minimal_norm, ssim
from tf_lowdef.results import CLEAN

Flags = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]

STILL = 1e-6
"""A loss that moved by no more than this share of itself did not move; a confident model's is tiny, and may still."""

SANITY_EPSILON = 128.0
"""Grey levels at which no image may hold: unbounded distortion must reach 0 % (Carlini et al. 2019, section 5.2), and
this makes every image a uniform grey. At 64 images of black and white may hold, and honestly."""

LEAST_FOUND = 0.75
"""The share of examples that an attack must find: on small honest models PGD's kind finds all, even
through WebP, where a single step finds half."""

ROUNDING = 1 + 1e-6
"""What an L2 norm may exceed its bound by: it is kept in single precision, the ball in whole grey levels."""

OBSERVED = ("attackable", "success", "l2", "linf", "ssim", "zero_gradient", "nonfinite_gradient", "still", "fell")
"""The attributes of `Made` that `observe` gives."""

Observed = Mapping[str, npt.NDArray[Any]]


def observe(clean: Pixels, result: AttackResult, labels: Labels) -> dict[str, npt.NDArray[Any]]:
    """Return what an attack made of a batch, image by image: arrays of shape (batch,), as the attributes of `Made`.

    Args:
        clean: uint8, shape (batch, height, width, 3).
        result: Of the attack on these images.
        labels: int64, shape (batch,).
    """
    similarity = ssim(clean, result.images)
    nonfinite = np.zeros(len(labels), bool)
    still, fell = (np.full(len(labels), result.loss_start is not None) for _ in range(2))
    if result.nonfinite_gradient is not None:
        nonfinite = result.nonfinite_gradient
    for start, end in ((result.loss_start, result.loss_end), (result.margin_start, result.margin_end)):
        if start is not None and end is not None:
            move, least = end - start, STILL * np.abs(start)
            still, fell = still & (np.abs(move) <= least), fell & (move < -least)
    return {
        "attackable": result.clean_predictions == labels,
        "success": result.success,
        "l2": result.l2,
        "linf": result.linf,
        "ssim": np.full(len(labels), np.nan) if similarity is None else similarity,
        "zero_gradient": result.zero_gradient,
        "nonfinite_gradient": nonfinite,
        "still": still,
        "fell": fell,
    }


class Made:
    """What an attack made of one model's images, image by image; the same for every defence that is tried on them.

    Args:
        n: Images of the evaluation.
        setting: What the attack was, for the report.
        gradient: Whether it looks at gradients.

    Attributes:
        tried: bool, (n,): whether it was tried on the image.
        attackable: bool, (n,): whether the attacked model classified the clean image correctly.
        success: bool, (n,): whether the attacked model was fooled.
        l2: float64, (n,): with images in [0, 1]; infinite where it was not tried.
        linf: float64, (n,): in grey levels; likewise.
        ssim: float64, (n,): not a number where the images are too small for it.
        zero_gradient: bool, (n,): nothing but zero gradients.
        nonfinite_gradient: bool, (n,): NaN or infinity in a gradient.
        still: bool, (n,): neither the cross-entropy nor the margin moved; a confident model's cross-entropy saturates.
        fell: bool, (n,): both fell, which is no progress.
        seconds: It took.
        missing: Whether the model has no gradient, so that it could not be tried at all.
        planted: Examples that were planted for its self-test.
        found: Of these, how many it found.
    """

    def __init__(self, n: int, setting: dict[str, Any], gradient: bool) -> None:
        self.setting = setting
        self.gradient = gradient
        self.seconds = 0.0
        self.missing = False
        self.planted = self.found = 0
        self.tried, self.attackable, self.success = (np.zeros(n, bool) for _ in range(3))
        self.zero_gradient, self.nonfinite_gradient = np.zeros(n, bool), np.zeros(n, bool)
        self.still, self.fell = np.zeros(n, bool), np.zeros(n, bool)
        self.l2, self.linf, self.ssim = np.full(n, np.inf), np.full(n, np.inf), np.full(n, np.nan)

    @property
    def bound(self) -> Bound | None:
        """The attack's norm and epsilon, None if it seeks the smallest perturbation."""
        epsilon = self.setting.get("epsilon")
        return None if epsilon is None else Bound(self.setting.get("norm", LINF), epsilon)

    def within(self, bound: Bound) -> Flags:
        """Return which images lie within a bound, judged by what was made, whatever the attack kept to."""
        return self.linf <= bound.epsilon if bound.norm == LINF else self.l2 <= bound.epsilon * ROUNDING

    @property
    def failed_self_test(self) -> bool:
        """Whether the attack missed too many examples that are known to exist (Zimmermann et al. 2022)."""
        return self.found < LEAST_FOUND * self.planted

    def put(self, places: Indices, observed: Observed, seconds: float) -> None:
        """Take in what `observe` found on a batch."""
        self.seconds += seconds
        self.tried[places] = True
        for name in OBSERVED:
            getattr(self, name)[places] = observed[name]

    def columns(self) -> dict[str, Any]:
        """Return the columns of a row that say what the attack did; images that were wrong already are left out."""
        counted = self.tried & self.attackable
        similarity = self.ssim[counted]
        return {
            "attacked": int(counted.sum()),
            "left_out": int((self.tried & ~self.attackable).sum()),
            "zero_gradient": int(self.zero_gradient[counted].sum()),
            "l2_mean": mean_or_none(self.l2[counted]),
            "linf_max": max_or_none(self.linf[counted]),
            "ssim_mean": None if np.isnan(similarity).any() else mean_or_none(similarity),
            "median_minimal_l2": median_minimal_norm(self.l2[counted], self.success[counted])
            if self.bound is None
            else None,
            "setting": self.setting,
            "attack_seconds": round(self.seconds, 3),
        }


@dataclass
class Outcome:
    """What one defence made of one attack's images, or of the clean ones.

    Attributes:
        threat: What the attacker knew; None for clean images.
        attack: Its name, ``"none"`` for clean images.
        defence: Its name.
        made: What the attack did; None for clean images and worst cases.
        shares: float64, (n,): the share of draws in which the image is classified correctly, draws that the attack
            never saw; 0 or 1 where nothing is drawn.
        chosen_by: float64, (n,): the same of other draws, by which the worst example of an image is chosen.
        tried: bool, (n,): where both mean something.
        conditional: Whether it was tried only on images that the attacks before had left.
        draws: How many draws the shares are means of.
        seconds: Time for the predictions.
        unreliable: Why the number is no sign of robustness.
        setting: What a row without `made` says of itself.
        suspicion: float64, (n,): how suspicious each image looks to a gate; not a number elsewhere.
    """

    threat: str | None
    attack: str
    defence: str
    made: Made | None
    shares: Floats
    chosen_by: Floats
    tried: Flags
    conditional: bool = False
    draws: int = 1
    seconds: float = 0.0
    unreliable: list[str] = field(default_factory=list)
    setting: dict[str, Any] = field(default_factory=dict)
    suspicion: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if not len(self.suspicion):
            self.suspicion = np.full(len(self.shares), np.nan)

    @classmethod
    def empty(cls, threat: str | None, attack: str, defence: str, made: Made | None, n: int, draws: int = 1) -> Outcome:
        """Return an outcome for `n` images, none of them tried yet."""
        return cls(threat, attack, defence, made, np.zeros(n), np.zeros(n), np.zeros(n, bool), draws=draws)

    @property
    def key(self) -> tuple[str | None, str, str]:
        """Threat, attack and defence."""
        return self.threat, self.attack, self.defence

    def put(
        self,
        places: Indices,
        shares: Floats,
        chosen_by: Floats,
        seconds: float = 0.0,
        suspicion: Floats | float = np.nan,
    ) -> None:
        """Take in what became of some images."""
        self.shares[places], self.chosen_by[places], self.tried[places] = shares, chosen_by, True
        self.suspicion[places] = suspicion
        self.seconds += seconds

    def within(self, bound: Bound) -> Flags:
        """Return for which images this is an example within a bound: judged by the rounded image, not by the name."""
        if self.attack == CLEAN or self.made is None:
            return self.tried.copy()
        return self.tried & self.made.within(bound)


@dataclass
class Attacked:
    """What the adaptive attacker did to one defence.

    Attributes:
        outcomes: One for each attack, in the order in which they were tried.
        another: For each bound, the outcome of the attack of another kind, where it was tried.
        sanity_images: How many images were attacked at `SANITY_EPSILON`.
        sanity_left: Of these, how many were still classified correctly.
        reasons: What a few images told against its gradients.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    another: dict[Bound, Outcome] = field(default_factory=dict)
    sanity_images: int = 0
    sanity_left: int = 0
    reasons: list[str] = field(default_factory=list)


def worst_of(outcomes: list[Outcome], bound: Bound) -> tuple[Floats, Floats]:
    """Return the shares of each image's worst example within a bound, and those that chose it.

    The example is chosen by one set of draws and counted by another: the least of several noisy means would flatter
    the attack. Where two are chosen alike, one that an attack made comes before the clean image. If then one attack
    alone does more harm than what was chosen, its examples are the worst: a worst case is at most each of its members.

    Args:
        outcomes: Of one defence, the first tried on every image.
        bound: Norm and epsilon.
    """
    shares, chosen_by = outcomes[0].shares.copy(), outcomes[0].chosen_by.copy()
    first = np.full(len(shares), outcomes[0].made is None)
    for outcome in outcomes[1:]:
        alike = (outcome.chosen_by == chosen_by) & first & (outcome.draws > 1)
        worse = outcome.within(bound) & ((outcome.chosen_by < chosen_by) | alike)
        shares[worse], chosen_by[worse], first[worse] = outcome.shares[worse], outcome.chosen_by[worse], False
    for outcome in outcomes:
        inside = outcome.within(bound)
        member = np.where(inside, outcome.shares, shares)
        if inside.all() and member.mean() < shares.mean():
            shares, chosen_by = member, outcome.chosen_by.copy()
    return shares, chosen_by


def least_suspicion(outcomes: Sequence[Outcome], bound: Bound) -> Floats:
    """Return how suspicious the least suspicious example of each image looks that fools the defence within a bound.

    Args:
        outcomes: Of one gate, the clean one among them or not.
        bound: Of the perturbation.

    Returns:
        float64, (n,); not a number where none fools it, or nothing is suspected.
    """
    fooling = [np.where(each.within(bound) & (each.shares < 0.5), each.suspicion, np.nan) for each in outcomes]
    least: Floats = np.fmin.reduce(fooling)
    return least


def survivors(clean: Outcome, outcomes: Sequence[Outcome], bound: Bound) -> Indices:
    """Return the images that some draw still classifies correctly after the attacks made for this bound."""
    _, chosen_by = worst_of([clean, *made_for(outcomes, bound)], bound)
    return np.flatnonzero(chosen_by > 0)


def made_for(outcomes: Sequence[Outcome], bound: Bound) -> list[Outcome]:
    """Return the outcomes of attacks with this bound, and of those that seek the smallest perturbation."""
    return [outcome for outcome in outcomes if outcome.made and outcome.made.bound in (bound, None)]
