"""Balls: what lies in them, and that whole grey levels stay inside, exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tf_lowdef.attacks.ball import ball_of
from tf_lowdef.bounds import Bound, check_bound, check_norm, in_order

BOUNDS = [Bound("Linf", 4.0), Bound("Linf", 2.5), Bound("L2", 0.02), Bound("L2", 0.5), Bound("L2", 3.0)]
every_bound = pytest.mark.parametrize("bound", BOUNDS, ids=str)


def images(seed: int = 0) -> np.ndarray:
    """Draw images of which one is nearly white, one nearly black, and one has every level."""
    rng = np.random.default_rng(seed)
    shape = (12, 10, 3)
    drawn = [rng.integers(low, high, shape) for low, high in ((250, 256), (0, 4), (0, 256))]
    return np.stack(drawn).astype(np.float32)


def squared(change: np.ndarray) -> np.ndarray:
    return np.square(change.astype(np.int64)).sum((1, 2, 3))


@every_bound
def test_whole_levels_stay_in_ball_and_box(bound):
    ball, clean, rng = ball_of(bound), images(), np.random.default_rng(1)
    for scale in (0.01, 0.4, 1, 5, 100):
        points = clean + rng.normal(0, scale, clean.shape).astype(np.float32)
        whole = ball.rounded(clean, ball.project(clean, points))
        assert (whole == np.rint(whole)).all()
        assert whole.min() >= 0
        assert whole.max() <= 255
        change = whole - clean
        if bound.norm == "Linf":
            assert abs(change).max() <= bound.epsilon
        else:
            assert (squared(change) <= (255 * bound.epsilon) ** 2).all()
        np.testing.assert_array_equal(ball.rounded(clean, whole), whole)


def test_l2_uses_what_it_may_and_keeps_the_direction():
    ball, rng = ball_of(Bound("L2", 0.3)), np.random.default_rng(2)
    clean = np.full((4, 32, 32, 3), 128, np.float32)
    noise = rng.normal(size=clean.shape)
    points = (clean + 0.3 * 255 * noise / np.linalg.norm(noise.reshape(4, -1), axis=1).reshape(-1, 1, 1, 1)).astype(
        "f4"
    )
    assert 0.6 < abs(points - clean).std() * math.sqrt(2) < 2.5
    nearest, whole = np.rint(points) - clean, ball.rounded(clean, points) - clean
    assert (squared(nearest) > (0.3 * 255) ** 2).any()  # merely rounded, it would leave the ball
    norms = np.sqrt(squared(whole)) / 255
    assert (norms > 0.29).all()
    cosines = (whole * (points - clean)).sum((1, 2, 3)) / np.sqrt(squared(whole)) / (0.3 * 255)
    assert (cosines > 0.9).all()


def test_l2_keeps_small_changes_that_rounding_would_undo():
    clean = np.full((1, 40, 40, 3), 100, np.float32)
    points = clean + np.linspace(0.1, 0.4, clean.size, dtype=np.float32).reshape(clean.shape)
    whole = ball_of(Bound("L2", 0.05)).rounded(clean, ball_of(Bound("L2", 0.05)).project(clean, points)) - clean
    assert 0 < squared(whole)[0] <= (0.05 * 255) ** 2
    assert whole.ravel()[-50:].all()  # the largest
    assert not whole.ravel()[:1000].any()


@every_bound
def test_starts_and_projections_lie_inside(bound):
    ball, clean = ball_of(bound), images()
    starts = ball.start(clean, 3)
    np.testing.assert_array_equal(starts, ball.start(clean, 3))
    assert (starts != ball.start(clean, 4)).any()
    for points in (starts, ball.project(clean, clean + 300), ball.spread(clean[0], np.random.default_rng(0), 3)):
        assert points.min() >= 0
        assert points.max() <= 255
    change = starts - clean
    size = (
        abs(change).max() if bound.norm == "Linf" else np.sqrt(np.square(change, dtype=np.float64).sum((1, 2, 3))).max()
    )
    assert 0 < size <= bound.levels * 1.0001


def test_a_step_uphill_has_length_one():
    gradient = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype(np.float32)
    gradient[2] = 0
    steps = ball_of(Bound("L2", 1.0)).uphill(gradient)
    np.testing.assert_allclose(np.sqrt(np.square(steps).sum((1, 2, 3))), [1, 1, 0], rtol=1e-5)
    np.testing.assert_array_equal(ball_of(Bound("Linf", 1.0)).uphill(gradient), np.sign(gradient))


def test_bounds_are_said_plainly():
    assert [str(bound) for bound in BOUNDS] == ["4", "2.5", "l2:0.02", "l2:0.5", "l2:3"]
    assert BOUNDS[0].said == "epsilon 4"
    assert BOUNDS[3].said == "L2 epsilon 0.5 (pixels in [0, 1])"
    assert in_order([BOUNDS[4], BOUNDS[3], BOUNDS[0], BOUNDS[1], BOUNDS[0]]) == [BOUNDS[i] for i in (1, 0, 3, 4)]
    assert check_norm("L2") == check_norm("l2") == "L2"


@pytest.mark.parametrize(
    ("norm", "epsilon", "message"),
    [
        ("L2", 127.5, r"pixels in \[0, 1\], at most 50. Received: epsilon=127.5; .* grey levels of 255, write 0.5"),
        ("L2", 0.001, "less than 1/255 changes no pixel"),
        ("L2", -1, "Received: epsilon=-1"),
        ("L2", math.nan, "Received: epsilon=nan"),
        ("Linf", 0.03, "grey levels of 255"),
    ],
)
def test_an_epsilon_in_the_other_units_is_refused(norm, epsilon, message):
    with pytest.raises(ValueError, match=message):
        check_bound(norm, epsilon)


def test_an_unknown_norm_is_refused():
    with pytest.raises(ValueError, match="one of linf, l2. Received: norm='l1'"):
        check_norm("l1")
