"""What the commands are tried on."""

import numpy as np
import pytest
from PIL import Image


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


@pytest.fixture
def csv_file(tmp_path):
    """A CSV of six images of those classes, 3 levels apart, with the labels."""
    lines = ["file,label"]
    for index in range(6):
        colour = [110, 110, 110]
        colour[index % 2] += 3
        noise = np.random.default_rng(index).integers(-2, 3, (16, 16, 1))
        Image.fromarray((np.full((16, 16, 3), colour) + noise).astype(np.uint8)).save(tmp_path / f"{index}.png")
        lines.append(f"{index}.png,{index % 2}")
    (tmp_path / "list.csv").write_text("\n".join(lines))
    return tmp_path / "list.csv"
