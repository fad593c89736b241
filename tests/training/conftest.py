"""A linear classifier whose gradients are known by hand, and images for it."""

from __future__ import annotations

import keras
import numpy as np
import pytest

SIDE = 4


@pytest.fixture
def linear():
    """Logits of two classes, the second class' weights the first's negated; (model, weights of class 1)."""
    weights = np.random.default_rng(1).normal(size=(SIDE * SIDE * 3,)).astype(np.float32) / 100
    inputs = keras.Input((SIDE, SIDE, 3))
    outputs = keras.layers.Dense(2, use_bias=False, name="logits")(keras.layers.Flatten()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("logits").set_weights([np.stack([-weights, weights], axis=1)])
    return model, weights.reshape(SIDE, SIDE, 3)


@pytest.fixture
def pixels():
    """float32 of shape (6, 4, 4, 3), black and white among them, and labels."""
    images = np.random.default_rng(2).integers(0, 256, (6, SIDE, SIDE, 3)).astype(np.float32)
    images[0], images[1] = 0, 255
    return images, np.array([0, 1, 0, 1, 0, 1], np.int64)
