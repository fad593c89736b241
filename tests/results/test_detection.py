"""Thresholds keep what they promise on fresh images, and areas under the ROC curve their intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from tf_lowdef.results.detection import (
    TooFewError,
    auc,
    auc_interval,
    detection,
    fewest_images,
    threshold_at,
    threshold_for_drop,
)


@pytest.mark.parametrize(("rate", "count"), [(0.05, 19), (0.05, 50), (0.2, 4), (0.01, 99), (0.3, 25)])
def test_a_threshold_suspects_no_more_fresh_images_than_promised(rate, count):
    rng = np.random.default_rng(0)
    held = [float((rng.random(100) > threshold_at(rng.random(count), rate)).mean()) for _ in range(2000)]
    assert np.mean(held) <= rate + 3 * np.std(held) / math.sqrt(len(held))
    assert np.mean(held) >= rate - 1 / (count + 1) - 0.01


@pytest.mark.parametrize(("rate", "fewest"), [(0.05, 19), (0.01, 99), (0.2, 4), (0.1, 9), (0.3, 3)])
def test_fewer_images_than_the_rate_takes_are_refused(rate, fewest):
    assert fewest_images(rate) == fewest
    threshold_at(np.arange(fewest, dtype=float), rate)
    with pytest.raises(TooFewError, match=f"{fewest} clean images or more"):
        threshold_at(np.arange(fewest - 1, dtype=float), rate)


def test_equal_scores_go_together():
    assert threshold_at(np.full(50, 0.25), 0.05) == 0.25
    assert threshold_for_drop(np.full(4, 0.5), [1, 1, 0, 0], [0, 0, 1, 0], 0.2) == 0.5


def test_a_threshold_is_rounded_up():
    assert threshold_at(np.full(50, 0.123412), 0.05) == 0.1235


def test_what_is_not_a_number_counts_as_the_highest():
    scores = np.array([*np.linspace(0, 1, 18), np.nan])
    assert math.isinf(threshold_at(scores, 0.05))


@pytest.mark.parametrize(("drop", "expected"), [(0.0, 0.4), (0.2, 0.2), (0.4, 0.0)])
def test_the_least_threshold_that_costs_no_more(drop, expected):
    scores, lost = np.array([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([0, 1, 0, 1, 0])
    assert threshold_for_drop(scores, lost, np.zeros(5, int), drop) == expected


def test_gains_make_up_for_losses_above_them_alone():
    scores = np.array([0.1, 0.2, 0.3])
    assert threshold_for_drop(scores, [0, 1, 0], [0, 0, 1], 0.0) == 0.0  # the gain lies higher
    assert threshold_for_drop(scores, [0, 0, 1], [0, 1, 0], 0.0) == 0.3  # it lies lower: between them one is lost


def test_area_is_the_share_of_pairs():
    clean, attacked = np.array([0.1, 0.4, 0.4]), np.array([0.4, 0.9])
    pairs = [(a > c) + (a == c) / 2 for a in attacked for c in clean]
    assert auc(clean, attacked) == pytest.approx(np.mean(pairs))


@pytest.mark.parametrize("shift", [0.0, 0.7, 1.5, 2.5, 3.5])
@pytest.mark.parametrize(("clean", "attacked"), [(50, 50), (25, 60), (20, 12)])
def test_intervals_of_areas_cover_the_true_one(shift, clean, attacked):
    rng, true = np.random.default_rng(1), norm.cdf(shift / math.sqrt(2))
    hit = 0
    for _ in range(600):
        low, high = auc_interval(auc(rng.normal(size=clean), rng.normal(shift, size=attacked)), clean, attacked)
        hit += low <= true <= high
    assert hit / 600 >= 0.92


def test_interval_of_a_perfect_detector_does_not_pretend():
    low, high = auc_interval(1.0, 20, 20)
    assert (high, low) == (1.0, pytest.approx(0.905, abs=0.01))
    assert auc_interval(0.0, 20, 20)[0] == 0.0


def test_detection_of_nothing_is_none():
    assert detection(np.zeros(3), np.zeros(0), (0.1, 0.2)) is None
    found = detection(np.zeros(4), np.array([0.05, 0.15, np.nan]), (None, 0.1))
    assert found is not None
    assert found.caught == (None, pytest.approx(2 / 3))
