"""The algorithm is sound: 10,000 runs against classifiers whose radius is known, on votes drawn from their chances."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, norm

from tf_lowdef.certification import ABSTAIN, certify_votes, predict_votes
from tf_lowdef.results.smoothing import certified_radius

RUNS = 10_000
SIGMA = 0.25
UNLIKELY = 1e-6
"""How rarely a sound algorithm fails these tests: each bound is that quantile of the failures that alpha allows."""


def failures(chances, radius, n, n0, alpha, seed=0):
    """Return in how many runs a class is certified that is not the answer, or beyond the radius; and in how many any.

    Args:
        chances: Of each class under noise; the first is the smoothed classifier's answer.
        radius: Within which it is.
    """
    rng = np.random.default_rng(seed)
    guessing, certifying = rng.multinomial(n0, chances, RUNS), rng.multinomial(n, chances, RUNS)
    found = certify_votes(guessing, certifying, SIGMA, alpha)
    wrong = (found.classes != ABSTAIN) & ((found.classes != 0) | (found.radii > radius))
    return int(wrong.sum()), int((found.classes == 0).sum())


def allowed(alpha):
    return binom.ppf(1 - UNLIKELY, RUNS, alpha)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize("margin", [0.0, 0.01, 0.1, 0.25, 0.5, 0.75])
def test_a_linear_classifier_is_certified_up_to_its_margin(margin, alpha):
    # the noise along the normal alone decides: the answer's chance is Phi(margin / sigma), the true radius the margin
    chance = norm.cdf(margin / SIGMA)
    wrong, right = failures([chance, 1 - chance], margin, 500, 50, alpha)
    assert wrong <= allowed(alpha)
    assert right > 0.9 * RUNS or margin < 0.25  # and it is no vacuous one


@pytest.mark.parametrize("alpha", [0.001, 0.05])
def test_no_certificate_is_much_too_small(alpha):
    chance = norm.cdf(1.0)
    rng = np.random.default_rng(0)
    votes = rng.multinomial(10_000, [chance, 1 - chance], 100)
    radii = certify_votes(votes[:, :], rng.multinomial(10_000, [chance, 1 - chance], 100), SIGMA, alpha).radii
    assert np.median(radii) > 0.9 * SIGMA


def strip_chances(at, width):
    """Return the chances of the middle, the left and the right of two parallel planes, at -width and width."""
    left, right = norm.cdf((-width - at) / SIGMA), norm.sf((width - at) / SIGMA)
    return np.array([1 - left - right, left, right])


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize(("at", "width"), [(0.0, 0.3), (0.2, 0.5), (0.1, 0.25), (0.0, 0.17), (0.6, 1.0)])
def test_two_planes_with_a_class_between_them(at, width, alpha):
    chances = strip_chances(at, width)
    assert chances[0] == chances.max()

    def lead(shift):
        there = strip_chances(at + shift, width)
        return there[0] - there[1:].max()

    radius = min(brentq(lead, 0, 5), -brentq(lead, -5, 0))
    wrong, _ = failures(chances, radius, 500, 50, alpha)
    assert wrong <= allowed(alpha)


@pytest.mark.parametrize("alpha", [0.001, 0.05])
@pytest.mark.parametrize(("one", "other"), [(0.3, 0.3), (0.2, 0.6), (0.5, 0.25)])
def test_two_planes_that_cross_at_a_right_angle(one, other, alpha):
    # the answer is what lies on the near side of both: its chance is a product, and the answer ends where that is 1/2
    chance = norm.cdf(one / SIGMA) * norm.cdf(other / SIGMA)
    assert chance > 0.5
    u = np.linspace(-0.5, 2, 200_001)
    rest = 0.5 / norm.cdf(u / SIGMA)
    u, rest = u[rest < 1], rest[rest < 1]
    radius = np.hypot(u - one, SIGMA * norm.ppf(rest) - other).min()
    wrong, _ = failures([chance, 1 - chance], radius, 500, 50, alpha)
    assert wrong <= allowed(alpha)


def test_many_classes_without_a_majority_certify_nothing():
    wrong, right = failures([0.4, 0.3, 0.3], 0.0, 500, 50, 0.001)
    assert wrong <= allowed(0.001)
    assert right <= allowed(0.001)


def test_the_same_test_finds_an_unsound_algorithm():
    rng = np.random.default_rng(0)
    margin, alpha = 0.1, 0.001
    chance = norm.cdf(margin / SIGMA)
    votes = rng.multinomial(500, [chance, 1 - chance], RUNS)
    plain = SIGMA * norm.ppf(np.minimum(votes[:, 0] / 500, 1 - 1e-9))
    assert (plain > margin).sum() > 100 * allowed(alpha)
    # and one that guesses and certifies on the same votes
    uniform = rng.multinomial(30, [0.1] * 10, RUNS)
    same = certify_votes(uniform, uniform, SIGMA, 0.3)
    other = certify_votes(rng.multinomial(30, [0.1] * 10, RUNS), uniform, SIGMA, 0.3)
    assert same.votes.mean() > 1.5 * other.votes.mean()


def test_votes_of_several_images_are_certified_as_each_alone():
    guessing = np.array([[9, 1, 0], [1, 0, 9], [4, 3, 3]])
    certifying = np.array([[100, 0, 0], [99, 0, 1], [34, 33, 33]])
    found = certify_votes(guessing, certifying, SIGMA, 0.001)
    assert found.classes.tolist() == [0, ABSTAIN, ABSTAIN]  # the guess decides, not the larger vote afterwards
    assert found.votes.tolist() == [100, 1, 34]
    assert found.radii.tolist() == [pytest.approx(float(certified_radius(100, 100, SIGMA, 0.001))), 0, 0]


def test_images_with_unequal_numbers_of_draws_are_refused():
    with pytest.raises(ValueError, match="same number of draws"):
        certify_votes(np.array([[1, 0], [1, 0]]), np.array([[10, 0], [10, 1]]), SIGMA, 0.001)


@pytest.mark.parametrize("chances", [[0.5, 0.5], [0.52, 0.48], [0.4, 0.35, 0.25], [0.51, 0.49]])
def test_a_prediction_names_another_class_at_most_as_rarely_as_alpha(chances):
    votes = np.random.default_rng(1).multinomial(200, chances, 2000)
    found = predict_votes(votes, 0.01)
    others = ~np.isin(found, (0, ABSTAIN)) if chances[0] > chances[1] else found == 1
    assert others.sum() <= binom.ppf(1 - UNLIKELY, 2000, 0.01)


def test_the_test_is_the_exact_binomial_one():
    votes = np.array([[first, 60 - first] for first in range(61)])
    for row, found in zip(votes, predict_votes(votes, 0.01), strict=True):
        significant = binomtest(int(row.max()), 60).pvalue <= 0.01
        assert found == (row.argmax() if significant else ABSTAIN)


def test_a_clear_vote_is_predicted_and_a_tie_or_none_abstains():
    assert predict_votes(np.array([[90, 10], [10, 90], [50, 50], [0, 0]]), 0.001).tolist() == [0, 1, ABSTAIN, ABSTAIN]
