"""What votes under Gaussian noise prove: the bounds of randomized smoothing (Cohen, Rosenfeld and Kolter 2019).

Arithmetic alone: who votes, and on what, is no business of this module.
"""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.validation import check_integer, check_number

Numbers = npt.NDArray[np.float64]

ABSTAIN = -1
"""The class where the votes do not prove one."""

LARGEST_SIGMA = 1.0
"""Of noise on images in [0, 1]: the largest in the literature on photographs (Cohen et al. 2019, section 4)."""
SMALLEST_SIGMA = 0.5 / 255
"""Half a grey level: less is lost where an image is rounded to 8 bits."""
LARGEST_RADIUS = 5.0
"""What a sigma of 1 certifies with a million unanimous draws is 4.4."""


def lower_bound(votes: npt.ArrayLike, draws: int, alpha: float) -> Numbers:
    """Return the one-sided lower Clopper-Pearson bound of a probability (Clopper and Pearson 1934).

    The bound exceeds the probability with a probability of at most `alpha`, whatever that probability is.

    Args:
        votes: How many of the draws were for it, 0 to `draws`; any shape.
        draws: How many there were, at least 1.
        alpha: Above 0 and below 1.

    Returns:
        float64, the shape of `votes`, from 0 to 1.
    """
    counts = np.asarray(votes, np.float64)
    with np.errstate(invalid="ignore"):
        from scipy.stats import beta  # takes a second to load, which a folder that is missing need not cost

        found = beta.ppf(alpha, counts, draws - counts + 1)
    bound: Numbers = np.where(counts > 0, found, 0.0)
    return bound


def certified_radius(votes: npt.ArrayLike, draws: int, sigma: float, alpha: float) -> Numbers:
    """Return the L2 radius within which the class that got the votes stays the smoothed classifier's answer.

    Theorem 1 of Cohen et al. 2019 with the runner-up's probability bounded by one less the first's, as in their
    CERTIFY: ``sigma * ppf(lower_bound)``.

    Args:
        votes: For the class that was guessed on other draws, 0 to `draws`; any shape.
        draws: How many there were.
        sigma: Standard deviation of the noise; the radius has its unit.
        alpha: The probability with which a radius may be too large.

    Returns:
        float64, the shape of `votes`; 0 where the bound is at most one half, where nothing is proved.
    """
    bound = lower_bound(votes, draws, alpha)
    from scipy.stats import norm

    radius: Numbers = np.where(bound > 0.5, sigma * norm.ppf(bound), 0.0)
    return np.maximum(radius, 0.0)


def largest_radius(draws: int, sigma: float, alpha: float) -> float:
    """Return the radius that is certified where every draw is for one class: more draws are needed for a larger one."""
    return float(certified_radius(draws, draws, sigma, alpha))


def fewest_draws(alpha: float) -> int:
    """Return how many draws can certify anything at all: with fewer even a unanimous vote abstains."""
    return math.floor(math.log(alpha) / math.log(0.5)) + 1


def check_sigma(sigma: Any, name: str = "sigma") -> float:
    """Return a standard deviation of noise on images in [0, 1] as a float.

    Raises:
        ValueError: It is no number in the range that makes sense there.
    """
    return _check_unit(name, sigma, "The noise's standard deviation", SMALLEST_SIGMA, LARGEST_SIGMA)


def check_radius(radius: Any, name: str = "radius") -> float:
    """Return an L2 radius for images in [0, 1] as a float.

    Raises:
        ValueError: It is negative, no number, or larger than any that noise can certify.
    """
    return _check_unit(name, radius, "An L2 radius", 0, LARGEST_RADIUS)


def check_draws(n: Any, n0: Any, alpha: Any) -> tuple[int, int, float]:
    """Return numbers of draws and the probability of an error, of their types.

    Raises:
        ValueError: One of them is none, or nothing can be certified with them.
    """
    draws, first, error = (
        check_integer("n", n, 1),
        check_integer("n0", n0, 1),
        check_number("alpha", alpha, 0, 0.5, True),
    )
    if error == 0.5 or draws < fewest_draws(error):
        raise ValueError(
            f"With alpha={error:g} even a unanimous vote of fewer than {fewest_draws(min(error, 0.49))} draws "
            f"certifies nothing, and alpha must be below 0.5. Received: n={n!r}, alpha={alpha!r}"
        )
    return draws, first, error


def _check_unit(name: str, value: Any, what: str, low: float, high: float) -> float:
    try:
        return check_number(name, value, low, high)
    except ValueError as error:
        grey = isinstance(value, Real) and not isinstance(value, bool) and high < float(value) < math.inf
        hint = f"; {float(value):g} grey levels of 255 are {float(value) / 255:.3g}" if grey else ""
        raise ValueError(f"{error}. {what} is for images in [0, 1]{hint}") from error
