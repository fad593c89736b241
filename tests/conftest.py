"""What tests share: quiet TensorFlow, real images where they lie beside the checkout, a small classifier and images."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

ROOT = Path(__file__).resolve().parents[1]
REAL = ROOT.parent / "shared" / "imagenet"

os.environ["PYTHONPATH"] = str(ROOT)  # for the processes that tests start, installed or not


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Keep a file's tests in one process, for its fixtures; not the notebooks, which share none and take minutes."""
    from xdist.scheduler import LoadFileScheduling

    if config.getvalue("dist") != "loadfile":
        return None  # what was asked for

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return nodeid if nodeid.startswith("tests/notebooks/") else super()._split_scope(nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def imagenet() -> Path:
    """The folder of real images and weights; the test skips where it is absent."""
    if not (REAL / "images.csv").exists():
        pytest.skip(f"no real images at {REAL}")
    return REAL


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def run_cli(capsys):
    """A function that runs the command line in this process: arguments in, exit code and both outputs out."""
    from tf_lowdef.cli.main import main

    def run(*arguments):
        with pytest.raises(SystemExit) as stopped:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(stopped.value.code, captured.out, captured.err)

    return run


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
    import keras  # not every test needs TensorFlow

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


_OBJECT_STORE = 100 * 2**20


@pytest.fixture
def two_nodes(monkeypatch):
    """A Ray cluster of two nodes on this machine, one core each: its address, and a function that kills the second."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    size = {"num_cpus": 1, "object_store_memory": _OBJECT_STORE}
    cluster = Cluster(initialize_head=True, head_node_args={**size, "include_dashboard": False})
    try:
        second = cluster.add_node(**size)
        yield cluster.address, lambda: cluster.remove_node(second, allow_graceful=False)
    finally:
        cluster.shutdown()


@pytest.fixture(scope="session")
def train_small():
    """A function: images, labels, how many classes and epochs in, a small CNN that was trained for seconds out."""
    import keras

    def train(images, labels, classes, epochs):
        layers = keras.layers
        model = keras.Sequential(
            [
                keras.Input(images.shape[1:]),
                layers.Rescaling(1 / 127.5, -1),
                layers.Conv2D(16, 5, strides=2, activation="relu"),
                layers.Conv2D(32, 3, activation="relu"),
                layers.GlobalAveragePooling2D(),
                layers.Dense(classes),
            ]
        )
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.optimizer.learning_rate = 0.01
        model.fit(images, labels, batch_size=50, epochs=epochs, verbose=0)
        return model

    return train
