"""Layers that an evaluation must cope with."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import ImageLayer
from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform


@keras.saving.register_keras_serializable(package="tests")
class Noise(RandomisedLayer):
    """Adds uniform noise of up to `amount` grey levels."""

    def __init__(self, amount=1.0, **kwargs):
        super().__init__(**kwargs)
        self.amount = amount

    def call(self, inputs):
        images = tf.cast(self.to_images(inputs), tf.float32)
        return images + (2 * draw_uniform(self.keys(images), images.shape[1:]) - 1) * self.amount

    def get_config(self):
        return {**super().get_config(), "amount": self.amount}


class Stop(ImageLayer):
    """Hides the gradient."""

    def call(self, inputs):
        return tf.stop_gradient(self.to_compute_dtype(self.to_images(inputs)))


@pytest.fixture(scope="session")
def noise_layer():
    return Noise


@pytest.fixture(scope="session")
def stop_layer():
    return Stop


class Poison(ImageLayer):
    """Gives NaN for one image, known by its mean, and leaves the others as they are; `heal` makes it leave all."""

    def __init__(self, mean, **kwargs):
        super().__init__(**kwargs)
        self.mean = tf.Variable(mean, trainable=False)  # no weight of Keras', so that the model stays the same

    def heal(self):
        self.mean.assign(-1.0)

    def call(self, inputs):
        images = tf.cast(self.to_images(inputs), tf.float32)
        poisoned = tf.abs(tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True) - self.mean) < 1e-4
        return tf.where(poisoned, tf.constant(np.nan, tf.float32), images)


@pytest.fixture(scope="session")
def nan_model():
    """A function: a model with the same weights, whose output is NaN for one image."""

    def poisoned(model, image):
        start = keras.Input(model.input_shape[1:], dtype="float32")
        layer = Poison(float(image.astype(np.float64).mean()))
        return keras.Model(start, model(layer(start)), name=model.name)

    return poisoned
