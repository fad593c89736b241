"""Paired statistics: two defences are tried on the same images, so that they are compared image by image."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

Shares = npt.NDArray[np.float64]
"""For each image, the share of draws in which it was classified correctly: 0 or 1 where nothing is drawn."""

RESAMPLES = 10_000
"""Bootstrap samples and sign flips: the end of a 95 % interval is then good to about a tenth of its own width."""

AT_ONCE = 2_000_000
"""Numbers that are drawn at a time for these: the 10,000 times n of them would take gigabytes."""

CONFIDENCE = 0.95

TOWARDS_ONE = 2.0
"""How far the variance of shares is drawn to that of a proportion, over the root of their number: the least of 1, 2 and
3 that covered 95 % or more of ten kinds of shares, 20 to 200 images each (3,000 times each)."""


class Paired(NamedTuple):
    """A paired comparison of two shares of correctly classified images.

    Attributes:
        difference: The first less the second.
        interval: Its 95 % interval.
        p: Two-sided, not corrected.
        method: Of test and interval.
    """

    difference: float
    interval: tuple[float, float]
    p: float
    method: str


EXACT = "exact McNemar test; Newcombe 1998, method 10"
RESAMPLED = "sign-flip test; bootstrap over images"


def compare_paired(first: Shares, second: Shares, seed: int = 0) -> Paired:
    """Compare two defences on the same images.

    Where no number is drawn, the exact McNemar test (the binomial test of the images on which exactly one of the two
    is right) and Newcombe's interval; where the shares are means over draws, a sign-flip test and a bootstrap over
    images (Davison and Hinkley 1997, section 3.8: images are resampled with all their draws).

    Args:
        first: float64, shape (n,), in [0, 1].
        second: The same.
        seed: For the resampling.
    """
    difference = float(np.mean(first - second)) if len(first) else 0.0
    if is_binary(first) and is_binary(second):
        only_first, only_second = int(((first == 1) & (second == 0)).sum()), int(((first == 0) & (second == 1)).sum())
        both = int(((first == 1) & (second == 1)).sum())
        interval = newcombe_interval(both, only_first, only_second, len(first) - both - only_first - only_second)
        return Paired(difference, interval, mcnemar(only_first, only_second), EXACT)
    rng = np.random.default_rng(seed)
    values, signs = first - second, np.array((-1.0, 1.0))
    flipped = np.abs(_resample(len(first), lambda shape: rng.choice(signs, shape) @ values)) / len(first)
    # The observed signs are one of the possible ones, hence + 1 (Phipson and Smyth 2010).
    p = (1 + int((flipped >= abs(difference) - 1e-12).sum())) / (RESAMPLES + 1)
    return Paired(difference, bootstrap_interval(values, seed), p, RESAMPLED)


def mcnemar(only_first: int, only_second: int, one_sided: bool = False) -> float:
    """Return the p of the exact McNemar test.

    Args:
        only_first: Images that only the first has.
        only_second: Images that only the second has.
        one_sided: Whether the question is that the first has more; otherwise that they differ.
    """
    if only_first + only_second == 0:
        return 1.0
    test = binomtest(only_first, only_first + only_second, 0.5, alternative="greater" if one_sided else "two-sided")
    return float(test.pvalue)


def holm(values: Sequence[float]) -> list[float]:
    """Return p values corrected for being many (Holm 1979): at most 1, in the order given."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    corrected, highest = [1.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        corrected[place] = highest
    return corrected


def wilson_interval(correct: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of a proportion (Wilson 1927), (0, 1) where `n` is 0."""
    if n == 0:
        return 0.0, 1.0
    interval = binomtest(correct, n).proportion_ci(confidence_level=confidence, method="wilson")
    return float(interval.low), float(interval.high)


def newcombe_interval(both: int, only_first: int, only_second: int, neither: int) -> tuple[float, float]:
    """Return the 95 % interval of the difference of two paired proportions (Newcombe 1998, Stat. Med. 17, method 10).

    Two Wilson intervals, joined by the correlation of the pairs; unlike Wald's it keeps its coverage for few images
    and near 0 and 1. (-1, 1) of no images.
    """
    n = both + only_first + only_second + neither
    if n == 0:
        return -1.0, 1.0
    p1, p2 = (both + only_first) / n, (both + only_second) / n
    low1, high1 = wilson_interval(both + only_first, n)
    low2, high2 = wilson_interval(both + only_second, n)
    cross = float(both * neither - only_first * only_second)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # the paper's continuity correction, for positive correlation alone
    margins = (both + only_first) * (only_second + neither) * (both + only_second) * (only_first + neither)
    phi = cross / math.sqrt(margins) if margins else 0.0
    below = _joined(p1 - low1, high2 - p2, phi)
    above = _joined(high1 - p1, p2 - low2, phi)
    return p1 - p2 - below, p1 - p2 + above


def bootstrap_interval(values: Shares, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean of one number an image (Efron 1979)."""
    rng = np.random.default_rng(seed)
    size = len(values)
    means = _resample(size, lambda shape: values[rng.integers(0, size, shape)].mean(axis=1), resamples)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)


def _resample(size: int, draw: Callable[[tuple[int, int]], Shares], count: int = RESAMPLES) -> Shares:
    """Return `count` numbers, one for each row of the arrays of shape (rows, `size`) that `draw` makes them of.

    The rows are drawn in order, however many at a time, so that the numbers are the same as of one array.
    """
    rows = max(1, min(count, AT_ONCE // max(size, 1)))
    return np.concatenate([draw((min(rows, count - start), size)) for start in range(0, count, rows)])


def accuracy_interval(shares: Shares) -> tuple[float, float]:
    """Return the 95 % interval of an accuracy: Wilson's; for means over draws with as many images as they are worth.

    A share between 0 and 1 varies less than one that is 0 or 1, so that n such images are worth more: n divided by the
    ratio of their variance to that of a proportion of the same mean. A few images tell that ratio badly, above all
    where nearly all shares are alike, near 0 or 1, where a bootstrap covers 88 % (measured); so that it is drawn
    towards 1, which never covers too little, by `TOWARDS_ONE` over the root of n. A test counts the coverage.
    """
    n, mean = len(shares), float(np.mean(shares)) if len(shares) else 0.0
    if is_binary(shares) or n < 2:
        return wilson_interval(round(float(shares.sum())), n)
    ratio = min(float(np.var(shares, ddof=1)) / (mean * (1 - mean)), 1.0)
    ratio += (1 - ratio) * min(1.0, TOWARDS_ONE / math.sqrt(n))
    return _wilson(mean, n / ratio)


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a share of `n` trials, which need not be a whole number."""
    z = float(norm.ppf((1 + CONFIDENCE) / 2))
    centre, spread = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, (centre - spread) / (1 + z**2 / n)), min(1.0, (centre + spread) / (1 + z**2 / n))


def is_binary(shares: Shares) -> bool:
    """Return whether every share is 0 or 1."""
    return bool(np.isin(shares, (0.0, 1.0)).all())


def _joined(first: float, second: float, phi: float) -> float:
    return math.sqrt(max(first**2 - 2 * phi * first * second + second**2, 0.0))
