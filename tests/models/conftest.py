"""What the tests of the models share."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def random_weights():
    """A function that gives a model's every weight a random value, so that a layer left out or doubled shows."""

    def randomise(model, seed: int = 0):
        rng = np.random.default_rng(seed)
        for variable in model.weights:
            value = np.asarray(variable)
            if "seed" in variable.path:
                continue
            if "variance" in variable.path:
                value = rng.uniform(0.5, 1.5, value.shape)
            elif np.issubdtype(value.dtype, np.floating):
                value = value + rng.normal(0, 0.02, value.shape)
            variable.assign(value)
        for layer in model.layers:
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
        return model

    return randomise


@pytest.fixture
def pixels():
    """A function that draws float32 pixels from 0 to 255, whole numbers, of a given shape."""

    def draw(*shape: int, seed: int = 0):
        return np.random.default_rng(seed).integers(0, 256, shape).astype(np.float32)

    return draw


@pytest.fixture
def fresh_predict(tmp_path: Path):
    """A function that saves a model, loads it in a new process with Keras alone, and predicts there."""
    import subprocess
    import sys

    script = """
import sys
import keras, numpy as np
model = keras.models.load_model(sys.argv[1], safe_mode=True)
assert not any(name.startswith("tf_lowdef") for name in sys.modules)
np.save(sys.argv[3], np.asarray(model(np.load(sys.argv[2]), training=False)))
"""

    def predict(model, images):
        paths = [str(tmp_path / name) for name in ("model.keras", "in.npy", "out.npy")]
        model.save(paths[0])
        np.save(paths[1], images)
        subprocess.run([sys.executable, "-c", script, *paths], check=True, capture_output=True, cwd=tmp_path)
        return np.load(paths[2])

    return predict
