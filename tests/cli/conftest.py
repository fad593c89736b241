"""What the commands are tried on."""

import numpy as np
import pytest


@pytest.fixture
def model_file(tmp_path):
    """A tiny classifier of 2 classes, by the mean of red against green, as a .keras file."""
    import keras

    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("logits").set_weights([np.array([[1.0, 0], [0, 1], [0, 0]]), np.zeros(2)])
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"
