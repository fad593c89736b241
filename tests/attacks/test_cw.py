"""Carlini and Wagner's attack: smallest norm, confidence, and rounding."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import CW, DeepFool
from tf_lowdef.attacks.cw import Adam

QUICK = {"steps": 40, "binary_search_steps": 5, "initial_const": 1.0}


def median(values, success):
    return np.median(np.where(success, values, np.inf))


def test_adam_is_keras_own(task):
    rng = np.random.default_rng(0)
    start, slopes = rng.normal(size=(3, 4)).astype("float32"), rng.normal(size=(5, 3, 4)).astype("float32")
    ours, variable = Adam(start.copy(), 0.01), tf.Variable(start)
    theirs = tf.keras.optimizers.Adam(0.01, epsilon=1e-8)
    for slope in slopes:
        ours.step(slope)
        theirs.apply_gradients([(tf.constant(slope), variable)])
    np.testing.assert_allclose(ours.variable, variable.numpy(), atol=1e-6)


@pytest.fixture(scope="module")
def rounded(task):
    return CW(**QUICK)(task.model, task.images[:40], task.labels[:40], batch_size=40)


def test_nearer_than_deepfool(task, rounded):
    other = DeepFool()(task.model, task.images[:40], task.labels[:40], batch_size=40)
    assert rounded.success.all()
    assert median(rounded.l2, rounded.success) < 0.9 * median(other.l2, other.success)
    np.testing.assert_array_equal(rounded.float_success, rounded.success)
    np.testing.assert_allclose(rounded.float_l2, rounded.l2, rtol=1e-6)
    assert (rounded.steps == 40 * 5).all()


def test_eight_bits_undo_the_original(task, rounded):
    attack = CW(**QUICK, survive_rounding=False)
    result = attack(task.model, task.images[:40], task.labels[:40], batch_size=40)
    assert result.float_success.all()
    assert not result.success.all()
    assert np.median(result.float_l2) <= 1.05 * np.median(rounded.l2)


def test_the_constant_does_not_fall_because_first_steps_are_long(task, rounded):
    # At this rate Adam's first step is several grey levels in every pixel, and fools whatever c is.
    attack = CW(**QUICK | {"learning_rate": 0.05})
    result = attack(task.model, task.images[:40], task.labels[:40], batch_size=40)
    assert np.median(result.l2) < 1.2 * np.median(rounded.l2)


def test_more_values_of_c_are_nearer(task):
    images, labels = task.images[:20], task.labels[:20]
    few, more = (CW(steps=30, binary_search_steps=n)(task.model, images, labels, batch_size=20) for n in (3, 7))
    assert more.success.all()
    assert (more.l2 <= few.l2)[few.success].all()
    assert (more.l2 < few.l2)[few.success].any() or not few.success.all()


def test_confidence_is_a_margin(task):
    images, labels = task.images[:20], task.labels[:20]
    result = CW(**QUICK, confidence=2.0)(task.model, images, labels)
    logits = task.model(result.images.astype("float32")).numpy()
    true = np.eye(4, dtype=bool)[labels]
    margins = np.where(true, -np.inf, logits).max(1) - logits[true]
    assert result.success.all()
    assert margins.min() >= 2 - 1e-4
    assert (result.l2 > CW(**QUICK)(task.model, images, labels).l2).all()


def test_targets_are_reached(task):
    images, labels = task.images[:20], task.labels[:20]
    result = CW(**QUICK, targeted=True)(task.model, images, labels)
    assert (result.predictions == result.targets).mean() > 0.9
    np.testing.assert_array_equal(result.success, result.predictions == result.targets)
    assert result.l2.mean() > CW(**QUICK)(task.model, images, labels).l2.mean()


def test_what_is_wrong_already_or_cannot_be_fooled_comes_back(task):
    images, labels = task.images[:4], (task.labels[:4] + 1) % 4
    wrong = CW(**QUICK)(task.model, images, labels)
    assert wrong.success.all()
    assert not wrong.queries.any()
    np.testing.assert_array_equal(wrong.images, images)
    weak = CW(steps=3, binary_search_steps=1, initial_const=1e-6)(task.model, images, task.labels[:4])
    assert not weak.success.any()
    np.testing.assert_array_equal(weak.images, images)
    assert (weak.queries == 3).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("binary_search_steps", 0), ("learning_rate", -1), ("confidence", -0.5), ("survive_rounding", 1)],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        CW(**{name: value})
