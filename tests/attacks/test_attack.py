"""What every attack must get right, one row an attack."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tf_lowdef.attacks import (
    APGDCE,
    APGDDLR,
    APGDT,
    BIM,
    CW,
    FAB,
    FGSM,
    MIM,
    MPGD,
    PGD,
    Attack,
    DeepFool,
    HopSkipJump,
    Square,
)
from tf_lowdef.attacks.spec import ATTACKS

BOUNDED = {
    "fgsm": lambda epsilon: FGSM(epsilon),
    "bim": lambda epsilon: BIM(epsilon, steps=3),
    "pgd": lambda epsilon: PGD(epsilon, steps=3),
    "mim": lambda epsilon: MIM(epsilon, steps=3),
    "mpgd": lambda epsilon: MPGD(epsilon, steps=3, classes=1),
    "apgd-ce": lambda epsilon: APGDCE(epsilon, steps=5),
    "apgd-dlr": lambda epsilon: APGDDLR(epsilon, steps=5),
    "apgd-t": lambda epsilon: APGDT(epsilon, steps=3),
    "square": lambda epsilon: Square(epsilon, queries=60),
}
ROWS = {
    **{name: make(4.0) for name, make in BOUNDED.items()},
    "square": Square(8, queries=60),
    "bim best": BIM(steps=3, keep="best"),
    "bim targeted": BIM(8, steps=5, targeted=True),
    "pgd restarted": PGD(steps=2, restarts=2),
    "mpgd restarted": MPGD(8, steps=3, restarts=2, classes=2),
    "apgd-ce last": APGDCE(steps=5, keep="last"),
    "pgd l2": PGD(0.4, steps=3, norm="l2"),
    "apgd-ce l2": APGDCE(0.4, steps=3, norm="l2"),
    "square l2": Square(1, queries=60, norm="l2"),
    "mpgd l2": MPGD(0.4, steps=3, restarts=2, classes=1, norm="l2"),
    "fab": FAB(steps=4, classes=2),
    "fab l2 floats": FAB(steps=4, restarts=2, classes=2, norm="l2", survive_rounding=False),
    "hopskipjump": HopSkipJump(queries=200, norm="l2"),
    "cw": CW(steps=15, binary_search_steps=3, initial_const=1),
    "cw floats": CW(steps=15, binary_search_steps=3, initial_const=1, survive_rounding=False),
    "deepfool": DeepFool(steps=5),
    "deepfool floats": DeepFool(steps=5, survive_rounding=False),
}
MOST_PIXELS_MOVED_BY_NOISE = 0.01
"""Sign attacks amplify float noise: another batch size may change this part of the pixels."""

every_attack = pytest.mark.parametrize("attack", ROWS.values(), ids=ROWS)
gradient_attack = pytest.mark.parametrize(
    "attack", [pytest.param(attack, id=name) for name, attack in ROWS.items() if attack.needs_gradient]
)
bounded_attack = pytest.mark.parametrize("make", BOUNDED.values(), ids=BOUNDED)


def test_every_attack_has_a_row():
    assert {attack.name for attack in ROWS.values()} == set(ATTACKS)


@every_attack
def test_result_is_whole(task, attack: Attack):
    images, labels = task.images[:10], task.labels[:10]
    calls = []
    result = attack(task.model, images, labels, batch_size=4, progress=lambda *done: calls.append(done))
    assert calls == [(4, 10), (8, 10), (10, 10)]
    assert result.images.dtype == np.uint8
    assert result.images.shape == images.shape
    logits = task.model(result.images.astype("float32")).numpy()
    np.testing.assert_array_equal(result.predictions, logits.argmax(1))
    np.testing.assert_array_equal(
        result.success, logits.argmax(1) != labels if result.targets is None else logits.argmax(1) == result.targets
    )
    np.testing.assert_array_equal(result.clean_predictions, labels)
    difference = result.images.astype(float) - images
    np.testing.assert_allclose(result.l2, np.sqrt((difference**2).sum((1, 2, 3))) / 255, rtol=1e-6)
    np.testing.assert_array_equal(result.linf, abs(difference).max((1, 2, 3)))
    assert result.success.any()
    assert (result.queries >= result.steps).all()
    assert not result.zero_gradient.any()
    assert not result.nonfinite_gradient.any()
    assert (result.float_success is not None) == attack.minimal_norm


@bounded_attack
@settings(max_examples=15, deadline=None)
@given(
    epsilon=st.just(0.0) | st.floats(0.5, 60, width=32),
    images=hnp.arrays(np.uint8, (3, 16, 16, 3), elements=st.sampled_from([0, 1, 2, 100, 128, 254, 255])),
    seed=st.integers(0, 2**32),
)
def test_epsilon_and_box_are_never_exceeded(task, make, epsilon, images, seed):
    attack = make(epsilon)
    result = attack(task.model, images, np.array([0, 1, 2]), batch_size=4, seed=seed)
    difference = result.images.astype(int) - images.astype(int)
    assert abs(difference).max() <= attack.epsilon <= epsilon + 1e-5
    assert result.linf.max() == abs(difference).max()


@every_attack
@settings(max_examples=5, deadline=None)
@given(images=hnp.arrays(np.uint8, (3, 16, 16, 3), elements=st.sampled_from([0, 1, 254, 255])))
def test_floats_stay_in_the_box(task, attack: Attack, images):
    # An attack that leaves the box would be clipped by the base, and its norms would then be another image's.
    seen = []

    def judge(clean, adversarial):
        if len(adversarial):  # Square rounds its start, though no image may be left to attack
            seen.append(adversarial)
        return type(attack)._rounded(attack, clean, adversarial)

    object.__setattr__(attack, "_rounded", judge)
    try:
        attack(task.model, images, np.array([0, 1, 2]), batch_size=4)
    finally:
        object.__delattr__(attack, "_rounded")
    assert min(x.min() for x in seen) >= 0
    assert max(x.max() for x in seen) <= 255


@bounded_attack
def test_epsilon_zero_is_the_identity(task, make):
    result = make(0)(task.model, task.images[:5], task.labels[:5], batch_size=4)
    np.testing.assert_array_equal(result.images, task.images[:5])
    assert not result.success.any()
    assert not result.steps.any()


@bounded_attack
def test_epsilon_below_one_level_is_the_identity(task, make):
    result = make(0.9)(task.model, task.images[:5], task.labels[:5], batch_size=4)
    np.testing.assert_array_equal(result.images, task.images[:5])


@every_attack
def test_same_seed_same_result(task, attack: Attack):
    first, second = (attack(task.model, task.images[:6], task.labels[:6], batch_size=4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.images, second.images)


@every_attack
def test_the_batch_hardly_matters(task, attack: Attack):
    whole = attack(task.model, task.images[:12], task.labels[:12], batch_size=12)
    parts = attack(task.model, task.images[:12], task.labels[:12], batch_size=5)
    alone = attack(task.model, task.images[7:8], task.labels[7:8], batch_size=12)
    assert (whole.images != parts.images).mean() <= MOST_PIXELS_MOVED_BY_NOISE
    assert (whole.images[7:8] != alone.images).mean() <= MOST_PIXELS_MOVED_BY_NOISE
    np.testing.assert_allclose(whole.l2, parts.l2, rtol=0.01)


@every_attack
def test_floats_are_rounded_first(task, attack: Attack):
    floats = task.images[:4] + np.float32(0.25) * (task.images[:4] < 255)
    expected = attack(task.model, task.images[:4], task.labels[:4], batch_size=4)
    np.testing.assert_array_equal(attack(task.model, floats, task.labels[:4], batch_size=4).images, expected.images)


@every_attack
def test_empty_batch(task, attack: Attack):
    result = attack(task.model, task.images[:0], task.labels[:0])
    assert result.images.shape == (0, 16, 16, 3)
    assert all(len(value) == 0 for value in vars(result).values() if value is not None)


@every_attack
def test_softmax_is_refused_or_named(task, attack: Attack):
    def model(x):
        return tf.nn.softmax(task.model(x))

    if attack.needs_logits:
        with pytest.raises(ValueError, match="classifier_activation=None"):
            attack(model, task.images[:4], task.labels[:4])
    else:
        with pytest.warns(UserWarning, match="classifier_activation=None"):
            attack(model, task.images[:4], task.labels[:4])


@gradient_attack
def test_a_missing_gradient_is_refused(task, attack: Attack):
    with pytest.raises(ValueError, match="gives no gradient"):
        attack(lambda x: task.model(tf.stop_gradient(x)), task.images[:4], task.labels[:4])


@gradient_attack
@pytest.mark.parametrize("factor", [0.0, np.nan], ids=["zero", "nan"])
def test_a_useless_gradient_changes_nothing_and_is_told(task, attack: Attack, factor):
    @tf.custom_gradient
    def useless(x):
        return tf.identity(x), lambda upstream: upstream * factor

    result = attack(lambda x: task.model(useless(x)), task.images[:4], task.labels[:4], batch_size=4)
    assert result.zero_gradient.all()
    assert not result.success.any()
    assert (result.nonfinite_gradient == np.isnan(factor)).all()
    if not attack.name.startswith(("pgd", "apgd", "mpgd")):  # which start elsewhere
        np.testing.assert_array_equal(result.images, task.images[:4])


GOOD = {"images": np.zeros((2, 16, 16, 3), np.uint8), "labels": np.array([0, 1])}
BAD = {
    "label too high": ({"labels": np.array([0, 4])}, ValueError, r"0\.\.3.*Received: label 4"),
    "label negative": ({"labels": np.array([-1, 0])}, ValueError, "Received: label -1"),
    "labels fractions": ({"labels": np.array([0.0, 1.5])}, ValueError, "whole numbers.*Received: 1.5"),
    "labels by name": ({"labels": np.array(["cat", "dog"])}, TypeError, "must be integers.*names"),
    "labels smoothed": ({"labels": np.full((2, 4), 0.25)}, ValueError, "must be one-hot"),
    "labels too few": ({"labels": np.array([0])}, ValueError, r"\(1,\)"),
    "images int64": ({"images": np.zeros((2, 16, 16, 3), int)}, TypeError, "int64"),
    "images nan": ({"images": np.full((2, 16, 16, 3), np.nan)}, ValueError, "NaN"),
    "images out of the box": ({"images": np.full((2, 16, 16, 3), 255.5)}, ValueError, "255.5"),
    "two channels": ({"images": np.zeros((2, 16, 16, 2))}, ValueError, r"16, 2\)"),
    "four channels": ({"images": np.zeros((2, 16, 16, 4))}, ValueError, "alpha_composite"),
    "one image": ({"images": np.zeros((16, 16, 3))}, ValueError, r"\(16, 16, 3\)"),
    "batch size": ({"batch_size": 0}, ValueError, "batch_size=0"),
    "seed": ({"seed": -1}, ValueError, "seed=-1"),
    "model": ({"model": "MobileNet"}, TypeError, "str"),
    "rank": ({"model": lambda x: x}, ValueError, "shape"),
    "one output": ({"model": lambda x: tf.reduce_sum(x, [1, 2, 3])[:, None]}, ValueError, "two outputs"),
}


@pytest.mark.parametrize(("change", "error", "message"), BAD.values(), ids=BAD)
def test_bad_input(task, change, error, message):
    with pytest.raises(error, match=message):
        FGSM(4)(**({"model": task.model} | GOOD | change))


def test_describe_has_the_same_keys_for_all():
    keys = {"name", "spec", "norm", "epsilon", "steps", "step_size", "restarts", "loss", "labels"}
    assert all(set(attack.describe()) == keys for attack in ROWS.values())
    assert BIM(4).describe()["step_size"] == 1
    assert PGD(4, steps=20).describe()["step_size"] == 0.5


@bounded_attack
@pytest.mark.parametrize("epsilon", [0.03, 8 / 255, 0.49])
def test_an_epsilon_of_images_in_0_to_1_is_refused_with_the_units(make, epsilon):
    with pytest.raises(ValueError, match=rf"grey levels of 255.*Received: epsilon={epsilon}.* {255 * epsilon:g} grey"):
        make(epsilon)


def test_the_result_knows_which_images_moved(task):
    images, labels = task.images[:4], task.labels[:4]
    assert BIM(4)(task.model, images, labels).moved.all()
    assert not BIM(0)(task.model, images, labels).moved.any()
    assert not Square(0.5)(task.model, images, labels).moved.any()
