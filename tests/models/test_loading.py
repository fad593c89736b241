"""Loading saved models."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_lowdef.models import load_model

pytest.importorskip("tf_lowdef.layers")


@pytest.fixture
def model():
    return keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_loads_what_was_saved(model, tmp_path, pixels, name):
    model.save(tmp_path / name)
    images = pixels(2, 4, 4, 3)
    np.testing.assert_array_equal(load_model(tmp_path / name).predict_on_batch(images), model.predict_on_batch(images))


def test_refuses_code_in_the_file(tmp_path):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x + 1)])
    model.save(tmp_path / "lambda.keras")
    with pytest.raises(ValueError, match=r"Not a model that Keras can load.*lambda\.keras.*Lambda"):
        load_model(str(tmp_path / "lambda.keras"))


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such model\. Received: path=.*nowhere\.keras"):
        load_model(tmp_path / "nowhere.keras")


def test_weights_are_no_model(model, tmp_path):
    model.save_weights(tmp_path / "only.weights.h5")
    with pytest.raises(ValueError, match="pass it to load_application"):
        load_model(tmp_path / "only.weights.h5")


def test_another_kind_of_file(tmp_path):
    (tmp_path / "model.onnx").touch()
    with pytest.raises(ValueError, match=r"must end in \.keras.*model\.onnx"):
        load_model(tmp_path / "model.onnx")


@pytest.mark.parametrize("name", ["damaged.keras", "damaged.h5"])
def test_damaged_file(tmp_path, name):
    (tmp_path / name).write_bytes(b"not what it says")
    with pytest.raises(ValueError, match=f"Not a model that Keras can load.*{name}"):
        load_model(tmp_path / name)
