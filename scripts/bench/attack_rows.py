"""The attacks: over the passes that they cannot do without, and beside foolbox's and ART's."""

from __future__ import annotations

from typing import Any

import foolbox
import keras
import numpy as np
import tensorflow as tf
from art.attacks.evasion import BasicIterativeMethod
from art.estimators.classification import TensorFlowV2Classifier

from bench.material import task
from bench.result import Reach, Result, Settings, compare, interleave
from tf_lowdef.attacks import BIM, FGSM, PGD, Attack

EPSILON, STEPS, BATCH = 4, 10, 8
OVERHEAD = Reach(1.15)


def gradient_sign(settings: Settings) -> list[Result]:
    """FGSM, BIM and PGD over as many compiled forward and backward passes as they take steps.

    A second row each adds the two forward passes that judge the clean and the rounded images, which peers leave to
    their caller: the floor of a call.
    """
    model, images, labels, name = task(settings, BATCH)
    x, y, gradient = tf.constant(images, tf.float32), tf.constant(labels), compiled_gradient(model, images.shape[1:])
    forward = compiled_forward(model, images.shape[1:])
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
                "passes": lambda steps=steps: [gradient(x, y).numpy() for _ in range(steps)],
                "judging": lambda: [forward(x).numpy() for _ in range(2)],
            },
            settings,
            3 if steps == 1 else 1,
        )
        what, passes = f"{key.upper()}, {steps} steps, batch {BATCH}, {name}", f"{steps} forward and backward passes"
        rows.append(compare(key, what, passes, times["ours"], times["passes"], OVERHEAD))
        floor = times["passes"] + times["judging"]
        rows.append(compare(f"{key}-floor", what, f"{passes}, and 2 forward", times["ours"], floor))
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
        settings,
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


def compiled_gradient(model: Any, shape: tuple[int, ...]) -> Any:
    """Return the gradient of the cross-entropy as one compiled function of any batch."""

    @tf.function(input_signature=[tf.TensorSpec([None, *shape], tf.float32), tf.TensorSpec([None], tf.int64)])
    def gradient(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x, training=False))
        return tape.gradient(loss, x)

    return gradient


def compiled_forward(model: Any, shape: tuple[int, ...]) -> Any:
    """Return the logits as one compiled function of any batch."""
    return tf.function(
        lambda x: model(x, training=False), input_signature=[tf.TensorSpec([None, *shape], tf.float32)]
    )  # fmt: skip


def art_classifier(model: Any, images: np.ndarray, highest: float = 255) -> Any:
    """Return the classifier as ART takes it."""
    return TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=images.shape[1:],
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, highest),
    )
