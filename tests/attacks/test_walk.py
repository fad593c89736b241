"""Targets, and which point of a walk is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import BIM, FGSM, MIM, PGD
from tf_lowdef.attacks.walk import Keeper

SMALL = {"fgsm": FGSM(4), "bim": BIM(4, steps=5), "pgd": PGD(4, steps=5), "mim": MIM(4, steps=5)}
every_walk = pytest.mark.parametrize("attack", SMALL.values(), ids=SMALL)


def cross_entropy(model, images, labels):
    logits = model(images.astype("float32")).numpy().astype(float)
    return -(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))[np.arange(len(labels)), labels]


@every_walk
def test_best_is_never_worse_than_last(task, attack):
    x, y = task.images, task.labels
    last = attack(task.model, x, y, batch_size=50)
    best = replace(attack, keep="best")(task.model, x, y, batch_size=50)
    assert (best.success | ~last.success).all()
    same = best.success == last.success
    assert (best.loss_end[same] >= last.loss_end[same] - 1e-4).all()
    # in whole steps from the clean image, the model is asked once more for the last point alone
    np.testing.assert_array_equal(best.queries, 2 * last.queries if attack.name == "pgd" else last.queries + 1)


def test_a_pass_less_finds_the_same(task, monkeypatch):
    attack, asked = BIM(4, keep="best"), Keeper.offer
    once = attack(task.model, task.images, task.labels)
    monkeypatch.setattr(Keeper, "offer", lambda self, indices, points, _: asked(self, indices, points))
    twice = attack(task.model, task.images, task.labels)
    assert (once.queries < twice.queries).all()
    np.testing.assert_array_equal(once.images, twice.images)


def test_best_finds_what_the_last_point_lost(task):
    # Of two steps of twice epsilon, where the second goes back wherever the gradient has turned.
    attack = BIM(3, step_size=6, steps=6)
    last, best = (replace(attack, keep=keep)(task.model, task.images, task.labels) for keep in ("last", "best"))
    assert best.success.sum() > last.success.sum()


@every_walk
def test_a_targeted_attack_is_judged_by_its_target(task, attack):
    x, y = task.images, task.labels
    strong = replace(attack, epsilon=12.0, targeted=True)
    result = strong(task.model, x, y, batch_size=50, seed=1)
    np.testing.assert_array_equal(result.success, result.predictions == result.targets)
    assert (result.targets != y).all()
    assert set(result.targets) == {0, 1, 2, 3}
    untargeted = replace(attack, epsilon=12.0)(task.model, x, y, batch_size=50, seed=1)
    assert result.success.mean() > (untargeted.predictions == result.targets).mean()
    assert result.success.mean() > 0.3
    np.testing.assert_allclose(result.loss_end, -cross_entropy(task.model, result.images, result.targets), atol=1e-4)


def test_targets_are_drawn_by_seed_and_image_alone(task):
    attack = FGSM(4, targeted=True)
    x, y = task.images, task.labels
    first = attack(task.model, x, y, batch_size=32)
    turned = attack(task.model, x[::-1], y[::-1], batch_size=7)
    np.testing.assert_array_equal(first.targets, turned.targets[::-1])
    assert (attack(task.model, x, y, seed=1).targets != first.targets).mean() > 0.3


def test_targets_may_be_given(task):
    targets = (task.labels[:6] + 1) % 4
    result = BIM(20, targeted=True)(task.model, task.images[:6], task.labels[:6], targets=targets)
    np.testing.assert_array_equal(result.targets, targets)
    assert (result.predictions == targets).all()


BAD_TARGETS = {
    "untargeted": (FGSM(4), np.array([1, 0]), ValueError, "targeted=True"),
    "the true class": (FGSM(4, targeted=True), np.array([1, 1]), ValueError, "Received: 1 for image 1"),
    "too high": (FGSM(4, targeted=True), np.array([1, 4]), ValueError, r"`targets` must lie in 0\.\.3"),
    "too few": (FGSM(4, targeted=True), np.array([1]), ValueError, r"\(1,\)"),
    "floats": (FGSM(4, targeted=True), np.array([1.5, 0.0]), ValueError, "whole numbers"),
}


@pytest.mark.parametrize(("attack", "targets", "error", "message"), BAD_TARGETS.values(), ids=BAD_TARGETS)
def test_bad_targets(task, attack, targets, error, message):
    with pytest.raises(error, match=message):
        attack(task.model, task.images[:2], np.array([0, 1]), targets=targets)


def test_the_loss_is_told_before_and_after(task):
    x, y = task.images[:20], task.labels[:20]
    result = BIM(4)(task.model, x, y)
    np.testing.assert_allclose(result.loss_start, cross_entropy(task.model, x, y), atol=1e-4)
    np.testing.assert_allclose(result.loss_end, cross_entropy(task.model, result.images, y), atol=1e-4)
    assert (result.loss_end > result.loss_start).all()


def test_a_gradient_with_nan_in_one_place_still_attacks_the_others(task):
    @tf.custom_gradient
    def partly(x):
        mask = tf.one_hot(3, 16)[None, :, None, None]
        return tf.identity(x), lambda upstream: tf.where(mask > 0, np.nan, upstream)

    result = BIM(8)(lambda x: task.model(partly(x)), task.images[:6], task.labels[:6])
    assert result.nonfinite_gradient.all()
    assert not result.zero_gradient.any()
    assert result.success.any()
    np.testing.assert_array_equal(result.images[:, 3], task.images[:6, 3])


def test_a_randomised_model_draws_anew_in_every_pass(task):
    step = tf.Variable(0, dtype=tf.int64)

    def model(x):
        step.assign_add(1)
        noise = tf.random.stateless_normal(tf.shape(x), tf.stack([7, step]), 0.0, 4.0)
        return task.model(x + noise)

    attack = PGD(8, steps=4, restarts=2, keep="best")
    result = attack(model, task.images[:10], task.labels[:10], batch_size=10)
    # The clean pass, four gradients and four judgements for each restart, and the last pass.
    assert int(step) in (2 + 8, 2 + 16)
    assert result.success.any()
