"""DeepFool against the closed form on a linear model, and what it costs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import DeepFool, deepfool

OVERSHOOT = 0.02


class Linear:
    """Logits from whole weights: on whole pixels every sum is exact in float32, in whatever order it is taken."""

    def __init__(self, classes: int = 6, size: int = 8 * 8 * 3) -> None:
        rng = np.random.default_rng(1)
        self.weights = rng.integers(-3, 4, (size, classes)).astype("float32")
        self.bias = rng.integers(-50, 50, classes).astype("float32")

    def __call__(self, x):
        return tf.reshape(x, [tf.shape(x)[0], len(self.weights)]) @ self.weights + self.bias

    def closest(self, x):
        """The smallest perturbation of each image to any other class's boundary."""
        flat = x.reshape(len(x), -1).astype(float)
        logits = flat @ self.weights + self.bias
        found = []
        for row in logits:
            own = row.argmax()
            normals = (self.weights - self.weights[:, own : own + 1]).T.astype(float)
            squares = np.maximum((normals**2).sum(1), 1e-9)
            ratios = np.where(np.arange(len(row)) == own, np.inf, abs(row - row[own]) / np.sqrt(squares))
            rival = ratios.argmin()
            found.append(abs(row[rival] - row[own]) / squares[rival] * normals[rival])
        return np.reshape(found, x.shape)


@pytest.fixture(scope="module")
def linear():
    return Linear()


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).integers(100, 156, (7, 8, 8, 3)).astype("float32")


def test_closed_form(linear, images):
    adversarial = deepfool(linear, images, overshoot=OVERSHOOT, clip_min=0, clip_max=255).numpy()
    np.testing.assert_allclose(adversarial, images + (1 + OVERSHOOT) * linear.closest(images), atol=1e-4)
    assert (linear(adversarial).numpy().argmax(1) != linear(images).numpy().argmax(1)).all()


def test_closed_form_of_the_attack(linear, images):
    labels = linear(images).numpy().argmax(1)
    result = DeepFool(OVERSHOOT, survive_rounding=False)(linear, images, labels)
    expected = (1 + OVERSHOOT) * np.sqrt((linear.closest(images) ** 2).sum((1, 2, 3))) / 255
    np.testing.assert_allclose(result.float_l2, expected, rtol=1e-4)
    assert result.float_success.all()
    assert result.steps.tolist() == [1] * 7


@pytest.mark.parametrize("attack", [DeepFool(), DeepFool(survive_rounding=False)])
def test_a_batch_of_one_equals_the_image_in_a_batch(linear, images, attack):
    labels = linear(images).numpy().argmax(1)
    together = attack(linear, images, labels, batch_size=7)
    floats = deepfool(linear, images).numpy()
    for i in range(len(images)):
        alone = attack(linear, images[i : i + 1], labels[i : i + 1], batch_size=1)
        np.testing.assert_array_equal(alone.images[0], together.images[i])
        assert alone.float_l2[0] == together.float_l2[i]
        np.testing.assert_array_equal(deepfool(linear, images[i : i + 1]).numpy()[0], floats[i])


def test_one_candidate_fewer_misses_the_nearest(linear, images):
    norms = [np.linalg.norm(deepfool(linear, images, nb_candidate=k).numpy() - images) for k in (2, 6)]
    assert norms[0] >= norms[1]


def test_any_shape_of_input(linear, images):
    flat = images.reshape(7, -1)
    np.testing.assert_array_equal(deepfool(linear, flat).numpy(), deepfool(linear, images).numpy().reshape(7, -1))
    assert deepfool(linear, flat[:0]).shape == (0, 192)


def test_the_box_is_kept(linear, images):
    result = deepfool(linear, images, clip_min=100.0, clip_max=155.0).numpy()
    assert result.min() >= 100
    assert result.max() <= 155


def test_on_the_boundary_it_still_crosses():
    def model(x):
        return tf.stack([x[:, 0], x[:, 1]], axis=1)

    adversarial = deepfool(model, np.array([[0.5, 0.5]])).numpy()
    assert model(adversarial).numpy().argmax() == 1


def test_rival_logits_that_are_not_finite_are_passed_over(linear, images):
    def model(x):
        return tf.concat([linear(x), tf.fill([tf.shape(x)[0], 1], -np.inf)], axis=1)

    np.testing.assert_array_equal(deepfool(model, images).numpy(), deepfool(linear, images).numpy())


def test_misclassified_images_come_back_unchanged(linear, images):
    labels = linear(images).numpy().argmax(1)
    labels[2] = (labels[2] + 1) % 6
    result = DeepFool()(linear, images, labels)
    np.testing.assert_array_equal(result.images[2], images[2])
    assert result.success.all()
    assert result.l2[2] == result.steps[2] == result.queries[2] == 0
    assert (np.delete(result.l2, 2) > 0).all()


def test_success_survives_rounding(task):
    surviving = DeepFool()(task.model, task.images, task.labels)
    plain = DeepFool(survive_rounding=False)(task.model, task.images, task.labels)
    assert surviving.success.all()
    assert plain.float_success.all()
    assert not plain.success.all()
    assert np.median(surviving.l2) < 1.5 * np.median(plain.float_l2)


def test_finished_images_leave_the_batch(task):
    asked = tf.Variable(0, dtype=tf.int64)

    def model(x):
        asked.assign_add(tf.shape(x, tf.int64)[0])
        return task.model(x)

    result = DeepFool(survive_rounding=False)(model, task.images[:30], task.labels[:30], batch_size=32)
    judged = 3 * 32  # clean, rounded, floats
    assert asked.numpy() == result.queries.sum() + judged
    assert len(set(result.steps.tolist())) > 1
    np.testing.assert_array_equal(result.queries, 2 * result.steps)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nb_candidate": 1}, "nb_candidate=1"),
        ({"max_iter": 0}, "max_iter=0"),
        ({"overshoot": -0.1}, "overshoot=-0.1"),
    ],
)
def test_bad_parameters(linear, images, change, message):
    with pytest.raises(ValueError, match=message):
        deepfool(linear, images, **change)


@pytest.mark.parametrize("change", [{"steps": 0}, {"candidates": 1}, {"overshoot": -1}, {"survive_rounding": "no"}])
def test_bad_parameters_of_the_attack(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        DeepFool(**change)
