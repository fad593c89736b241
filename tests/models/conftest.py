"""What the tests of the models share."""

from __future__ import annotations

import subprocess
import sys
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
    """A function that saves models, loads them in a new process with Keras alone, and predicts there.

    It takes and gives lists, because a process that imports TensorFlow takes seconds to start.
    """
    script = """
import sys
from pathlib import Path
import keras, numpy as np
for path in sorted(Path(sys.argv[1]).glob("*.keras")):
    model = keras.models.load_model(path, safe_mode=True)
    np.save(path.with_suffix(".out.npy"), np.asarray(model(np.load(path.with_suffix(".npy")), training=False)))
if any(name.startswith("tf_lowdef") for name in sys.modules):
    sys.exit("the models need tf_lowdef")
"""

    def predict(models, batches):
        for number, (model, images) in enumerate(zip(models, batches, strict=True)):
            model.save(tmp_path / f"{number}.keras")
            np.save(tmp_path / f"{number}.npy", images)
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True
        )
        if done.returncode:
            pytest.fail(done.stderr)
        return [np.load(tmp_path / f"{number}.out.npy") for number in range(len(models))]

    return predict
