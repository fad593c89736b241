"""Classifiers that are small, and some that no certificate may be given for."""

import keras
import numpy as np
import pytest
import tensorflow as tf

SIDE = 24


@keras.saving.register_keras_serializable(package="tests")
class LooksAtTheBatch(keras.layers.Layer):
    """Subtracts the mean of the batch."""

    def call(self, inputs):
        return inputs - tf.reduce_mean(inputs, axis=0, keepdims=True)


@keras.saving.register_keras_serializable(package="tests")
class LooksAtThePlace(keras.layers.Layer):
    """Doubles what stands first in the batch."""

    def call(self, inputs):
        first = tf.cast(tf.range(tf.shape(inputs)[0]) == 0, inputs.dtype)
        return inputs * (1 + first[:, None])


@keras.saving.register_keras_serializable(package="tests")
class Trains(keras.layers.Layer):
    """A layer in training mode, whatever the caller says."""

    def __init__(self, layer, **kwargs):
        super().__init__(**kwargs)
        self.layer = layer

    def call(self, inputs):
        return self.layer(inputs, training=True)


@keras.saving.register_keras_serializable(package="tests")
class Counts(keras.layers.Layer):
    """Remembers how often it was called."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, inputs):
        return inputs * (1 + self.count.assign_add(1.0))


@keras.saving.register_keras_serializable(package="tests")
class NotANumber(keras.layers.Layer):
    """Gives NaN for dark pixels, which there are under noise alone."""

    def call(self, inputs):
        return tf.where(tf.reduce_min(inputs, axis=[1, 2, 3], keepdims=True) < -40, np.nan, inputs)


def behind(layer, model):
    """Return a model with a layer in front of it."""
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), layer, model])


@pytest.fixture(scope="session")
def unsound(model):
    """By name: models that a certificate cannot be given for, and what the refusal says."""
    in_front = {
        "draws": (keras.layers.GaussianNoise(1.0), "draws or remembers", True),
        "drops": (keras.layers.Dropout(0.5), "draws or remembers", True),
        "counts": (Counts(), "draws or remembers", False),
        "normalises": (keras.layers.BatchNormalization(), "alone than in a batch|draws or remembers", True),
        "subtracts": (LooksAtTheBatch(), "alone than in a batch", False),
        "is not a number": (NotANumber(), "NaN or infinite", False),
    }
    found = {
        name: (behind(Trains(layer) if trains else layer, model), said)
        for name, (layer, said, trains) in in_front.items()
    }
    found["looks at the place"] = (
        keras.Sequential([keras.Input((SIDE, SIDE, 3)), model, LooksAtThePlace()]), "alone than in a batch"
    )  # fmt: skip
    return found


@pytest.fixture(scope="session")
def planes():
    """A function: a linear model of two classes whose margin for an image of 128 is the one asked for, in [0, 1]."""

    def make(margin):
        inputs = keras.Input((SIDE, SIDE, 3))
        logits = keras.layers.Dense(2, name="logits")(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs)))
        model = keras.Model(inputs, logits, name="planes")
        normal = np.random.default_rng(0).normal(size=SIDE * SIDE * 3)
        normal /= np.linalg.norm(normal)
        offset = margin - normal.sum() * 128 / 255
        model.get_layer("logits").set_weights([np.stack([normal, -normal], axis=1), np.array([offset, -offset])])
        return model

    return make


@pytest.fixture(scope="session")
def nan_under_noise(unsound):
    return unsound["is not a number"][0]
