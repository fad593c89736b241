"""Detectors of adversarial images by a score: thresholds that are chosen on clean images, and what they are worth."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.stats import norm, rankdata

from tf_lowdef.results.statistics import CONFIDENCE

Scores = npt.NDArray[np.float64]

RATES = (0.01, 0.05)
"""Shares of clean images, taken for attacked ones, at which detectors are reported."""

LARGEST_SUSPICION = 2.0
"""The greatest L1 distance of two probability distributions."""

SCALE = 1e4
"""Steps of a threshold, which is rounded up to them: it can be read, and is the same where sums run otherwise."""

_ONE = 1 - 1e-12
"""Where the error of an area is not yet 0, so that there is something to solve for."""


class TooFewError(ValueError):
    """There are too few clean images to choose a threshold for so small a share."""


class Detection(NamedTuple):
    """How well scores tell attacked images from clean ones.

    Attributes:
        n: Attacked images.
        auc: The share of pairs of an attacked and a clean image in which the attacked one has the higher score.
        auc_ci95: Its 95 % interval.
        caught: For each of `RATES`, the share of attacked images above the threshold that was chosen for it; None where
            there was none.
    """

    n: int
    auc: float
    auc_ci95: tuple[float, float]
    caught: tuple[float | None, ...]


def fewest_images(rate: float) -> int:
    """Return how many clean images it takes to choose a threshold for a share of false positives."""
    return math.ceil(round(1 / rate, 9)) - 1


def threshold_at(scores: Scores, rate: float) -> float:
    """Return the threshold above which at most a share `rate` of fresh clean images lies, in the mean.

    The k-th smallest of n scores, k = ceil((n + 1) (1 - rate)): as a fresh image is as likely to fall in any place
    among them, it lies above with probability at most `rate` (split conformal prediction, Vovk et al. 2005; Lei et al.
    2018, section 2.2). Of fewer than 1 / rate - 1 images there is no such k.

    Args:
        scores: Of clean images; what is not a number counts as the highest.
        rate: Above 0 and below 1.

    Raises:
        TooFewError: A ValueError: there are fewer images.
    """
    place = math.ceil(round((len(scores) + 1) * (1 - rate), 9))
    if place > len(scores):
        raise TooFewError(
            f"{fewest_images(rate)} clean images or more are needed to choose a threshold for a false positive rate "
            f"of {rate:g}. Received: {len(scores)}"
        )
    return rounded_up(float(np.sort(np.nan_to_num(scores, nan=np.inf))[max(place, 1) - 1]))


def threshold_for_drop(scores: Scores, lost: Any, gained: Any, drop: float) -> float:
    """Return the least threshold at which clean accuracy falls by at most a share `drop`, there and at all above it.

    Args:
        scores: Of clean images, (n,).
        lost: bool, (n,): right as it is, wrong behind the defence.
        gained: bool, (n,): the other way round.
        drop: A share of all n images, 0 to 1.
    """
    values = np.nan_to_num(scores, nan=np.inf)
    order = np.argsort(values, kind="stable")
    net = (np.asarray(lost, np.int64) - np.asarray(gained, np.int64))[order]
    ranked = values[order]
    above = np.concatenate([net[::-1].cumsum()[::-1], [0]])  # lost less gained, of the images from each place on
    allowed = drop * len(values) + 1e-9
    for place in range(len(values) - 1, -1, -1):
        starts = place == 0 or ranked[place - 1] < ranked[place]  # equal scores go together
        if starts and above[place] > allowed:
            return rounded_up(float(ranked[place]))
    return 0.0


def rounded_up(threshold: float) -> float:
    """Return a threshold in steps of 1 / `SCALE`, never a lower one."""
    if not math.isfinite(threshold):
        return threshold
    return math.ceil(round(threshold * SCALE, 6)) / SCALE


def detection(clean: Scores, attacked: Scores, thresholds: tuple[float | None, ...]) -> Detection | None:
    """Return how well scores tell attacked images from clean ones; None without any of either.

    Args:
        clean: Scores of clean images.
        attacked: Of attacked ones.
        thresholds: One for each of `RATES`, chosen on other images; None where there was none.
    """
    if not len(clean) or not len(attacked):
        return None
    found = auc(clean, attacked)
    caught = tuple(None if each is None else float(np.mean(~(attacked <= each))) for each in thresholds)
    return Detection(len(attacked), found, auc_interval(found, len(clean), len(attacked)), caught)


def auc(clean: Scores, attacked: Scores) -> float:
    """Return the area under the ROC curve: Mann and Whitney's U over the number of pairs, ties by half."""
    ranks = rankdata(np.nan_to_num(np.concatenate([attacked, clean]), nan=np.inf))
    u = ranks[: len(attacked)].sum() - len(attacked) * (len(attacked) + 1) / 2
    return float(u / (len(attacked) * len(clean)))


def auc_interval(area: float, clean: int, attacked: int) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve (Newcombe 2006, Stat. Med. 25, part 2, method 5).

    All areas that lie no more than 1.96 standard errors from the one that was found, the error being that of Hanley and
    McNeil 1982 at the area in question, with both sample sizes replaced by their mean; unlike Wald's it holds near 1.
    Clean and attacked images are the same ones here, so that their scores go together, and the interval is rather too
    wide than too narrow.

    Args:
        area: That was found.
        clean: How many clean images.
        attacked: How many attacked ones.
    """
    z, size = float(norm.ppf((1 + CONFIDENCE) / 2)), (clean + attacked) / 2 - 1

    def error(true: float) -> float:
        spread = 1 + size * ((1 - true) / (2 - true) + true / (1 + true))
        return math.sqrt(max(true * (1 - true) * spread, 0.0) / (clean * attacked))

    low = 0.0 if area <= 0 else float(brentq(lambda true: area - true - z * error(true), 0.0, min(area, _ONE)))
    high = 1.0 if area >= 1 else float(brentq(lambda true: true - area - z * error(true), max(area, 1 - _ONE), 1.0))
    return low, high
