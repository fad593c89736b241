"""Bounds against SciPy's own and the closed form, and numbers that are refused."""

import numpy as np
import pytest
from scipy.stats import binom, binomtest, norm

from tf_lowdef.results.smoothing import (
    certified_radius,
    check_draws,
    check_radius,
    check_sigma,
    fewest_draws,
    largest_radius,
    lower_bound,
)


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.3])
@pytest.mark.parametrize(("votes", "draws"), [(0, 100), (1, 100), (51, 100), (99, 100), (100, 100), (99_990, 100_000)])
def test_the_lower_bound_is_clopper_pearsons(votes, draws, alpha):
    interval = binomtest(votes, draws, alternative="greater").proportion_ci(1 - alpha, method="exact")
    assert lower_bound(votes, draws, alpha) == pytest.approx(interval.low, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("p", [0.5, 0.6, 0.9, 0.99, 0.9999])
@pytest.mark.parametrize("draws", [10, 100, 1000])
def test_the_bound_covers_exactly(p, draws):
    votes = np.arange(draws + 1)
    too_high = lower_bound(votes, draws, 0.001) > p
    assert binom.pmf(votes, draws, p)[too_high].sum() <= 0.001


def test_the_radius_of_a_unanimous_vote_is_the_closed_form():
    assert certified_radius(500, 500, 0.12, 0.001) == pytest.approx(0.12 * norm.ppf(0.001 ** (1 / 500)))
    assert largest_radius(100_000, 0.5, 0.001) == pytest.approx(1.905, abs=0.01)  # Cohen et al. 2019, figure 3's end


def test_a_vote_that_proves_nothing_has_no_radius():
    assert certified_radius([0, 250, 500, 530], 1000, 0.12, 0.001).tolist() == [0, 0, 0, 0]


def test_the_radius_grows_with_votes_and_sigma():
    radii = certified_radius(np.arange(1001), 1000, 0.12, 0.001)
    assert (np.diff(radii) >= 0).all()
    assert certified_radius(990, 1000, 0.24, 0.001) == pytest.approx(2 * radii[990])


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.25, 0.49])
def test_the_fewest_draws_certify_something_and_one_less_nothing(alpha):
    draws = fewest_draws(alpha)
    assert certified_radius(draws, draws, 0.1, alpha) > 0
    assert certified_radius(draws - 1, max(draws - 1, 1), 0.1, alpha) == 0


@pytest.mark.parametrize("sigma", [15, 0, -0.1, 0.001, 1.5, np.nan, np.inf, "0.1", None, True, [0.1]])
def test_a_sigma_that_is_none_is_refused(sigma):
    with pytest.raises(ValueError, match=r"`sigma` must be .*for images in \[0, 1\]"):
        check_sigma(sigma)


def test_a_sigma_in_grey_levels_is_told_in_the_right_unit():
    with pytest.raises(ValueError, match=r"Received: sigma=15\. .*15 grey levels of 255 are 0.0588"):
        check_sigma(15)
    with pytest.raises(ValueError, match="64 grey levels of 255 are 0.251"):
        check_radius(64)


@pytest.mark.parametrize(
    ("n", "n0", "alpha", "text"),
    [
        (0, 100, 0.001, "`n` must be"),
        (1000.5, 100, 0.001, "`n` must be"),
        (1000, 0, 0.001, "`n0` must be"),
        (1000, 100, 0, "`alpha` must be"),
        (1000, 100, 1, "`alpha` must be"),
        (1000, 100, 0.5, "alpha must be below 0.5"),
        (1000, 100, np.nan, "`alpha` must be"),
        (9, 100, 0.001, "unanimous vote of fewer than 10 draws certifies nothing"),
    ],
)
def test_draws_that_certify_nothing_are_refused(n, n0, alpha, text):
    with pytest.raises(ValueError, match=text):
        check_draws(n, n0, alpha)
