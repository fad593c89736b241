"""The attacks beside foolbox's and ART's, on the small classifier and on a real one."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import foolbox
import keras
import numpy as np
import pytest
import tensorflow as tf
from art.attacks.evasion import (
    AutoProjectedGradientDescent,
    BasicIterativeMethod,
    CarliniL2Method,
    SquareAttack,
)
from art.estimators.classification import TensorFlowV2Classifier
from PIL import Image

from tf_lowdef.attacks import APGDCE, APGDDLR, APGDT, BIM, CW, DeepFool, Square
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.models import load_demo

STEPS = 10
AUTO_STEPS = 20
AUTO_STARTS = 3
"""Of one start, what the difference of logits ratio reaches is luck: 63 to 67 over our seeds, 64 to 68 over ART's."""
SQUARE_QUERIES = 500
DEEPFOOL_IMAGES = 12
SLOW_IMAGES = 8
LARGER_L2 = 1.02
LARGER_CW = 1.05
MOST_APART = 2
"""How far the numbers of fooled images, of 100, may lie apart. On MobileNetV2 rounding errors alone move one in 83:
they turn signs, and another batch size changes a tenth of the pixels after ten steps."""
SAME_PIXELS = 0.99
"""On the small classifier, where gradients hardly lie near zero, the images themselves are the same."""


DEFENCES = ["none", "flip", "webp:60", "webp:60+flip", "jpeg:60"]


def fooled(model: Any, images: np.ndarray, labels: np.ndarray, defence: str) -> int:
    """Count the images whose class is wrong once they are rounded and defended."""
    pixels = np.clip(np.rint(images), 0, 255).astype(np.uint8)
    logits = Predictor(model)(pixels, make_defence(defence))
    return int((logits.argmax(1) != labels).sum())


def foolbox_model(model: Any) -> Any:
    return foolbox.TensorFlowModel(model, bounds=(0, 255))


def foolbox_bim(model: Any, images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
    attack = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=epsilon / 4, steps=STEPS, random_start=False)
    x, y = tf.constant(images, tf.float32), tf.constant(labels, tf.int64)
    return attack(foolbox_model(model), x, y, epsilons=epsilon)[1].numpy()


def art_classifier(model: Any, images: np.ndarray, highest: float = 255) -> Any:
    return TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=images.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, highest),
    )


def art_apgd(model: Any, images: np.ndarray, labels: np.ndarray, epsilon: float, loss: str) -> np.ndarray:
    np.random.seed(0)  # noqa: NPY002 - ART draws from it
    attack = AutoProjectedGradientDescent(
        art_classifier(model, images), norm=np.inf, eps=epsilon, eps_step=2 * epsilon, max_iter=AUTO_STEPS,
        nb_random_init=AUTO_STARTS, batch_size=50, loss_type=loss, verbose=False,
    )  # fmt: skip
    return attack.generate(images.astype(np.float32), labels)


def art_square(
    model: Any, images: np.ndarray, labels: np.ndarray, epsilon: float, queries: int, seed: int = 0
) -> np.ndarray:
    np.random.seed(seed)  # noqa: NPY002 - ART draws from it
    attack = SquareAttack(
        art_classifier(model, images), norm=np.inf, eps=epsilon, max_iter=queries, p_init=0.8, batch_size=50,
        verbose=False,
    )  # fmt: skip
    return attack.generate(images.astype(np.float32), labels)


