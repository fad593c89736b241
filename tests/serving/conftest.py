"""Exports that several tests look at, made once."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, WebPLayer, load_demo, serving
from tf_lowdef.models import demo_class_names

SIZE = 32


@pytest.fixture(scope="session")
def demo():
    """The embedded classifier, its images and their labels."""
    return load_demo()


@pytest.fixture(scope="session")
def small_base():
    """A classifier of three classes by mean colour, 32x32, as a function: its layers are new every time."""

    def build(activation=None, size=SIZE, gain=0.1):
        dense = keras.layers.Dense(3, activation=activation, name="scores")
        base = keras.Sequential([keras.Input((size, size, 3)), keras.layers.GlobalAveragePooling2D(), dense])
        dense.set_weights([np.eye(3, dtype=np.float32) * gain, np.array([0.1, 0.2, 0.3], np.float32)])
        return base

    return build


@pytest.fixture(scope="session")
def small_export(tmp_path_factory, small_base):
    """The folder of an export of a small defended model, made once."""
    root = tmp_path_factory.mktemp("small") / "colours"
    model = keras.Sequential([WebPLayer(60, method=0), FlipLayer(), small_base()])
    serving.export(model, root, class_names=["red", "green", "blue"])
    return root


@pytest.fixture(scope="session")
def flip_export(tmp_path_factory, small_base):
    """The folder of an export without WebP, which loads quickly, made once."""
    root = tmp_path_factory.mktemp("flip") / "flip"
    serving.export(keras.Sequential([FlipLayer(), small_base()]), root)
    return root


@pytest.fixture
def copied_export(flip_export, tmp_path):
    """A copy of `flip_export` that a test may change."""
    return shutil.copytree(flip_export, tmp_path / "flip")


@pytest.fixture
def no_compiler(monkeypatch, tmp_path):
    """No program on the path, so no C compiler; what is started by its whole path still is."""
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture(scope="session")
def demo_export(tmp_path_factory, demo):
    """The folder of an export of the embedded classifier behind WebP with its default method, and a flip."""
    root = tmp_path_factory.mktemp("demo") / "demo"
    model = keras.Sequential([WebPLayer(60), FlipLayer(), demo[0]])
    serving.export(model, root, class_names=demo_class_names())
    return root
