"""HopSkipJump: from labels alone, near the boundary, and never more queries than allowed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import HopSkipJump

every_norm = pytest.mark.parametrize("norm", ["Linf", "L2"])


@every_norm
def test_it_comes_near_the_boundary_and_survives_rounding(linear, norm):
    model = linear(3)
    found = HopSkipJump(queries=1200, norm=norm)(model, model.images, model.labels)
    assert found.success.all()
    size = found.linf if norm == "Linf" else 255 * found.l2
    assert (size >= model.nearest(norm)).all()
    assert (size <= 1.7 * model.nearest(norm) + 4).all(), (size, model.nearest(norm))


def test_labels_are_all_it_needs(linear):
    model = linear(2)

    def labels_only(x):
        return tf.one_hot(tf.argmax(model(x), axis=1), model.scores.shape[1])

    attack = HopSkipJump(queries=300)
    with pytest.warns(UserWarning, match="softmax"):
        found = attack(labels_only, model.images, model.labels)
    assert found.success.all()
    np.testing.assert_array_equal(found.images, attack(model, model.images, model.labels).images)


def test_queries_are_counted_and_never_exceeded(linear):
    model, asked = linear(3), tf.Variable(0)

    def counting(x):
        asked.assign_add(tf.shape(x)[0])
        return model(x)

    found = HopSkipJump(queries=400)(counting, model.images, model.labels, batch_size=3)
    assert (found.queries <= 400).all()
    assert (found.queries > 200).all()
    # besides those, the clean images, and twice the judge: of rounded and unrounded ones
    assert int(asked) == found.queries.sum() + 3 * 3


def test_more_queries_come_nearer_and_the_seed_decides(linear):
    model = linear(3)
    few, many, other = (
        HopSkipJump(queries=n, norm="l2")(model, model.images, model.labels, seed=seed)
        for n, seed in ((250, 0), (700, 0), (250, 1))
    )
    assert (many.l2 <= few.l2).all()
    assert (few.images != other.images).any()
    turned = HopSkipJump(queries=250, norm="l2")(model, model.images[::-1], model.labels[::-1], batch_size=2)
    np.testing.assert_array_equal(few.images, turned.images[::-1])


def test_a_model_that_no_noise_fools_is_left_alone(linear):
    model = linear(2)

    def one_class(x):
        return tf.stack([model(x)[:, 0] * 0 + 1, model(x)[:, 0] * 0], axis=1)

    with pytest.warns(UserWarning, match="softmax"):
        found = HopSkipJump()(one_class, model.images, np.zeros(2, int))
    assert not found.success.any()
    np.testing.assert_array_equal(found.images, model.images)
    assert (found.queries == 100).all()


@pytest.mark.parametrize(("name", "value"), [("queries", 0), ("first_samples", 1), ("norm", 2)])
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        HopSkipJump(**{name: value})
