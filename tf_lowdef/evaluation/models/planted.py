"""The self-test of an attack: adversarial examples are planted, and it has to find them.

Zimmermann et al. 2022 (NeurIPS, "Increasing confidence in adversarial robustness evaluations"): a classifier's last
layer is replaced by one that tells a single point at distance epsilon from points around the clean image, so that an
adversarial example is known to exist. An attack that cannot find it, through the same defence and the same gradients,
says nothing of the images that it leaves. Here the new layer reads the scores, which every classifier has.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.attacks import Attack
from tf_lowdef.attacks.ball import Ball
from tf_lowdef.attacks.model_fn import as_model_fn
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.layers.compiled import infer

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

INNER, CORNERS = 48, 48
"""Points around an image that must not, and points at distance epsilon of which one must, be adversarial."""
INNER_REACH = 0.5
"""How far the inner points lie, as a part of epsilon."""
DEPTH = 0.1
"""How far inside the planted region the known example lies, as a part of its distance from the inner points."""
RIDGE = 1e-3
"""What keeps the covariance of the scores invertible, as a part of its mean variance."""


class Planted(NamedTuple):
    """How an attack did.

    Attributes:
        planted: Images in whose ball an example was planted.
        found: Of these, those where the attack found one.
    """

    planted: int
    found: int


class PlantedModel:
    """A classifier whose scores say on which side of a hyperplane those of `model` lie.

    Args:
        model: From float32 pixels in [0, 255] to logits.
        classes: How many it has, and this one.
    """

    def __init__(self, model: Any, classes: int) -> None:
        self._model = model
        self.normal = tf.Variable(tf.zeros([classes]), trainable=False)
        self.offset = tf.Variable(0.0, trainable=False)
        self.label = tf.Variable(0, dtype=tf.int64, trainable=False)

    def __call__(self, x: Any) -> Any:
        """Return logits, (n, classes): of the true class minus the side, of the next the side, of all others less."""
        logits = tf.cast(infer(self._model, x), tf.float32)
        side = tf.linalg.matvec(logits, self.normal) - self.offset
        classes = self.normal.shape[0]
        true = tf.one_hot(self.label, classes)
        other = tf.one_hot((self.label + 1) % classes, classes)
        rest = -(2 + tf.abs(tf.stop_gradient(side)))[:, None] * (1 - true - other)
        return side[:, None] * (other - true) + rest


def reaches_a_level(attack: Attack) -> bool:
    """Return whether an attack has a bound that leaves room for whole grey levels."""
    return attack.bound is not None and attack.bound.levels >= 1


def self_test(model: Any, attack: Attack, pixels: Pixels, labels: Labels, seed: int = 0) -> Planted:
    """Return how many planted examples an attack finds.

    Args:
        model: From float32 pixels in [0, 255] to logits; one that does not draw.
        attack: One that `reaches_a_level`.
        pixels: uint8, shape (n, height, width, 3).
        labels: int64, shape (n,).
        seed: For the points and the attack.
    """
    model_fn = as_model_fn(model)
    planted_model, planted, found = None, 0, 0
    for image, label in zip(pixels.astype(np.float32), labels, strict=True):
        plane = _plane(model_fn, image, attack.ball, seed)
        if plane is None:
            continue
        if planted_model is None:
            planted_model = PlantedModel(model, len(plane[0]))
        planted_model.normal.assign(plane[0])
        planted_model.offset.assign(plane[1])
        planted_model.label.assign(int(label))
        aims = np.array([(label + 1) % len(plane[0])]) if attack.aims else None  # where the example lies
        result = attack(planted_model, image[None], np.array([label]), batch_size=1, seed=seed, targets=aims)
        planted, found = planted + 1, found + int(result.success[0])
    return Planted(planted, found)


def _plane(model_fn: Any, image: Floats, ball: Ball, seed: int) -> tuple[Floats, float] | None:
    """Return normal and offset of a hyperplane that parts one far point from the inner ones; None if none does."""
    draw = generator(image, seed, "planted")
    inner = ball.spread(image, draw, INNER, INNER_REACH)
    points = np.concatenate([image[None], inner, ball.spread(image, draw, CORNERS)])
    scores = np.concatenate([model_fn.logits(points[place : place + 16]) for place in range(0, len(points), 16)])
    if not np.isfinite(scores).all():
        return None
    near, far = scores[: INNER + 1].astype(np.float64), scores[INNER + 1 :].astype(np.float64)
    centred = near - near.mean(axis=0)
    variance = centred.T @ centred / len(near)
    ridge = RIDGE * np.trace(variance) / len(variance)
    if ridge <= 0:
        return None  # the scores do not change at all
    normals = np.linalg.solve(variance + ridge * np.eye(len(variance)), (far - near.mean(axis=0)).T).T
    gaps = (normals * far).sum(axis=1) - (near @ normals.T).max(axis=0)
    best = int(np.argmax(gaps))
    if gaps[best] <= 0:
        return None
    normal = normals[best] / gaps[best]  # the known example then lies 1 beyond the inner points
    offset = float(normal @ far[best]) - DEPTH
    return normal.astype(np.float32), offset
