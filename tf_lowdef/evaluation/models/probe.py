"""What an attack may rely on in a model, asked on a few images before it is believed: does the gradient lead anywhere?

Athalye et al. 2018, section 3.1, and Carlini et al. 2019, sections 4.7 and 5, list what hides a gradient; here each is
asked of the model directly, so that a defence that hides it is found though no attack beats another.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.attacks.model_fn import ModelFn, as_model_fn
from tf_lowdef.attacks.randomness import generator
from tf_lowdef.evaluation.judging.probes import Probe
from tf_lowdef.evaluation.models.pieces import InPieces

Floats = npt.NDArray[np.float32]
Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

PROBE_IMAGES = 16
"""Images that are asked."""
STEPS = (1.0, 4.0)
"""Grey levels of the steps along a gradient: one is local, four still move what a codec or a quantiser gives back."""
RANDOM_STEPS = 3
"""Steps of random signs that one along the gradient must beat."""
OTHER_IMAGES = 2
"""Steps along the gradients of other images that it must beat besides."""
SAME = 1e-3
"""By how much, relative to their spread, the scores of two equal passes may differ: sums in another order."""
ONE_HOT = 1e-3
"""Variance of the scores among images of one predicted class, relative to all, below which scores tell no more than
the class."""
UNMOVED = 1e-10
"""The same between an image and a point near it, where no two images are of one class: float noise."""
MOVED = 0.01
"""How far, relative to the spread of the scores, a step along the gradient must move them to tell more than the class:
what is less gets no attack anywhere within a few levels."""


def gives_gradient(model: Any, pixels: Pixels, labels: Labels) -> bool:
    """Return whether TensorFlow finds a path from a model's logits back to its pixels; it may still be all zeros.

    Args:
        model: A Keras model or a callable from float32 pixels in [0, 255] to logits.
        pixels: uint8, shape (n, height, width, 3); one is enough.
        labels: int64, shape (n,).
    """
    if not len(pixels):
        return True
    found = as_model_fn(model).compiled(_connected, pixels[:1].astype(np.float32), labels[:1])
    return bool(found.numpy())


def _connected(model_fn: ModelFn, x: Any, labels: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=model_fn(x))
    return tf.constant(tape.gradient(loss, x) is not None)


def probe(model: Any, pixels: Pixels, labels: Labels, seed: int = 0, batch_size: int = PROBE_IMAGES) -> Probe:
    """Return what some images tell of a model that has a gradient; one that occurs twice is asked once.

    Args:
        model: A Keras model or a callable from float32 pixels in [0, 255] to logits.
        pixels: uint8, shape (n, height, width, 3); a dozen is enough.
        labels: int64, shape (n,).
        seed: For the noise.
        batch_size: Images in a pass.
    """
    asked, places = InPieces(as_model_fn(model), batch_size), _distinct(pixels)
    if not places:
        return Probe(0)
    clean, labels = pixels[places].astype(np.float32), labels[places]
    logits = asked.logits(clean)
    allowed = SAME * max(float(np.std(logits)), 1e-12)
    repeats = asked.draws or _alike(logits, asked.logits(clean), allowed)
    alone = asked.draws or not repeats or _stand_alone(asked, clean, logits, allowed)
    right = logits.argmax(axis=1) == labels
    if not right.any():
        return Probe(0, repeats, alone=alone)
    clean, labels, logits = clean[right], labels[right], logits[right]
    near = _moved(clean, _signs(clean, seed, "near"), STEPS[-1])
    at = [_look(asked, points, labels, seed) for points in (clean, near)]
    blind = ~np.any([gradients.any(axis=0) for gradients, _ in at], axis=0)
    only_class = tells_only_the_class(logits, asked.logits(near))
    return Probe(
        int(right.sum()),
        repeats,
        only_class and not _moved_by_steps(asked, clean, logits, at[0][0]),
        min(int(gradients.any(axis=(1, 2, 3)).sum()) for gradients, _ in at),
        min(leads for _, leads in at),
        _hidden_effect(asked, clean, blind, seed) if blind.any() else 0.0,
        float(blind.mean()),
        alone,
    )


def _distinct(pixels: Pixels) -> list[int]:
    """Return the place of each image that is unlike those before it."""
    found: dict[bytes, int] = {}
    for place, image in enumerate(pixels):
        found.setdefault(image.tobytes(), place)
    return list(found.values())


def _alike(logits: Floats, others: Floats, allowed: float) -> bool:
    return bool(np.abs(logits - others).max(initial=0) <= allowed)


def _stand_alone(asked: InPieces, clean: Floats, logits: Floats, allowed: float) -> bool:
    """Return whether an image's scores depend neither on its place in the batch nor on the images beside it.

    They would where a layer normalises by the batch as in training: numbers would follow from the batch size. Passes
    are of one size, so that nothing is summed in another order.
    """
    rolled = np.roll(asked.logits(np.roll(clean, 1, axis=0)), -1, axis=0)
    copies = np.repeat(clean[:1], min(len(clean), asked.size), axis=0)  # as a last short batch is padded
    return _alike(logits, rolled, allowed) and _alike(logits[:1], asked.logits(copies), allowed)


def tells_only_the_class(logits: Floats, near: Floats) -> bool:
    """Return whether scores hardly differ among images of one predicted class, in every such class.

    Where no two images are of one class, only scores that do not move at all when an image does can tell: those of an
    honest model that is sure of an image move little.

    Args:
        logits: (n, classes), of images.
        near: The same of points near them, one for each.
    """
    if not (np.isfinite(logits).all() and np.isfinite(near).all()):
        return False
    scale = float(np.var(_centred(logits)))
    groups, least = _of_one_class(logits), ONE_HOT
    if not groups:
        groups, least = _of_one_class(np.concatenate([logits, near])), UNMOVED
    if not groups:
        return False
    return bool(scale > 0 and np.mean([group.var(axis=0).mean() for group in groups]) < least * scale)


def _of_one_class(logits: Floats) -> list[npt.NDArray[np.float64]]:
    """Return the scores of each predicted class that several rows have."""
    classes = logits.argmax(axis=1)
    groups = [logits[classes == each].astype(np.float64) for each in np.unique(classes)]
    return [group for group in groups if len(group) > 1]


def _moved_by_steps(asked: InPieces, clean: Floats, logits: Floats, gradients: Floats) -> bool:
    """Return whether short steps along the gradient move the scores of images whose class they leave as it is.

    An honest model may be as sure of all images of a class; of one whose scores tell the class alone nothing moves.
    """
    spread, signs = float(_centred(logits).std()), np.sign(gradients)
    for size in STEPS:
        after = asked.logits(_moved(clean, signs, size))
        same = after.argmax(axis=1) == logits.argmax(axis=1)
        if same.any() and float(np.sqrt(np.mean(_centred(after - logits)[same] ** 2))) > MOVED * spread:
            return True
    return False


def _centred(logits: Floats) -> npt.NDArray[np.float64]:
    """Return scores without what is common to all classes, which no class depends on."""
    wide = logits.astype(np.float64)
    found: npt.NDArray[np.float64] = wide - wide.mean(axis=1, keepdims=True)
    return found


def _look(asked: InPieces, points: Floats, labels: Labels, seed: int) -> tuple[Floats, int]:
    """Return the gradients of the margin, and on how many images a step along its own one does most harm.

    It is compared with steps along random signs, and along other images' gradients, which a codec treats alike: a
    gradient that is no better than another image's is not this image's. Where the other's signs are its own, as of two
    images of a linear model, the two steps are one, and random signs stand in.
    """
    gradients = asked.gradients(points, labels)
    here, most, own = asked.margins(points, labels), 0, np.sign(gradients)
    others = [_signs(points, seed, f"step {number}") for number in range(RANDOM_STEPS)]
    for number in range(OTHER_IMAGES):
        theirs = np.roll(own, 1 + number, axis=0)
        same = (theirs == own).all(axis=(1, 2, 3), keepdims=True)
        others.append(np.where(same, _signs(points, seed, f"instead {number}"), theirs))
    for size in STEPS:
        gain = asked.margins(_moved(points, own, size), labels) - here
        gains = [asked.margins(_moved(points, signs, size), labels) - here for signs in others]
        most = max(most, int(((gain > np.max(gains, axis=0)) & (gain > 0)).sum()))
    return gradients, most


def _hidden_effect(asked: InPieces, clean: Floats, blind: Flags, seed: int) -> float:
    """Return how far noise in the values without a gradient moves the scores, as a part of noise everywhere."""
    signs = _signs(clean, seed, "blind")
    before = asked.logits(clean)
    floor = np.abs(asked.logits(clean) - before).mean()  # of what draws
    part, whole = (
        np.abs(asked.logits(_moved(clean, signs * mask, STEPS[-1])) - before).mean()
        for mask in (blind, np.ones_like(blind))
    )
    return float((part - floor) / (whole - floor)) if whole > 2 * floor else 0.0


def _moved(points: Floats, directions: Floats, size: float) -> Floats:
    moved: Floats = np.clip(points + np.float32(size) * directions, 0, 255).astype(np.float32)
    return moved


def _signs(points: Floats, seed: int, purpose: str) -> Floats:
    drawn = [generator(image, seed, f"probe {purpose}").choice([-1.0, 1.0], image.shape) for image in points]
    signs: Floats = np.asarray(drawn, np.float32)
    return signs