def art_cw(model: Any, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return CarliniL2Method's images, in grey levels; its constants are made for pixels in [0, 1]."""
    inputs = keras.Input(images.shape[1:])
    unit = keras.Model(inputs, model(keras.layers.Rescaling(255.0)(inputs)))
    attack = CarliniL2Method(art_classifier(unit, images, 1), batch_size=len(images), verbose=False)
    return 255 * attack.generate(images.astype(np.float32) / 255, labels)


def compare_cw(model: Any, images: np.ndarray, labels: np.ndarray, **settings: Any) -> None:
    """Check that CW is nearer than ART's: its floats on floats, and what survives rounding on what does there."""
    theirs = art_cw(model, images, labels)
    success = model(theirs).numpy().argmax(1) != labels
    plain = CW(survive_rounding=False, **settings)(model, images, labels, batch_size=len(images))
    assert plain.float_success.sum() >= success.sum()
    assert median_l2(plain.float_success, plain.float_l2) <= LARGER_CW * median_l2(success, l2(theirs, images))
    surviving = CW(**settings)(model, images, labels, batch_size=len(images))
    kept = model(np.rint(theirs)).numpy().argmax(1) != labels
    assert surviving.success.all()
    assert median_l2(surviving.success, surviving.l2) <= LARGER_CW * median_l2(kept, l2(np.rint(theirs), images))


def l2(adversarial: np.ndarray, images: np.ndarray) -> np.ndarray:
    return np.sqrt(((adversarial - images) ** 2).sum((1, 2, 3))) / 255


def art_bim(model: Any, images: np.ndarray, labels: np.ndarray, epsilon: float) -> np.ndarray:
    classifier = art_classifier(model, images)
    attack = BasicIterativeMethod(
        classifier, eps=epsilon, eps_step=epsilon / 4, max_iter=STEPS, batch_size=50, verbose=False
    )
    return attack.generate(images.astype(np.float32), labels)


def foolbox_deepfool(model: Any, images: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return success and L2, with pixels in [0, 1], of foolbox's DeepFool on floats."""
    attack = foolbox.attacks.L2DeepFoolAttack(steps=50, candidates=10, overshoot=0.02)
    x, y = tf.constant(images, tf.float32), tf.constant(labels, tf.int64)
    found, _, success = attack(foolbox_model(model), x, y, epsilons=None)
    return success.numpy(), l2(found.numpy(), images)


def median_l2(success: np.ndarray, l2: np.ndarray) -> float:
    return float(np.median(np.where(success, l2, np.inf)))


@pytest.mark.parametrize("peer", [foolbox_bim, art_bim])
@pytest.mark.parametrize("epsilon", [2, 4])
def test_bim_is_as_strong_as_its_peers(task, peer, epsilon):
    ours = BIM(epsilon, steps=STEPS)(task.model, task.images, task.labels, batch_size=50)
    theirs = peer(task.model, task.images, task.labels, epsilon)
    assert len(task.images) == 100
    assert (ours.images == np.rint(theirs)).mean() >= SAME_PIXELS
    for defence in DEFENCES:
        counts = [fooled(task.model, images, task.labels, defence) for images in (ours.images, theirs)]
        assert abs(counts[0] - counts[1]) <= MOST_APART, (defence, counts)
        assert 0 < counts[0] < 100, (defence, counts)


def test_deepfool_is_as_strong_as_foolbox(task):
    ours = DeepFool(survive_rounding=False)(task.model, task.images, task.labels)
    success, l2 = foolbox_deepfool(task.model, task.images, task.labels)
    np.testing.assert_array_equal(ours.float_success, success)
    assert median_l2(ours.float_success, ours.float_l2) <= LARGER_L2 * median_l2(success, l2)


AUTO = {
    "ce": (APGDCE, "cross_entropy"),
    "dlr": (APGDDLR, "difference_logits_ratio"),
    "targeted": (APGDT, "difference_logits_ratio"),  # ART has no targeted ratio
}
every_auto = pytest.mark.parametrize(("make", "loss"), AUTO.values(), ids=AUTO)


@pytest.fixture(scope="module")
def art_counts(task) -> dict[str, int]:
    """How many of the small classifier's images ART's Auto-PGD fools, by its name of the loss."""
    return {
        loss: fooled(task.model, art_apgd(task.model, task.images, task.labels, 4, loss), task.labels, "none")
        for loss in ("cross_entropy", "difference_logits_ratio")
    }


@every_auto
def test_apgd_is_as_strong_as_arts(task, art_counts, make, loss):
    ours = make(4, steps=AUTO_STEPS, restarts=AUTO_STARTS)(task.model, task.images, task.labels, batch_size=50)
    theirs = art_counts[loss]
    assert 0 < theirs < 100
    assert ours.success.sum() >= theirs - MOST_APART


@pytest.mark.slow
def test_square_is_as_strong_as_arts(task):
    ours = Square(6, queries=SQUARE_QUERIES)(task.model, task.images, task.labels, batch_size=100)
    theirs = [
        fooled(
            task.model, art_square(task.model, task.images, task.labels, 6, SQUARE_QUERIES, seed), task.labels, "none"
        )
        for seed in range(2)
    ]
    assert 0 < max(theirs) < 100
    # ART draws one square for all images, so that a fifth of its number is luck (25 to 46 for 200 queries; ours 32 to
    # 35): its mean it is.
    assert ours.success.sum() >= np.mean(theirs) - MOST_APART, (ours.success.sum(), theirs)


@pytest.mark.slow
def test_cw_is_as_near_as_arts(task):
    compare_cw(task.model, task.images[:6], task.labels[:6], steps=50)


@pytest.mark.long
@every_auto
def test_apgd_on_the_demo(make, loss):
    model, images, labels = demo(100)
    ours = make(1, steps=AUTO_STEPS, restarts=AUTO_STARTS)(model, images, labels, batch_size=50)
    theirs = fooled(model, art_apgd(model, images, labels, 1, loss), labels, "none")
    assert ours.success.sum() >= theirs - MOST_APART, (ours.success.sum(), theirs)


@pytest.mark.long
def test_square_on_the_demo():
    model, images, labels = demo(50)
    ours = Square(4, queries=500)(model, images, labels, batch_size=50)
    theirs = fooled(model, art_square(model, images, labels, 4, 500), labels, "none")
    assert ours.success.sum() >= theirs - MOST_APART, (ours.success.sum(), theirs)


@pytest.mark.long
def test_cw_on_the_demo():
    compare_cw(*demo(10))


def demo(count: int) -> tuple[Any, np.ndarray, np.ndarray]:
    """Return the embedded classifier and some of its images, of all classes."""
    model, images, labels = load_demo()
    return model, images[:: 200 // count], labels[:: 200 // count]


@pytest.fixture(scope="module")
def mobilenet(imagenet: Path) -> tuple[Any, np.ndarray, np.ndarray]:
    """MobileNetV2 on pixels, and the 100 images at its size."""
    base = keras.applications.MobileNetV2(weights=imagenet / "MobileNetV2.weights.h5", classifier_activation=None)
    inputs = keras.Input((224, 224, 3))
    model = keras.Model(inputs, base(keras.layers.Rescaling(1 / 127.5, -1)(inputs)))
    with (imagenet / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    opened = [
        Image.open(imagenet / row["file"]).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC) for row in rows
    ]
    return model, np.stack([np.asarray(image) for image in opened]), np.array([int(row["label"]) for row in rows])


@pytest.mark.long
@pytest.mark.realdata
def test_deepfool_on_mobilenet(mobilenet):
    model, images, labels = mobilenet
    right = np.flatnonzero(Predictor(model)(images).argmax(1) == labels)[:DEEPFOOL_IMAGES]
    images, labels = images[right], labels[right]
    assert len(images) == DEEPFOOL_IMAGES
    plain = DeepFool(survive_rounding=False)(model, images, labels, batch_size=DEEPFOOL_IMAGES)
    success, l2 = foolbox_deepfool(model, images, labels)
    np.testing.assert_array_equal(plain.float_success, success)
    assert median_l2(plain.float_success, plain.float_l2) <= LARGER_L2 * median_l2(success, l2)
    assert not plain.success.any()  # eight bits undo it
    surviving = DeepFool()(model, images, labels, batch_size=DEEPFOOL_IMAGES)
    assert surviving.success.sum() >= DEEPFOOL_IMAGES - 1
    assert np.median(surviving.l2) < 0.5


@pytest.fixture(scope="module")
def our_bim(mobilenet) -> Any:
    model, images, labels = mobilenet
    return BIM(4, steps=STEPS)(model, images, labels, batch_size=50)


@pytest.mark.long
@pytest.mark.realdata
@pytest.mark.parametrize(
    "peer",
    [
        foolbox_bim,
        # Measured: 85 against 82 behind jpeg:60, within 2 elsewhere. ART runs without tf.function, whose kernels round
        # differently, and signs of small gradients turn: our own images change a tenth of their pixels with the batch.
        pytest.param(art_bim, marks=pytest.mark.xfail(reason="3 of 100 apart behind jpeg:60", strict=False)),
    ],
)
def test_bim_on_mobilenet(mobilenet, our_bim, peer):
    model, images, labels = mobilenet
    assert len(images) == 100
    assert our_bim.success.all()
    theirs = np.concatenate([peer(model, images[i : i + 50], labels[i : i + 50], 4) for i in (0, 50)])
    for defence in DEFENCES:
        counts = [fooled(model, adversarial, labels, defence) for adversarial in (our_bim.images, theirs)]
        assert abs(counts[0] - counts[1]) <= MOST_APART, (defence, counts)


@pytest.fixture(scope="module")
def few(mobilenet) -> tuple[Any, np.ndarray, np.ndarray]:
    """MobileNetV2 and a few images that it classifies correctly."""
    model, images, labels = mobilenet
    right = np.flatnonzero(Predictor(model)(images).argmax(1) == labels)[:SLOW_IMAGES]
    return model, images[right], labels[right]


@pytest.mark.long
@pytest.mark.realdata
@every_auto
def test_apgd_on_mobilenet(few, make, loss):
    model, images, labels = few
    settings = {"classes": 2} if make is APGDT else {}
    ours = make(1, steps=AUTO_STEPS, restarts=AUTO_STARTS, **settings)(model, images, labels, batch_size=SLOW_IMAGES)
    theirs = fooled(model, art_apgd(model, images, labels, 1, loss), labels, "none")
    assert ours.success.sum() >= theirs, (ours.success.sum(), theirs)


@pytest.mark.long
@pytest.mark.realdata
def test_square_on_mobilenet(few):
    model, images, labels = few
    ours = Square(8, queries=300)(model, images, labels, batch_size=SLOW_IMAGES)
    theirs = fooled(model, art_square(model, images, labels, 8, 300), labels, "none")
    assert ours.success.sum() >= theirs - 1, (ours.success.sum(), theirs)


@pytest.mark.long
@pytest.mark.realdata
def test_cw_on_mobilenet(few):
    model, images, labels = few
    compare_cw(model, images[:4], labels[:4])
