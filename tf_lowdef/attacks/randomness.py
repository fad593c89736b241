"""Random numbers for one image: from the seed and the image's own pixels, whatever the batch and the place in it."""

from __future__ import annotations

import hashlib

import numpy as np

from tf_lowdef.attacks.result import Floats
from tf_lowdef.validation import Labels


def generator(image: Floats, seed: int, purpose: str = "") -> np.random.Generator:
    """Return a random generator that depends on the seed, the image's pixels and the purpose alone.

    Args:
        image: Whole grey levels, (height, width, 3).
        seed: A nonnegative integer.
        purpose: What is drawn, so that two draws for one image are independent.
    """
    digest = hashlib.blake2b(image.astype(np.uint8).tobytes() + purpose.encode(), digest_size=16).digest()
    return np.random.default_rng([seed, int.from_bytes(digest, "big")])


def uniform_start(pixels: Floats, epsilon: float, seed: int, purpose: str = "") -> Floats:
    """Return a random point of each image's L-infinity ball of radius `epsilon`, inside the box."""
    noise = [generator(image, seed, purpose).uniform(-epsilon, epsilon, image.shape) for image in pixels]
    return np.clip(pixels + np.asarray(noise, np.float32), 0, 255)


def draw_targets(pixels: Floats, labels: Labels, classes: int, seed: int) -> Labels:
    """Return a wrong class for each image, all equally likely (the average case of Carlini and Wagner 2017, section 3).

    Args:
        pixels: Whole grey levels, (n, height, width, 3).
        labels: The true classes, (n,).
        classes: How many classes the model has, two or more.
        seed: A nonnegative integer.
    """
    drawn = [int(generator(image, seed, "target").integers(classes - 1)) for image in pixels]
    others = np.asarray(drawn, np.int64)
    # Numbered among the wrong classes: from the true one on, the next index.
    return others + (others >= labels)
