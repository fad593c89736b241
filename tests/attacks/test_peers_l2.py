"""The attacks in L2, FAB and HopSkipJump beside ART's and foolbox's, on the embedded classifier."""

from __future__ import annotations

from typing import Any

import foolbox
import keras
import numpy as np
import pytest
import tensorflow as tf
from art.attacks.evasion import AutoProjectedGradientDescent, ProjectedGradientDescentTensorFlowV2, SquareAttack
from art.attacks.evasion import HopSkipJump as ArtHopSkipJump
from art.estimators.classification import TensorFlowV2Classifier

from tf_lowdef.attacks import APGDCE, FAB, PGD, HopSkipJump, Square
from tf_lowdef.models import load_demo

IMAGES, EPSILON, STEPS = 10, 0.2, 8
MOST_APART = 1
"""How many images fewer than a peer's may be fooled: ours are rounded to 8 bits inside the ball, theirs are judged as
floats, which rounding may bring out of it."""


@pytest.fixture(scope="module")
def demo() -> tuple[Any, np.ndarray, np.ndarray]:
    model, images, labels = load_demo()
    step = len(images) // IMAGES
    return model, images[::step], labels[::step]


def art_classifier(model: Any, images: np.ndarray) -> Any:
    """Return ART's classifier over grey levels: its L2 epsilons are 255 times ours."""
    return TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=images.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 255),
    )


def fooled(model: Any, images: np.ndarray, labels: np.ndarray) -> int:
    return int((model(tf.constant(images, tf.float32)).numpy().argmax(1) != labels).sum())


def art_pgd(classifier: Any, epsilon: float) -> Any:
    return ProjectedGradientDescentTensorFlowV2(
        classifier, norm=2, eps=epsilon, eps_step=2.5 * epsilon / STEPS, max_iter=STEPS, num_random_init=1,
        batch_size=IMAGES, verbose=False,
    )  # fmt: skip


def art_apgd(classifier: Any, epsilon: float) -> Any:
    return AutoProjectedGradientDescent(
        classifier, norm=2, eps=epsilon, eps_step=2 * epsilon, max_iter=STEPS, nb_random_init=1, batch_size=IMAGES,
        loss_type="cross_entropy", verbose=False,
    )  # fmt: skip


def art_square(classifier: Any, epsilon: float) -> Any:
    return SquareAttack(classifier, norm=2, eps=epsilon, max_iter=60, p_init=0.8, batch_size=IMAGES, verbose=False)


PAIRS = {
    "pgd": (PGD(EPSILON, steps=STEPS, keep="best", norm="l2"), art_pgd),
    "apgd": (APGDCE(EPSILON, steps=STEPS, norm="l2"), art_apgd),
    "square": (Square(5 * EPSILON, queries=60, norm="l2"), art_square),
}


@pytest.mark.slow
@pytest.mark.parametrize(("ours", "theirs"), PAIRS.values(), ids=PAIRS)
def test_l2_is_as_strong_as_arts(demo, ours, theirs):
    model, images, labels = demo
    found = ours(model, images, labels, batch_size=IMAGES)
    np.random.seed(0)  # noqa: NPY002 - ART draws from it
    attack = theirs(art_classifier(model, images), 255 * ours.epsilon)
    count = fooled(model, attack.generate(images.astype(np.float32), labels), labels)
    assert count > 0 or isinstance(ours, Square)  # of few queries, some find nothing
    assert found.success.sum() >= count - MOST_APART, (found.success.sum(), count)
    assert found.l2.max() <= ours.epsilon * 1.000001


@pytest.mark.slow
@pytest.mark.parametrize(
    ("norm", "peer"),
    [("linf", foolbox.attacks.LInfFMNAttack), ("l2", foolbox.attacks.L2FMNAttack)],
    ids=["linf", "l2"],
)
def test_fab_is_as_near_as_fmn(demo, norm, peer):
    """ART and foolbox have no FAB; the fast minimum-norm attack (Pintor et al. 2021) seeks the same."""
    model, images, labels = (demo[0], demo[1][:10], demo[2][:10])
    found = FAB(steps=15, classes=3, norm=norm, survive_rounding=False)(model, images, labels, batch_size=10)
    x, y = tf.constant(images, tf.float32), tf.constant(labels, tf.int64)
    theirs, _, success = peer(steps=45)(foolbox.TensorFlowModel(model, bounds=(0, 255)), x, y, epsilons=None)
    change = theirs.numpy() - images
    l2 = np.sqrt(np.square(change).sum((1, 2, 3))) / 255
    medians = [
        np.median(np.where(won, sizes, np.inf))
        for won, sizes in ((found.float_success, found.float_l2), (success.numpy(), l2))
    ]
    assert found.float_success.all()
    if norm == "l2":
        assert medians[0] <= 1.05 * medians[1], medians
    surviving = FAB(steps=15, classes=3, norm=norm)(model, images, labels, batch_size=10)
    assert surviving.success.all()
    if norm == "linf":
        assert np.median(surviving.linf) <= np.ceil(np.median(abs(change).max((1, 2, 3)))) + 1


@pytest.mark.slow
def test_hopskipjump_is_as_near_as_arts(demo):
    model, images, labels = (demo[0], demo[1][:3], demo[2][:3])
    ours = HopSkipJump(queries=1500, norm="l2")(model, images, labels)
    np.random.seed(0)  # noqa: NPY002 - ART draws from it
    attack = ArtHopSkipJump(
        art_classifier(model, images), norm=2, max_iter=5, max_eval=1000, init_eval=100, verbose=False
    )
    theirs = attack.generate(images.astype(np.float32), labels)
    l2 = np.sqrt(np.square(theirs - images).sum((1, 2, 3))) / 255
    assert ours.success.all()
    assert np.median(ours.l2) <= 1.3 * np.median(l2), (ours.l2, l2)
