"""The Square attack: its schedule, its queries, and that it needs no gradient."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import BIM, Square
from tf_lowdef.attacks.square import area, square_side
from tf_lowdef.attacks.squares import bump, pair


def test_the_schedule_is_the_papers_stretched():
    assert [area(query, 10_000, 0.8) for query in (0, 10, 11, 51, 8001)] == [0.8, 0.8, 0.4, 0.2, 0.8 / 512]
    assert [area(query, 100, 0.8) for query in (0, 1, 81)] == [0.8, 0.2, 0.8 / 512]


def test_squares_fit():
    assert square_side(1.0, (224, 224)) == 223
    assert square_side(0.05, (224, 224)) == 50
    assert square_side(0.0001, (16, 16)) == 1
    assert square_side(1.0, (1, 40)) == 1
    assert square_side(1.0, (10, 40)) == 9


def test_a_masked_gradient_hides_nothing_from_it(task):
    @tf.custom_gradient
    def masked(x):
        return tf.identity(x), tf.zeros_like

    def model(x):
        return task.model(masked(x))

    images, labels = task.images[:20], task.labels[:20]
    blind = BIM(10)(model, images, labels)
    assert blind.zero_gradient.all()
    assert not blind.success.any()
    square = Square(10, queries=200)
    result = square(model, images, labels)
    assert result.success.mean() > 0.6
    np.testing.assert_array_equal(result.images, square(task.model, images, labels).images)


def test_queries_are_those_that_the_model_was_asked(task):
    asked = tf.Variable(0)

    def model(x):
        asked.assign_add(tf.shape(x)[0])
        return task.model(x)

    images, labels = task.images[:20], task.labels[:20]
    result = Square(6, queries=50)(model, images, labels, batch_size=20)
    assert 0 < result.success.sum() < 20
    assert int(asked) == result.queries.sum() + 2 * 20  # the clean images, and the judge
    assert (result.queries[~result.success] == 50).all()
    assert (result.queries[result.success] < 50).any()


def test_more_queries_are_stronger_and_the_margin_only_falls(task):
    short, long = (Square(6, queries=n)(task.model, task.images, task.labels, batch_size=100) for n in (1, 200))
    assert long.success.sum() > short.success.sum() + 10
    logits = [task.model(result.images.astype("float32")).numpy() for result in (short, long)]
    true = np.eye(4, dtype=bool)[task.labels]
    margins = [np.where(true, -np.inf, z).max(1) - z[true] for z in logits]
    assert (margins[1] >= margins[0] - 1e-4)[~short.success].all()


def test_the_first_query_is_stripes(task):
    result = Square(5, queries=1)(task.model, task.images[:4], task.labels[:4])
    difference = result.images.astype(int) - task.images[:4]
    assert (abs(difference) == 5).all()
    assert (difference == difference[:, :1]).all()
    assert 0.3 < (difference > 0).mean() < 0.7


def test_it_follows_from_the_image_and_the_seed(task):
    images, labels = task.images[:6], task.labels[:6]
    attack = Square(5, queries=30)
    first, other = (attack(task.model, images, labels, seed=seed) for seed in (0, 1))
    turned = attack(task.model, images[::-1], labels[::-1], batch_size=4)
    np.testing.assert_array_equal(first.images, turned.images[::-1])
    np.testing.assert_array_equal(first.queries, turned.queries[::-1])
    assert (first.images != other.images).mean() > 0.1


def test_what_is_wrong_already_costs_nothing(task):
    wrong = (task.labels[:4] + 1) % 4
    result = Square(8)(task.model, task.images[:4], wrong)
    assert result.success.all()
    assert not result.queries.any()
    np.testing.assert_array_equal(result.images, task.images[:4])


def test_targets_are_reached(task):
    result = Square(24, queries=300, targeted=True)(task.model, task.images[:20], task.labels[:20])
    np.testing.assert_array_equal(result.success, result.predictions == result.targets)
    assert result.success.mean() > 0.6


def test_bumps_are_the_papers():
    found = bump(5, 5)
    assert np.square(found).sum() == pytest.approx(1)
    rings = found / found[0, 0] / 9  # corners are in the last ring alone, which weighs 1 / 9
    np.testing.assert_allclose([rings[2, 2], rings[2, 1], rings[2, 0]], [1 + 1 / 4 + 1 / 9, 1 / 4 + 1 / 9, 1 / 9])
    for turned in (False, True):
        both = pair(7, turned)
        assert np.square(both).sum() == pytest.approx(1)
        assert (np.sign(both.T if turned else both) == np.repeat([1, -1], [3, 4])[:, None]).all()


def test_l2_spends_its_radius_and_stays_inside(task):
    images, labels = task.images[:40], task.labels[:40]
    short, long = (Square(0.4, queries=n, norm="l2")(task.model, images, labels, batch_size=40) for n in (1, 120))
    assert long.success.sum() > short.success.sum() + 5
    norms = np.sqrt(np.square(long.images.astype(np.int64) - images).sum((1, 2, 3)))[~long.success] / 255
    assert (norms <= 0.4).all()
    assert (norms > 0.38).all()
    again = Square(0.4, queries=120, norm="l2")(task.model, images[::-1], labels[::-1])
    np.testing.assert_array_equal(long.images, again.images[::-1])


@pytest.mark.parametrize(("name", "value"), [("queries", 0), ("p_init", 0.0), ("p_init", 1.5), ("epsilon", 300)])
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        Square(**{name: value})
