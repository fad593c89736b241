"""A small classifier, trained here on images drawn here, and what the attack tests share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

CLASSES = 4
SIDE = 16


@dataclass(frozen=True)
class Task:
    """A trained model, and held-out images that it classifies correctly."""

    model: Any
    images: np.ndarray
    labels: np.ndarray


LINEAR_SHAPE, LINEAR_CLASSES = (8, 8, 3), 4


class Linear:
    """A linear classifier, whose smallest adversarial perturbations are known; its images never meet the box."""

    """Scores that are linear in the pixels; far from black and white the box is never met."""

    def __init__(self, count: int = 6) -> None:
        rng = np.random.default_rng(0)
        self._weights = rng.normal(size=(np.prod(LINEAR_SHAPE), LINEAR_CLASSES)).astype(np.float32)
        self.images = rng.integers(90, 160, (count, *LINEAR_SHAPE)).astype(np.uint8)
        self.scores = self(self.images.astype(np.float32)).numpy()
        self.labels = self.scores.argmax(1)

    def __call__(self, x: Any) -> Any:
        return tf.reshape((x - 127) / 255, [-1, self._weights.shape[0]]) @ self._weights

    def nearest(self, norm: str) -> np.ndarray:
        """Return each image's distance to the nearest boundary, in grey levels."""
        found = []
        for scores, label in zip(self.scores, self.labels, strict=True):
            steps = (self._weights - self._weights[:, [label]]) / 255
            lengths = abs(steps).sum(0) if norm == "Linf" else np.linalg.norm(steps, axis=0)
            gaps = np.delete((scores[label] - scores), label) / np.delete(lengths, label)
            found.append(gaps.min())
        return np.array(found)


@pytest.fixture(scope="session")
def linear() -> type[Linear]:
    """The class of linear classifiers, from a number of images."""
    return Linear


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
def task(train_small: Callable[..., keras.Model]) -> Task:
    """A small CNN trained for a few seconds; it must be good, or the comparisons say nothing."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, labels = draw(1500, rng)
    model = train_small(images, labels, CLASSES, 8)
    images, labels = draw(160, rng)
    right = model(images.astype("float32")).numpy().argmax(1) == labels
    assert right.mean() > 0.8
    return Task(model, images[right][:100], labels[right][:100])
