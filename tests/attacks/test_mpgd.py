"""Momentum, whole grey levels, and targets in turn."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import MPGD, PGD
from tf_lowdef.attacks.mpgd import LAST_STEP, step_sizes


@pytest.mark.parametrize(
    ("epsilon", "steps", "expected"),
    [(4, 4, [2, 2, 1, 1]), (8, 4, [4, 3, 2, 1]), (1, 3, [1, 1, 1]), (2, 1, [1])],
)
def test_steps_are_whole_and_get_shorter(epsilon, steps, expected):
    assert step_sizes(epsilon, steps) == expected


def test_steps_in_l2_go_from_side_to_side_first():
    sizes = step_sizes(100.0, 4, "L2")
    assert sizes[0] == 200
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] > 100 * LAST_STEP
    assert MPGD(0.5, steps=4, norm="l2").actual_step_size == pytest.approx(1.0)


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 4), ("l2", 0.5)])
def test_it_fools_more_than_pgd_with_fewer_passes(task, norm, epsilon):
    ours = MPGD(epsilon, steps=20, classes=3, norm=norm)(task.model, task.images, task.labels, batch_size=50)
    theirs = PGD(epsilon, steps=20, keep="best", norm=norm)(task.model, task.images, task.labels, batch_size=50)
    assert ours.success.sum() >= theirs.success.sum()
    assert ours.queries.sum() < theirs.queries.sum()


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 4), ("l2", 0.5)])
def test_points_are_judged_by_the_gradients_own_pass(task, norm, epsilon):
    asked = []

    def model(x):
        asked.append(int(x.shape[0] or 0))
        return task.model(x)

    passes = tf.Variable(0)

    def counted(x):
        passes.assign_add(1)
        return model(x)

    result = MPGD(epsilon, steps=5, norm=norm)(counted, task.images[:8], task.labels[:8], batch_size=8)
    # the clean pass, five gradients, the last point, and the base's own judgement
    assert int(passes) <= 8
    assert (result.queries <= 6).all()


def test_an_image_is_attacked_no_further_once_it_is_fooled(task):
    result = MPGD(8, steps=30)(task.model, task.images, task.labels, batch_size=50)
    assert result.success.mean() > 0.5
    assert result.queries[result.success].mean() < 15
    assert (result.queries[~result.success] == 31).all()


def test_what_draws_is_walked_to_the_end(task):
    class Drawing:
        draws_anew = True

        def __call__(self, x):
            return task.model(x)

    result = MPGD(8, steps=5)(Drawing(), task.images[:10], task.labels[:10], batch_size=10)
    assert (result.queries == 6).all()


def test_targets_find_what_the_margin_alone_does_not(task):
    alone = MPGD(3, steps=10)(task.model, task.images, task.labels, batch_size=50)
    aimed = MPGD(3, steps=10, classes=3)(task.model, task.images, task.labels, batch_size=50)
    assert (aimed.success | ~alone.success).all()
    assert aimed.success.sum() >= alone.success.sum()
    assert np.abs(aimed.images.astype(int) - task.images).max() <= 3
