import math

import numpy as np
import pytest

from tf_lowdef.evaluation.judging.metrics import max_or_none, mean_or_none, median_minimal_norm, ssim
from tf_lowdef.results.statistics import wilson_interval


@pytest.mark.parametrize(("correct", "n"), [(0, 10), (10, 10), (106, 200), (1, 3)])
def test_wilson_interval_solves_its_equation(correct, n):
    # the interval's ends are the proportions p with |correct/n - p| = z sqrt(p (1 - p) / n)
    for end in wilson_interval(correct, n):
        distance = abs(correct / n - end)
        assert distance == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / n), abs=1e-6)


def test_wilson_interval_of_nothing():
    assert wilson_interval(0, 0) == (0, 1)


def test_median_counts_failures_as_infinite():
    assert median_minimal_norm([1, 2, 3], [True, True, True]) == 2
    assert median_minimal_norm([1, 2, 3], [True, False, True]) == 3
    assert median_minimal_norm([1, 2, 3], [True, False, False]) == math.inf
    assert median_minimal_norm([], []) is None


def test_summaries_of_nothing():
    assert mean_or_none([]) is None
    assert max_or_none([]) is None
    assert (mean_or_none([1, 2]), max_or_none([1, 2])) == (1.5, 2)


def test_ssim_equals_scikit_image():
    metrics = pytest.importorskip("skimage.metrics")
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (2, 20, 30, 3), np.uint8)
    second = np.clip(first.astype(int) + rng.integers(-30, 31, first.shape), 0, 255).astype(np.uint8)
    for mine, a, b in zip(ssim(first, second), first, second, strict=True):
        _, maps = metrics.structural_similarity(
            a, b, channel_axis=-1, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
        )
        assert mine == pytest.approx(maps[5:-5, 5:-5].mean(), abs=1e-4)
    np.testing.assert_allclose(ssim(first, first), 1, atol=1e-6)
    assert ssim(first[:, :10], second[:, :10]) is None
