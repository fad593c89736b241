"""FGSM, BIM, PGD and MIM against cleverhans itself, and cleverhans' habits."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from cleverhans.tf2.attacks.basic_iterative_method import basic_iterative_method
from cleverhans.tf2.attacks.momentum_iterative_method import momentum_iterative_method
from cleverhans.tf2.attacks.projected_gradient_descent import projected_gradient_descent

from tf_lowdef.attacks import BIM, FGSM, MIM, PGD


def test_fgsm_moves_every_pixel_by_epsilon_up_the_loss(task):
    x, y = task.images[:8], task.labels[:8]
    result = FGSM(3)(task.model, x, y, batch_size=8)
    pixels = tf.constant(x, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, task.model(pixels))
    expected = np.clip(x + 3 * np.sign(tape.gradient(loss, pixels).numpy()), 0, 255)
    assert (result.images != expected).mean() < 1e-3


def test_bim_is_cleverhans_own(task):
    x, y = task.images[:8].astype("float32"), task.labels[:8]
    result = BIM(4, steps=7)(task.model, x, y, batch_size=8)
    own = basic_iterative_method(
        task.model, tf.constant(x), 4.0, 1.0, 7, np.inf, clip_min=0.0, clip_max=255.0, y=y, sanity_checks=False
    )
    assert (result.images != np.rint(own)).mean() < 1e-3


@pytest.mark.parametrize(
    "attack", [BIM(2, step_size=5), MIM(2, step_size=5), PGD(2, step_size=5, steps=2), PGD(2, steps=1)]
)
def test_a_step_may_exceed_epsilon(task, attack):
    result = attack(task.model, task.images[:4], task.labels[:4], batch_size=4)
    assert result.linf.tolist() == [2, 2, 2, 2]


def test_pgd_starts_at_random_by_seed_and_image(task):
    images, labels = task.images[:3], task.labels[:3]
    attack = PGD(8, step_size=0, steps=1)
    first = attack(task.model, images, labels, batch_size=4, seed=0)
    other = attack(task.model, images, labels, batch_size=4, seed=1)
    turned = attack(task.model, images[::-1], labels[::-1], batch_size=4, seed=0)
    np.testing.assert_array_equal(first.images, turned.images[::-1])
    assert (first.images != other.images).mean() > 0.5
    noise = first.images.astype(int) - images
    assert abs(noise).max() == 8
    assert abs(noise.mean()) < 0.5
    assert noise.std() == pytest.approx(16 / np.sqrt(12), rel=0.05)


def test_pgd_is_as_strong_as_cleverhans(task):
    x, y = task.images.astype("float32"), task.labels
    ours = PGD(4, steps=20)(task.model, x, y, batch_size=50)
    tf.random.set_seed(0)
    own = projected_gradient_descent(
        task.model, tf.constant(x), 4.0, 0.5, 20, np.inf, clip_min=0.0, clip_max=255.0, y=y, rand_init=True
    )
    theirs = task.model(np.rint(own)).numpy().argmax(1) != y
    assert abs(int(ours.success.sum()) - int(theirs.sum())) <= 4


def test_the_model_is_traced_once_for_logits_and_once_for_gradients(task):
    traced = []

    def model(x):
        traced.append(x.shape)
        return task.model(x)

    for attack in (FGSM(1), FGSM(4), BIM(4, targeted=True), PGD(4, steps=3, restarts=2, keep="best"), MIM(4)):
        for batch_size in (4, 7):
            attack(model, task.images[:10], task.labels[:10], batch_size=batch_size)
    assert len(traced) == 2


def test_mim_is_cleverhans_own(task):
    x, y = task.images[:8].astype("float32"), task.labels[:8]
    result = MIM(4, steps=7)(task.model, x, y, batch_size=8)
    box = {"clip_min": 0.0, "clip_max": 255.0, "sanity_checks": False}
    own = momentum_iterative_method(task.model, tf.constant(x), 4.0, 1.0, 7, np.inf, y=y, **box)
    assert (result.images != np.rint(own)).mean() < 1e-3


def test_restarts_never_lose_and_spare_the_fooled(task):
    x, y = task.images, task.labels
    # Two short steps from a wide start, so that the start decides.
    attacks = (PGD(8, step_size=1.5, steps=2, restarts=restarts) for restarts in (1, 3))
    one, three = (attack(task.model, x, y, batch_size=50) for attack in attacks)
    assert 5 < one.success.sum() < 95
    assert three.success.sum() > one.success.sum()
    assert (three.success | ~one.success).all()
    np.testing.assert_array_equal(three.steps[one.success], 2)
    assert (three.steps[~three.success] == 6).all()
    assert (three.queries == three.steps + three.steps // 2).all()  # and one to judge each round


BAD = {
    "epsilon": (lambda: FGSM(-1), "epsilon=-1"),
    "epsilon above white": (lambda: BIM(256), "epsilon=256"),
    "epsilon nan": (lambda: BIM(float("nan")), "epsilon=nan"),
    "steps": (lambda: BIM(4, steps=0), "steps=0"),
    "step size": (lambda: PGD(4, step_size=-1), "step_size=-1"),
    "restarts": (lambda: PGD(4, restarts=0), "restarts=0"),
    "keep": (lambda: BIM(4, keep="first"), "last, best.*keep='first'"),
    "targeted": (lambda: FGSM(4, targeted=1), "targeted=1"),
    "decay": (lambda: MIM(4, decay=-0.5), "decay=-0.5"),
}


@pytest.mark.parametrize(("make", "message"), BAD.values(), ids=BAD)
def test_bad_parameters(make, message):
    with pytest.raises(ValueError, match=message):
        make()
