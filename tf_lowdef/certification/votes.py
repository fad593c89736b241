"""Votes under noise: noisy copies of images, classified and counted."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.certification.soundness import check_alone
from tf_lowdef.layers.compiled import compiled, infer
from tf_lowdef.layers.draws import draw_normal, hash_keys

WHITE = 255.0
"""Grey levels that the 1 of images in [0, 1] stands for."""

GUESSING = 2**40
"""The number of the first draw that a class is guessed on: those that certify are numbered from 0."""

_SALT, _STEP = zlib.crc32(b"smoothing"), 1_000_003
"""They keep the noise of smoothing, and of other seeds, apart from what layers draw."""


def noisy_copies(images: Any, keys: Any, sigma: Any, numbers: Any) -> Any:
    """Return copies of images, each with Gaussian noise of its own; nothing is clipped.

    Args:
        images: float32 in grey levels, shape (batch, height, width, channels).
        keys: int64, shape (batch, 2): what an image's noise is drawn by.
        sigma: The noise's standard deviation for images in [0, 1], a float or a scalar tensor.
        numbers: int64, shape (draws,): the numbers of the draws.

    Returns:
        float32, shape (batch * draws, height, width, channels), the copies of an image together.
    """
    batch, draws = tf.shape(images)[0], tf.shape(numbers)[0]
    number = tf.tile(numbers, [batch])
    own = tf.repeat(keys, draws, axis=0) + tf.stack([tf.zeros_like(number), number], axis=1)
    shape = [side or tf.shape(images)[axis + 1] for axis, side in enumerate(images.shape[1:])]
    return tf.repeat(images, draws, axis=0) + (WHITE * sigma) * draw_normal(own, shape)


def seeded_keys(images: Any, seed: Any) -> Any:
    """Return keys that follow from each image and a seed (an integer or a scalar tensor) alone: int64, (batch, 2)."""
    return hash_keys(images) + tf.stack([_SALT + _STEP * tf.cast(seed, tf.int64), tf.zeros((), tf.int64)])


def seeded_logits(model: Any, images: Any, seed: Any, sigma: Any, numbers: Any) -> Any:
    """Return what a classifier says of noisy copies: float32, shape (batch * draws, classes)."""
    copies = noisy_copies(images, seeded_keys(images, seed), sigma, numbers)
    return tf.cast(infer(model, copies), tf.float32)


def count_votes(
    model: Any, image: npt.NDArray[np.uint8], *, sigma: float, first: int, draws: int, seed: int, batch_size: int
) -> npt.NDArray[np.int64]:
    """Return for how many noisy copies of an image a classifier says each class.

    Args:
        model: From float32 pixels in [0, 255] to logits.
        image: uint8, shape (height, width, channels).
        sigma: For images in [0, 1].
        first: The number of the first draw.
        draws: How many.
        seed: Decides the noise, together with the image and the number of the draw.
        batch_size: Copies in a forward pass.

    Returns:
        int64, shape (classes,), summing to `draws`.

    Raises:
        ValueError: The output for a copy is NaN or infinite, or another one alone than among others.
    """
    images = image[None].astype(np.float32)
    arguments = np.int64(seed), np.float32(sigma)
    total: npt.NDArray[np.int64] | int = 0
    for start in range(0, draws, batch_size):
        numbers = first + start + np.arange(batch_size, dtype=np.int64)  # as many always: what is beyond is not counted
        logits = compiled(model, seeded_logits, images, *arguments, numbers, open_axes=0).numpy()
        if start == 0:
            check_alone(model, compiled(model, seeded_logits, images, *arguments, numbers[:1], open_axes=0), logits[:1])
        logits = logits[: draws - start]
        if not np.isfinite(logits).all():
            raise ValueError("The classifier's output under noise is NaN or infinite")
        total = total + np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    return np.asarray(total, np.int64)
