"""A small classifier that is easy to fool, and images that it knows, in memory and on disk."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef.layers import ImageLayer
from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform

SIDE = 24
CLASSES = 4


@pytest.fixture(scope="session")
def dataset():
    """uint8 of shape (20, 24, 24, 3) and labels: the brightest quadrant is the class; image 0 is labelled wrongly."""
    rng = np.random.default_rng(0)
    labels = np.arange(20) % CLASSES
    images = rng.normal(110, 25, (20, SIDE, SIDE, 3))
    half = SIDE // 2
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * half : (row + 1) * half, column * half : (column + 1) * half] += 6
    labels[0] = (labels[0] + 1) % CLASSES
    return np.clip(images, 0, 255).astype(np.uint8), labels.astype(np.int64)


@pytest.fixture(scope="session")
def model():
    """Logits: the mean brightness of each quadrant, sharpened."""
    inputs = keras.Input((SIDE, SIDE, 3))
    pooled = keras.layers.AveragePooling2D(SIDE // 2)(keras.layers.Rescaling(1 / 255)(inputs))
    logits = keras.layers.Dense(CLASSES, name="logits")(keras.layers.Flatten()(pooled))
    model = keras.Model(inputs, logits, name="quadrants")
    kernel = np.repeat(np.eye(CLASSES), 3, axis=0) * 40
    model.get_layer("logits").set_weights([kernel, np.zeros(CLASSES)])
    return model


@pytest.fixture
def csv_data(dataset, tmp_path):
    """The same images as PNG files with a CSV beside them, in a folder with a space in its name."""
    folder = tmp_path / "some data"
    (folder / "images").mkdir(parents=True)
    lines = ["file,label,remark"]
    for index, (image, label) in enumerate(zip(*dataset, strict=True)):
        Image.fromarray(image).save(folder / "images" / f"{index:02d}.png")
        lines.append(f"images/{index:02d}.png,{label},more columns are kept")
    (folder / "images.csv").write_text("\n".join(lines) + "\n")
    return folder / "images.csv"


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
    """Gives NaN for one image, known by its mean, and leaves the others as they are."""

    def __init__(self, mean, **kwargs):
        super().__init__(**kwargs)
        self.mean = mean

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
