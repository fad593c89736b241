"""A small classifier, trained here on images drawn here, and what the attack tests share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest

CLASSES = 4
SIDE = 16


@dataclass(frozen=True)
class Task:
    """A trained model, and held-out images that it classifies correctly."""

    model: Any
    images: np.ndarray
    labels: np.ndarray


def draw(count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draw gratings of one of four orientations in noise, at random phase, frequency, contrast and colour."""
    labels = rng.integers(0, CLASSES, count)
    angle = (labels * np.pi / CLASSES)[:, None, None]
    y, x = np.mgrid[:SIDE, :SIDE]
    frequency, phase = rng.uniform(0.7, 1.3, (count, 1, 1)), rng.uniform(0, 2 * np.pi, (count, 1, 1))
    wave = np.sin(frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    colour = rng.uniform(4, 16, (count, 1, 1, 3))
    noise = rng.normal(0, 10, (count, SIDE, SIDE, 3))
    images = rng.uniform(90, 160, (count, 1, 1, 3)) + wave[..., None] * colour + noise
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="session")
def task() -> Task:
    """A small CNN trained for a few seconds; it must be good, or the comparisons say nothing."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, labels = draw(1500, rng)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            layers.Rescaling(1 / 127.5, -1),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 3, activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(CLASSES),
        ]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.optimizer.learning_rate = 0.01
    model.fit(images, labels, batch_size=50, epochs=8, verbose=0)
    images, labels = draw(160, rng)
    right = model(images.astype("float32")).numpy().argmax(1) == labels
    assert right.mean() > 0.8
    return Task(model, images[right][:100], labels[right][:100])
