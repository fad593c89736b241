"""What no certificate is given for: classifiers that draw, or whose answer for an image depends on its batch.

The proof is of a function of one image. One that looks at the other images of its batch, such as batch normalisation in
training mode, is none: an attacker may choose these too, and the noisy copies of an image that are classified together
would vote by agreement.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import is_randomised
from tf_lowdef.layers.compiled import infer
from tf_lowdef.models.alike import alike

Logits = npt.NDArray[np.float32]

PROBED = 3
"""Images that are tried in several batches before anything is counted."""


def check_sound(model: Any, images: npt.NDArray[np.float32]) -> None:
    """Refuse a classifier whose answer for an image is no function of that image alone.

    Images are classified alone, twice, and within batches of other images, sizes and orders. That finds what it meets;
    while votes are counted, a copy of every image is compared once more (`check_alone`).

    Args:
        model: From float32 pixels in [0, 255] to logits.
        images: float32, shape (n, height, width, channels), with noise, as they will be classified; n at least 1.

    Raises:
        ValueError: It draws, or depends on the batch, or its output is NaN or infinite.
    """
    images = images[:PROBED]
    alone = check_repeatable(model, images)
    if not np.isfinite(alone).all():
        raise ValueError(f"The output of {model.name!r} under noise is NaN or infinite")
    for others in _companions(images):
        there = _logits(model, np.concatenate([images, others]))[: len(images)]
        back = _logits(model, np.concatenate([others, images])[::-1])[: len(images)][::-1]
        for found in (there, back):
            if not alike(model, alone, found):
                raise ValueError(_of_batch(model))


def check_repeatable(model: Any, images: npt.NDArray[np.float32]) -> Logits:
    """Return the logits of each image alone, of a classifier that answers it alike from call to call.

    To be asked before anything else is found out by the classifier's answers: of one that draws they say little.

    Args:
        model: As in `check_sound`.
        images: float32, shape (n, height, width, channels), in [0, 255].

    Raises:
        ValueError: It draws or remembers.
    """
    check_deterministic(model)
    alone, again = (np.concatenate([_logits(model, image[None]) for image in images]) for _ in range(2))
    if not alike(model, alone, again):
        raise ValueError(
            f"{model.name!r} answers the same image otherwise from call to call: something in it draws or remembers. "
            "A certificate needs a classifier without chance in it; the noise is put in front of it here"
        )
    return alone


def check_deterministic(model: Any) -> None:
    """Raise ValueError for a classifier with a layer of this package that draws, naming it."""
    names = [each.name for each in all_layers(model) if is_randomised(each) and not getattr(each, "layers", None)]
    if names or is_randomised(model):
        raise ValueError(
            f"A certificate needs a classifier and a defence that draw nothing; the noise is put in front of them "
            f"here. Received: {', '.join(map(repr, names)) or repr(model.name)}, which draws"
        )


def check_alone(model: Any, alone: Any, among: Any) -> None:
    """Raise ValueError where an image's logits are others alone than in a batch; both of shape (n, classes)."""
    if not alike(model, np.asarray(alone), np.asarray(among)):
        raise ValueError(_of_batch(model))


def _logits(model: Any, images: npt.NDArray[np.float32]) -> Logits:
    return np.asarray(infer(model, tf.constant(images)), np.float32)


def _companions(images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Return what images are put together with: black and white, much noise, themselves, nothing but one another."""
    ends = np.stack([np.zeros_like(images[0]), np.full_like(images[0], 255)])
    noise = np.random.default_rng(0).normal(128, 200, (3, *images.shape[1:])).astype(np.float32)
    return [ends, noise, np.repeat(images[:1], 5, axis=0), images[:0]]


def _of_batch(model: Any) -> str:
    return (
        f"{model.name!r} answers an image otherwise alone than in a batch: a layer in it looks at the other images, as "
        "batch normalisation in training mode does. What is certified must be a function of one image"
    )
