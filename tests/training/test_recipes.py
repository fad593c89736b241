"""Each recipe against its paper's formula, worked out by hand on a linear classifier."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.training.recipes import RECIPES, Step, parse_recipe
from tf_lowdef.training.recipes.recipe import Divergence
from tf_lowdef.webp.pillow import roundtrip

SEED = tf.constant([5, 9], tf.int64)


def step_of(model, images, labels):
    return Step(tf.constant(images), tf.constant(labels), lambda x, number: model(x, training=False), SEED)


def uphill(weights, labels):
    """The sign of the gradient of the cross-entropy: towards the other class."""
    return np.sign(weights)[None] * np.where(labels == 0, 1.0, -1.0)[:, None, None, None]


def within(points, images, epsilon):
    return np.clip(np.clip(points, images - epsilon, images + epsilon), 0, 255)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def test_fgsm_rs_is_one_step_of_five_quarters_from_a_random_point(linear, pixels):
    (model, weights), (images, labels) = linear, pixels
    step = step_of(model, images, labels)
    (found,) = parse_recipe("fgsm-rs:4").views(step)
    start = within(images + step.uniform(4.0).numpy(), images, 4)
    np.testing.assert_allclose(found, within(start + 5 * uphill(weights, labels), images, 4), atol=1e-4)
    assert abs(found.numpy() - images).max() <= 4
    assert found.numpy().min() >= 0
    assert found.numpy().max() <= 255
    assert len(np.unique(step.uniform(4.0).numpy().round(2))) > 100


def test_pgd_ends_in_the_corner_of_the_ball(linear, pixels):
    (model, weights), (images, labels) = linear, pixels
    (found,) = parse_recipe("pgd:4,steps=9").views(step_of(model, images, labels))
    np.testing.assert_allclose(found, within(images + 4 * uphill(weights, labels), images, 4), atol=1e-4)
    (short,) = parse_recipe("pgd:4,steps=1").views(step_of(model, images, labels))
    assert abs(short - found).numpy().max() > 1


def test_trades_weighs_clean_loss_and_divergence(linear, pixels):
    (model, _), (images, labels) = linear, pixels
    recipe = parse_recipe("trades:4,beta=3,steps=2")
    clean, attacked = recipe.views(step_of(model, images, labels))
    np.testing.assert_array_equal(clean, images)
    assert 0 < abs(attacked - images).numpy().max() <= 4
    logits = [model(view).numpy() for view in (clean, attacked)]
    p, q = map(log_softmax, logits)
    divergence = (np.exp(p) * (p - q)).sum(axis=1)
    assert divergence.mean() > 0

    def own(labels, logits, weights):
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))

    expected = -p[np.arange(6), labels].mean() + 3 * divergence.mean()
    np.testing.assert_allclose(recipe.loss(own, labels, tuple(logits), None), expected, rtol=1e-4)
    weights = np.arange(6, dtype=np.float32)
    weighted = Divergence()(logits[0], logits[1], sample_weight=weights)
    np.testing.assert_allclose(weighted, (weights * divergence).mean(), rtol=1e-4)


def test_trades_climbs_the_divergence(linear, pixels):
    (model, _), (images, labels) = linear, pixels

    def gap(steps):
        clean, attacked = parse_recipe(f"trades:4,steps={steps}").views(step_of(model, images, labels))
        return Divergence()(model(clean), model(attacked)).numpy()

    assert gap(1) < gap(5)


def test_vaccinate_shows_what_webp_leaves(pixels):
    images, labels = np.repeat(np.repeat(pixels[0], 4, axis=1), 4, axis=2), pixels[1]
    (found,) = parse_recipe("vaccinate:60-60").views(step_of(None, images, labels))
    np.testing.assert_array_equal(found, roundtrip(images.astype(np.uint8), 60))
    (found,) = parse_recipe("vaccinate:20-90").views(step_of(None, images, labels))
    by_quality = np.stack([roundtrip(images.astype(np.uint8), quality) for quality in range(20, 91)])
    same = (by_quality == found.numpy()[None]).all(axis=(2, 3, 4))
    assert same.any(axis=0).all()
    assert same.all(axis=1).sum() == 0  # not one quality for all


def test_noise_is_normal_and_not_clipped(pixels):
    images, labels = np.zeros((4, 40, 40, 3), np.float32), pixels[1][:4]
    (found,) = parse_recipe("noise:0.1").views(step_of(None, images, labels))
    assert found.numpy().std() == pytest.approx(25.5, rel=0.02)
    assert abs(found.numpy().mean()) < 1
    assert found.numpy().min() < -50


@pytest.mark.parametrize(
    "spec",
    ["fgsm-rs:4", "fgsm-rs:8,step_size=1", "pgd:2,steps=10", "trades:4,beta=1", "vaccinate:20-90", "noise:0.25"],
)
def test_a_specification_says_all(spec):
    assert parse_recipe(spec).spec == spec


def test_every_recipe_has_defaults_and_a_count_of_its_passes():
    for name, recipe in RECIPES.items():
        made = recipe()
        assert parse_recipe(made.spec) == made
        assert made.name == name
        assert made.passes >= 1
    assert RECIPES["fgsm-rs"]().passes == 2
    assert parse_recipe("pgd:4,steps=7").passes == 8


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("fgsm", "Did you mean 'fgsm-rs'"),
        ("fgsm-rs:0.03", "`epsilon` is in grey levels of 255"),
        ("pgd:4,steps=0", "`steps` must be"),
        ("trades:4,beta=-1", "`beta` must be"),
        ("vaccinate:80-40", "`quality`"),
        ("vaccinate:60", "'quality' of 'vaccinate' must be range"),
        ("noise:0", "`sigma` must be"),
        ("noise:25", "`sigma` must be"),
        ("fgsm-rs:4,step=1", "has no 'step'"),
    ],
)
def test_a_wrong_specification_says_what_is_wrong(spec, message):
    with pytest.raises(ValueError, match=message):
        parse_recipe(spec)


def test_a_gradient_that_is_no_number_moves_nothing(linear, pixels):
    (model, _), (images, labels) = linear, pixels
    step = Step(tf.constant(images), tf.constant(labels), lambda x, number: model(x) * np.nan, SEED)
    (found,) = parse_recipe("pgd:4").views(step)
    assert np.isfinite(found).all()


def test_a_classifier_without_a_gradient_is_refused(linear, pixels):
    (model, _), (images, labels) = linear, pixels
    step = Step(tf.constant(images), tf.constant(labels), lambda x, number: model(tf.stop_gradient(x)), SEED)
    with pytest.raises(ValueError, match="no gradient"):
        parse_recipe("pgd:4").views(step)
