"""CERTIFY and PREDICT of Cohen, Rosenfeld and Kolter 2019, on votes: who casts them does not matter here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from tf_lowdef.results.smoothing import ABSTAIN, certified_radius

Votes = npt.NDArray[np.int64]
Classes = npt.NDArray[np.int64]


class Certified(NamedTuple):
    """What votes prove of some images.

    Attributes:
        classes: int64, (n,): the smoothed classifier's answer, `ABSTAIN` where the votes prove none.
        votes: int64, (n,): for the class that was guessed, among the draws that certify.
        radii: float64, (n,): within which that answer stays, in L2 and in sigma's unit; 0 where there is none.
    """

    classes: Classes
    votes: Votes
    radii: npt.NDArray[np.float64]


def certify_votes(guessing: Votes, certifying: Votes, sigma: float, alpha: float) -> Certified:
    """Return what the votes of images prove: CERTIFY of Cohen et al. 2019, figure 1, for many images at a time.

    The class is guessed on the first votes and counted on the others; on one and the same votes the bound would be of a
    class that was chosen because it got many of them, and too high.

    Args:
        guessing: int64, (n, classes): how many of the first draws were for each class.
        certifying: The same of other draws, as many for each image.
        sigma: The noise's standard deviation.
        alpha: The probability with which an image's radius may be too large.

    Raises:
        ValueError: The images have not all had the same number of certifying draws.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.certification import ABSTAIN, certify_votes
        >>> guessing, certifying = np.array([[9, 1], [6, 4]]), np.array([[99, 1], [55, 45]])
        >>> proved = certify_votes(guessing, certifying, sigma=0.25, alpha=0.001)
        >>> proved.classes.tolist() == [0, ABSTAIN], proved.radii.round(2).tolist()
        (True, [0.34, 0.0])
    """
    draws = set(certifying.sum(axis=1).tolist())
    if len(draws) > 1:
        raise ValueError(f"Every image needs the same number of draws. Received: {sorted(draws)}")
    guess = guessing.argmax(axis=1)
    votes = np.take_along_axis(certifying, guess[:, None], axis=1)[:, 0]
    radii = certified_radius(votes, max(draws, default=1), sigma, alpha)
    return Certified(np.where(radii > 0, guess, ABSTAIN), votes, radii)


def predict_votes(votes: Votes, alpha: float) -> Classes:
    """Return the class of each image: PREDICT of Cohen et al. 2019, figure 1.

    Where an image's true answer is A, another class than A comes out with a probability of at most `alpha`.

    Args:
        votes: int64, (n, classes).
        alpha: See above.

    Returns:
        int64, (n,): the class with most votes where it has more than the second beyond chance, `ABSTAIN` elsewhere.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.certification import predict_votes
        >>> predict_votes(np.array([[99, 1], [55, 45]]), alpha=0.001).tolist()  # -1: too close to tell
        [0, -1]
    """
    second, first = np.sort(votes, axis=1)[:, -2:].T
    p = 2 * binom.sf(first - 1, first + second, 0.5)  # of the exact two-sided test: half of it is on either side
    found: Classes = np.where((first > 0) & (p <= alpha), votes.argmax(axis=1), ABSTAIN)
    return found
