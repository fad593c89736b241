"""Auto-PGD: the paper's schedule, its losses, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import APGDCE, APGDDLR, APGDT, BIM, PGD
from tf_lowdef.attacks.apgd import ApgdState, checkpoints
from tf_lowdef.attacks.losses import dlr, target_dlr

LOGITS = np.array([[5.0, 3.0, 2.0, 1.0], [1.0, 4.0, 2.0, -1.0]], np.float32)
LABELS = np.array([0, 0])
TARGETS = np.array([2, 1])
every_apgd = pytest.mark.parametrize("make", [APGDCE, APGDDLR, APGDT])


def test_checkpoints_are_the_papers():
    assert checkpoints(100) == [0, 22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(1) == [0, 1]


def test_losses_by_hand():
    np.testing.assert_allclose(dlr(LOGITS, LABELS, TARGETS), [-(5 - 3) / (5 - 2), -(1 - 4) / (4 - 1)], rtol=1e-6)
    expected = [-(5 - 2) / (5 - 1.5), -(1 - 4) / (4 - 0)]
    np.testing.assert_allclose(target_dlr(LOGITS, LABELS, TARGETS), expected, rtol=1e-6)
    np.testing.assert_allclose(dlr(1000 * LOGITS + 7, LABELS, TARGETS), dlr(LOGITS, LABELS, TARGETS), rtol=1e-5)


def make_state(losses):
    """Walk two images with given losses from 0 and return the state."""
    point = np.zeros((2, 1, 1, 3), np.float32)
    state = ApgdState(point, np.zeros(2, np.float32), point, 8.0)
    for number, loss in enumerate(losses, 1):
        state.move(point + number, np.array(loss, np.float32), point - number)
    return state


def test_the_step_is_halved_where_the_loss_rose_too_seldom():
    state = make_state([(1, 1), (2, 3), (3, 2), (4, 1)])
    state.check(4, 0.75)
    np.testing.assert_array_equal(state.size.ravel(), [8, 4])
    np.testing.assert_array_equal(state.here[:, 0, 0, 0], [4, 2])  # the second goes back to its best point
    np.testing.assert_array_equal(state.gradient[:, 0, 0, 0], [-4, -2])
    np.testing.assert_array_equal(state.loss, [4, 3])
    assert not state.rises.any()


def test_the_step_is_halved_where_the_best_stood_still_unless_it_was_just_halved():
    state = make_state([(4, 4), (1, 1)])
    state.check(2, 0.0)  # nothing rises less than never
    np.testing.assert_array_equal(state.size.ravel(), [8, 8])
    for size in (4, 4, 2):
        state.check(1, 0.0)
        np.testing.assert_array_equal(state.size.ravel(), [size, size])


@every_apgd
def test_it_is_at_least_as_strong_as_pgd(task, make):
    strong = make(4, steps=30)(task.model, task.images, task.labels, batch_size=100)
    plain = PGD(4, steps=30)(task.model, task.images, task.labels, batch_size=100)
    assert 0 < plain.success.sum() < 100
    assert strong.success.sum() >= plain.success.sum() - 2


def test_logits_too_large_for_the_cross_entropy(task):
    def model(x):
        return 1e5 * task.model(x)

    images, labels = task.images[:40], task.labels[:40]
    assert BIM(8)(model, images, labels).zero_gradient.mean() > 0.5
    assert APGDCE(8, steps=20)(model, images, labels).success.mean() < 0.7
    for attack in (APGDDLR(8, steps=20), APGDT(8, steps=20)):
        result = attack(model, images, labels)
        assert result.success.mean() > 0.95
        assert not result.zero_gradient.any()


@pytest.mark.parametrize("make", [APGDCE, APGDDLR])
def test_targets_are_reached(task, make):
    result = make(16, steps=30, targeted=True)(task.model, task.images[:40], task.labels[:40])
    np.testing.assert_array_equal(result.success, result.predictions == result.targets)
    assert result.success.mean() > 0.8


def test_rounds_spare_the_fooled_and_queries_are_counted(task):
    asked = tf.Variable(0)

    def model(x):
        asked.assign_add(tf.shape(x)[0])
        return task.model(x)

    images, labels = task.images[:40], task.labels[:40]
    result = APGDT(3, steps=10)(model, images, labels, batch_size=40)
    assert 0 < result.success.sum() < 40
    # A round is a look at the start, ten steps, and ten judgements; there are three other classes.
    assert set(result.queries[~result.success]) == {3 * 21}
    assert result.queries.min() == 21
    assert int(asked) == result.queries.sum() + 2 * 40


def test_few_classes(task):
    three, two = (lambda x, k=k: task.model(x)[:, :k] for k in (3, 2))
    images, labels = task.images[:8], task.labels[:8] % 2
    assert APGDDLR(8, steps=5)(three, images, labels).success.any()
    assert APGDCE(8, steps=5)(two, images, labels).success.any()
    for attack, model in ((APGDDLR(8), two), (APGDT(8), three), (APGDDLR(8, targeted=True), three)):
        with pytest.raises(ValueError, match=r"needs a model of [34] classes or more. Received: [23] outputs"):
            attack(model, images, labels)


def test_gradients_are_means_over_draws(linear):
    model, asked = linear(), tf.Variable(0)

    @tf.custom_gradient
    def noisy(x):
        return tf.identity(x), lambda upstream: upstream + tf.random.normal(tf.shape(x), stddev=0.02)

    def victim(x):
        asked.assign_add(tf.shape(x)[0])
        return model(noisy(x))

    tf.random.set_seed(0)
    ends = []
    for draws in (1, 32):
        asked.assign(0)
        result = APGDCE(2, steps=3, draws=draws, keep="last")(victim, model.images, model.labels, batch_size=6)
        assert int(asked) == result.queries.sum() + 2 * 6
        assert set(result.queries) == {4 * draws}
        ends.append(result.loss_end - result.loss_start)
    assert ends[1].mean() > 1.2 * ends[0].mean()


@pytest.mark.parametrize("make", [PGD, APGDCE, APGDDLR, APGDT])
def test_in_l2_more_is_stronger_and_stays_inside(task, make):
    images, labels = task.images[:40], task.labels[:40]
    weak, strong = (
        make(epsilon, steps=10, norm="l2")(task.model, images, labels, batch_size=40) for epsilon in (0.1, 0.4)
    )
    assert weak.success.sum() < strong.success.sum()
    assert strong.success.sum() > 20
    for result, epsilon in ((weak, 0.1), (strong, 0.4)):
        change = result.images.astype(np.int64) - images
        assert (np.square(change).sum((1, 2, 3)) <= (255 * epsilon) ** 2).all()
    assert make(0.4, norm="L2").describe()["norm"] == "L2"


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 0), ("restarts", 0), ("rho", 1.5), ("draws", 0), ("epsilon", -1), ("keep", "all"), ("targeted", 3)],
)
def test_bad_parameters(name, value):
    with pytest.raises(ValueError, match=f"{name}={value!r}"):
        APGDCE(**{name: value})
