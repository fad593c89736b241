import tracemalloc

import numpy as np
import pytest

from tf_lowdef.results import statistics
from tf_lowdef.results.statistics import (
    EXACT,
    RESAMPLED,
    accuracy_interval,
    bootstrap_interval,
    compare_paired,
    holm,
    mcnemar,
    newcombe_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("only_first", "only_second", "two_sided", "one_sided"),
    [(0, 0, 1, 1), (5, 5, 1, 638 / 1024), (6, 0, 2 / 64, 1 / 64), (0, 6, 2 / 64, 1), (7, 1, 18 / 256, 9 / 256)],
)
def test_mcnemar_is_a_count_of_coin_tosses(only_first, only_second, two_sided, one_sided):
    assert mcnemar(only_first, only_second) == pytest.approx(two_sided)
    assert mcnemar(only_first, only_second, one_sided=True) == pytest.approx(one_sided)


def test_holm_on_its_own_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_newcombe_covers_the_truth_and_turns_round():
    rng = np.random.default_rng(0)
    cells = rng.multinomial(60, [0.3, 0.25, 0.05, 0.4], size=500)
    found = [newcombe_interval(*map(int, row)) for row in cells]
    covered = np.mean([low <= 0.2 <= high for low, high in found])
    assert 0.92 <= covered <= 0.99
    low, high = newcombe_interval(20, 12, 2, 16)
    assert newcombe_interval(20, 2, 12, 16) == pytest.approx((-high, -low))
    assert low < 0.2 < high


def test_newcombe_at_the_ends():
    assert newcombe_interval(0, 0, 0, 0) == (-1, 1)
    assert newcombe_interval(0, 10, 0, 0)[1] == pytest.approx(1)
    low, high = newcombe_interval(10, 0, 0, 0)
    assert low == -high
    assert 0 < high < 0.4  # no difference was seen, which is no proof of none


def test_bootstrap_is_the_normal_interval_of_many_images():
    values = np.random.default_rng(0).uniform(0, 1, 400)
    half = 1.96 * values.std() / 20
    assert bootstrap_interval(values) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.004)
    assert bootstrap_interval(values, seed=1) == bootstrap_interval(values, seed=1)


def test_accuracy_intervals():
    assert accuracy_interval(np.array([1.0, 0, 1])) == wilson_interval(2, 3)
    assert accuracy_interval(np.zeros(10)) == wilson_interval(0, 10)
    low, high = accuracy_interval(np.linspace(0, 1, 11))
    assert 0.2 < low < 0.5 < high < 0.8


KINDS = {
    "nearly all lost": (0.015, lambda rng, n: np.where(rng.random(n) < 0.03, rng.binomial(10, 0.5, n) / 10, 0)),
    "few draws survive": (0.03, lambda rng, n: np.where(rng.random(n) < 0.1, rng.binomial(10, 0.3, n) / 10, 0)),
    "nearly all held": (0.9215, lambda rng, n: np.where(rng.random(n) < 0.97, rng.binomial(10, 0.95, n) / 10, 0)),
    "skew": (1 / 21, lambda rng, n: rng.binomial(10, rng.beta(0.1, 2, n)) / 10),
    "all in between": (0.5, lambda rng, n: rng.binomial(10, rng.beta(2, 2, n)) / 10),
    "two kinds": (0.5, lambda rng, n: rng.binomial(10, rng.beta(0.5, 0.5, n)) / 10),
}


@pytest.mark.parametrize(("mean", "draw"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("n", [30, 100])
def test_intervals_of_means_over_draws_cover_near_zero_too(mean, draw, n):
    rng = np.random.default_rng(0)
    ends = np.array([accuracy_interval(draw(rng, n)) for _ in range(1000)])
    covered = (ends[:, 0] <= mean) & (mean <= ends[:, 1])
    assert covered.mean() >= 0.94  # of 95, with 1,000 times


def test_comparison_of_plain_defences():
    first, second = np.array([1.0] * 8 + [0] * 2), np.array([0.0] * 7 + [1, 1, 0])
    found = compare_paired(first, second)
    assert found.difference == pytest.approx(0.6)
    assert found.p == mcnemar(7, 1)
    assert found.interval == newcombe_interval(1, 7, 1, 1)
    assert found.method == EXACT


def test_comparison_of_means_over_draws():
    rng = np.random.default_rng(0)
    first, second = rng.binomial(10, 0.8, 60) / 10, rng.binomial(10, 0.3, 60) / 10
    found = compare_paired(first, second)
    assert found.method == RESAMPLED
    assert found.p < 0.001
    assert found.interval[0] < found.difference < found.interval[1]
    assert compare_paired(first, first).p == 1
    assert compare_paired(first, rng.permutation(first)).p > 0.05


def test_resampling_draws_the_same_however_much_at_a_time(monkeypatch):
    rng = np.random.default_rng(0)
    first, second = rng.binomial(10, 0.6, 60) / 10, rng.binomial(10, 0.5, 60) / 10
    whole = compare_paired(first, second, 3)
    # numpy's own draws, all at once
    signs = np.random.default_rng(3).choice((-1.0, 1.0), (statistics.RESAMPLES, 60))
    beyond = np.abs(signs @ (first - second)) / 60 >= abs(np.mean(first - second)) - 1e-12
    assert whole.p == (1 + beyond.sum()) / (statistics.RESAMPLES + 1)
    monkeypatch.setattr(statistics, "AT_ONCE", 7 * 60 + 1)
    assert compare_paired(first, second, 3) == whole


@pytest.mark.slow
def test_fifty_thousand_images_take_little_memory(monkeypatch):
    monkeypatch.setattr(statistics, "RESAMPLES", 1000)  # at once these would be 800 MB
    rng = np.random.default_rng(0)
    first, second = (rng.binomial(10, 0.5, 50_000) / 10 for _ in range(2))
    tracemalloc.start()
    compare_paired(first, second)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
