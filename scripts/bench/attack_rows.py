"""The attacks: over the passes that they cannot do without, and beside foolbox's and ART's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import foolbox
import keras
import numpy as np
import tensorflow as tf
from art.attacks.evasion import BasicIterativeMethod
from art.attacks.evasion import DeepFool as ArtDeepFool
from art.estimators.classification import TensorFlowV2Classifier

from bench.material import deepfool_task, task
from bench.result import Reach, Result, Settings, compare, interleave, number
from tf_lowdef.attacks import BIM, FGSM, PGD, Attack
from tf_lowdef.attacks import deepfool as our_deepfool

EPSILON, STEPS, BATCH = 4, 10, 16
CANDIDATES, OVERSHOOT, MOST_STEPS = 10, 0.02, 50
DEEPFOOL_IMAGES, DEEPFOOL_PARTS = 64, 4
"""All are attacked once, in parts that take turns: the spread is over the parts."""
OVERHEAD = Reach(1.15)


def gradient_sign(settings: Settings) -> list[Result]:
    """FGSM, BIM and PGD over as many compiled forward and backward passes as they take steps."""
    model, images, labels, name = task(settings, BATCH)
    x, y, gradient = tf.constant(images, tf.float32), tf.constant(labels), compiled_gradient(model, images.shape[1:])
    attacks: dict[str, tuple[Attack, int]] = {
        "fgsm": (FGSM(EPSILON), 1),
        "bim": (BIM(EPSILON, steps=STEPS), STEPS),
        "pgd": (PGD(EPSILON, steps=STEPS), STEPS),
    }
    rows = []
    for key, (attack, steps) in attacks.items():
        times = interleave(
            {
                "ours": lambda attack=attack: attack(model, images, labels, batch_size=BATCH),
                "theirs": lambda steps=steps: [gradient(x, y).numpy() for _ in range(steps)],
            },
            settings.repeats * (3 if steps == 1 else 1),
        )
        what = f"{key.upper()}, {steps} steps, batch {BATCH}, {name}"
        passes = f"{steps} compiled forward and backward passes"
        rows.append(compare(key, what, passes, times["ours"], times["theirs"], OVERHEAD, unit="ms"))
    return rows


def bim(settings: Settings) -> list[Result]:
    """BIM beside foolbox's and ART's."""
    model, images, labels, name = task(settings, BATCH)
    x, y = tf.constant(images, tf.float32), tf.constant(labels)
    theirs = foolbox.attacks.LinfBasicIterativeAttack(abs_stepsize=EPSILON / 4, steps=STEPS, random_start=False)
    of_foolbox = foolbox.TensorFlowModel(model, bounds=(0, 255))
    of_art = BasicIterativeMethod(
        art_classifier(model, images), eps=EPSILON, eps_step=EPSILON / 4, max_iter=STEPS, batch_size=BATCH,
        verbose=False,
    )  # fmt: skip
    ours = BIM(EPSILON, steps=STEPS)
    times = interleave(
        {
            "ours": lambda: ours(model, images, labels, batch_size=BATCH),
            "foolbox": lambda: theirs(of_foolbox, x, y, epsilons=EPSILON),
            "ART": lambda: of_art.generate(images.astype(np.float32), labels),
        },
        settings.repeats,
    )
    peers = {"foolbox": "foolbox LinfBasicIterativeAttack", "ART": "ART BasicIterativeMethod"}
    what = f"BIM, {STEPS} steps, batch {BATCH}, {name}"
    return [
        compare(
            f"bim-{key.lower()}", what, peer, times["ours"], times[key], Reach(1, at_least=True), unit="ms",
            speedup=True,
        )
        for key, peer in peers.items()
    ]  # fmt: skip


def deepfool(settings: Settings) -> list[Result]:
    """DeepFool beside foolbox's and ART's, on floats as theirs; and how large its perturbations are."""
    count = 8 if settings.quick else DEEPFOOL_IMAGES
    model, images, labels, name = deepfool_task(settings, count)
    part = count // DEEPFOOL_PARTS
    attacks = deepfool_attacks(model, images)
    times: dict[str, list[float]] = {key: [] for key in attacks}
    sizes: dict[str, list[np.ndarray]] = {key: [] for key in attacks}
    for start in range(-part, count, part):  # the first part again, as a warm-up
        given, true = images[max(start, 0) :][:part], labels[max(start, 0) :][:part]
        found: dict[str, Any] = {}
        calls = {key: _keep(found, key, attack, given, true) for key, attack in attacks.items()}
        for key, taken in interleave(calls, 1, warm_up=0).items():
            if start >= 0:
                times[key].append(float(taken[0]))
                sizes[key].append(np.sqrt(((found[key] - given.astype(np.float32)) ** 2).sum((1, 2, 3))) / 255)
    ours, l2 = np.array(times["ours"]), {key: float(np.median(np.concatenate(each))) for key, each in sizes.items()}
    what = f"DeepFool, {count} images in {DEEPFOOL_PARTS} parts, {CANDIDATES} candidates, {name}"
    rows = []
    for key, peer, faster in (("foolbox", "foolbox L2DeepFoolAttack", 3), ("ART", "ART DeepFool", 5)):
        reach = Reach(faster, at_least=True)
        rows.append(
            compare(f"deepfool-{key.lower()}", what, peer, ours, np.array(times[key]), reach, unit="ms", speedup=True)
        )
        size = number(f"deepfool-l2-{key.lower()}", f"its median L2 over that of {peer}", "", l2["ours"] / l2[key],
                      Reach(1.02))  # fmt: skip
        rows.append(size)
    return rows


def deepfool_attacks(model: Any, images: np.ndarray) -> dict[str, Callable[..., np.ndarray]]:
    """Return the three attacks, from uint8 images and labels to floats."""
    theirs = foolbox.attacks.L2DeepFoolAttack(steps=MOST_STEPS, candidates=CANDIDATES, overshoot=OVERSHOOT)
    of_foolbox = foolbox.TensorFlowModel(model, bounds=(0, 255))
    inputs = keras.Input(images.shape[1:])
    unit = keras.Model(inputs, model(keras.layers.Rescaling(255.0)(inputs)))
    of_art = ArtDeepFool(  # which multiplies its steps by the box's width: right for pixels in [0, 1] alone
        art_classifier(unit, images, 1), max_iter=MOST_STEPS, epsilon=OVERSHOOT, nb_grads=CANDIDATES, batch_size=1,
        verbose=False,
    )  # fmt: skip

    def ours(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return our_deepfool(model, x, CANDIDATES, OVERSHOOT, MOST_STEPS, 0, 255).numpy()

    def foolboxes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return theirs(of_foolbox, tf.constant(x, tf.float32), tf.constant(y), epsilons=None)[1].numpy()

    return {"ours": ours, "foolbox": foolboxes, "ART": lambda x, _: 255 * of_art.generate(x.astype(np.float32) / 255)}


def _keep(found: dict[str, Any], key: str, attack: Callable[..., Any], *given: Any) -> Callable[[], None]:
    def call() -> None:
        found[key] = attack(*given)

    return call


def compiled_gradient(model: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of the cross-entropy as one compiled function of any batch."""

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.float32), tf.TensorSpec([None], tf.int64)])
    def gradient(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=False))
        return tape.gradient(loss, x)

    return gradient


def art_classifier(model: Any, images: np.ndarray, highest: float = 255) -> Any:
    """Return the classifier as ART takes it."""
    return TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=images.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, highest),
    )
