"""The line that the package is for, as it stands in the README."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, WebPLayer, load_application, load_model
from tf_lowdef.webp import roundtrip


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 40, 3), np.uint8)


@pytest.mark.slow
def test_in_front_of_an_application_on_pixels(pixels, tmp_path):
    base = load_application("MobileNetV2", weights=None, input_shape=(32, 40, 3))
    model = tf.keras.Sequential([WebPLayer(60), FlipLayer(), base])
    logits = model.predict(pixels, verbose=0)
    np.testing.assert_allclose(logits, base.predict(roundtrip(pixels)[:, :, ::-1], verbose=0), rtol=1e-4, atol=1e-5)
    model.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras").predict(pixels, verbose=0), logits)


def test_in_front_of_an_application_straight_from_keras(pixels):
    base = keras.applications.MobileNetV2(weights=None, input_shape=(32, 40, 3), classifier_activation=None)
    model = tf.keras.Sequential([WebPLayer(60, value_range=(-1, 1)), FlipLayer(), base])
    scaled = keras.applications.mobilenet_v2.preprocess_input(pixels.astype(np.float32))
    defended = keras.applications.mobilenet_v2.preprocess_input(roundtrip(pixels)[:, :, ::-1].astype(np.float32))
    expected = base.predict(defended, verbose=0)
    np.testing.assert_allclose(model.predict(scaled, verbose=0), expected, rtol=1e-3, atol=1e-5)


def test_trains_through_the_defence(pixels):
    inputs = keras.Input((32, 40, 3))
    outputs = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(FlipLayer()(WebPLayer(60)(inputs))))
    model = keras.Model(inputs, outputs)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    images = np.concatenate([pixels // 2, pixels // 2 + 128]).astype(np.float32)
    history = model.fit(images / 1.0, np.repeat([0, 1], 3), epochs=3, batch_size=4, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
