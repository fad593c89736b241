"""The embedded default: what it ships, how good it is, and what it says when a file is missing."""

from __future__ import annotations

import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from tf_lowdef.attacks import FGSM
from tf_lowdef.models import demo, demo_class_names, load_demo


@pytest.fixture(scope="module")
def loaded():
    return load_demo()


@pytest.fixture
def copied_assets(tmp_path, monkeypatch):
    """A copy of the asset files that a test may damage, put where the package looks."""
    shutil.copytree(str(resources.files("tf_lowdef.models") / "demo_data"), tmp_path / "demo_data")
    monkeypatch.setattr(demo.resources, "files", lambda _: Path(tmp_path))
    return tmp_path / "demo_data"


def test_shapes_and_dtypes(loaded):
    model, images, labels = loaded
    assert (images.shape, images.dtype) == ((200, 96, 96, 3), np.uint8)
    assert labels.dtype == np.int64
    np.testing.assert_array_equal(np.bincount(labels), np.full(10, 20))
    assert model.input_shape == (None, 96, 96, 3)
    assert model.output_shape == (None, 10)
    assert len(set(demo_class_names())) == 10


def test_accuracy_on_the_shipped_images(loaded):
    model, images, labels = loaded
    predicted = model.predict(images, verbose=0).argmax(axis=1)
    assert (predicted == labels).mean() >= 0.95
    assert all((predicted == labels)[labels == label].mean() >= 0.7 for label in range(10))


def test_gives_logits(loaded):
    model, images, _ = loaded
    logits = model.predict(images[::10], verbose=0)
    assert np.abs(logits.sum(axis=1) - 1).max() > 0.5
    assert logits.min() < 0


@pytest.mark.slow
def test_the_hardened_classifier_is_as_good_and_keeps_more(loaded):
    model, images, labels = loaded
    hardened = load_demo(hardened=True)[0]
    assert (hardened.predict(images, verbose=0).argmax(axis=1) == labels).mean() >= 0.93
    some = slice(None, None, 10)
    attacked = FGSM(4)(model, images[some], labels[some]).predictions == labels[some]
    kept = FGSM(4)(hardened, images[some], labels[some]).predictions == labels[some]
    assert kept.mean() > attacked.mean() + 0.3


def test_images_are_distinct(loaded):
    _, images, _ = loaded
    assert len(np.unique(images.reshape(200, -1), axis=0)) == 200


def test_the_order_is_the_same_every_time(loaded):
    images, labels = demo.load_demo_images()
    np.testing.assert_array_equal(images, loaded[1])
    np.testing.assert_array_equal(labels, loaded[2])


def test_files_are_small():
    files = [path for path in resources.files("tf_lowdef.models").joinpath("demo_data").iterdir() if path.is_file()]
    sizes = {path.name: len(path.read_bytes()) for path in files}
    assert set(sizes) == {demo.WEIGHTS, demo.HARDENED_WEIGHTS, *(demo.asset_name(name) for name in demo_class_names())}
    assert max(sizes.values()) <= 2_500_000
    assert sizes[demo.HARDENED_WEIGHTS] <= 1_000_000
    assert sum(sizes.values()) <= 5_000_000


def test_images_are_stored_without_loss(copied_assets):
    images = np.random.default_rng(0).integers(0, 256, (20, 96, 96, 3)).astype(np.uint8)
    (copied_assets / "can.webp").write_bytes(demo.encode_class(images))
    np.testing.assert_array_equal(demo.load_demo_images()[0][60:80], images)


@pytest.mark.parametrize("name", ["cone.webp", "demo.weights.h5", "hardened.npz"])
def test_missing_file(copied_assets, name):
    (copied_assets / name).unlink()
    with pytest.raises(FileNotFoundError, match=f"embedded default is missing.*{name}"):
        load_demo(hardened=name == demo.HARDENED_WEIGHTS)


@pytest.mark.parametrize("name", ["cone.webp", "demo.weights.h5", "hardened.npz"])
def test_damaged_file(copied_assets, name):
    path = copied_assets / name
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"damaged.*{name}"):
        load_demo(hardened=name == demo.HARDENED_WEIGHTS)


def test_image_file_of_another_size(copied_assets):
    images = np.zeros((19, 96, 96, 3), np.uint8)
    (copied_assets / "cone.webp").write_bytes(demo.encode_class(images))
    with pytest.raises(ValueError, match=r"96 x 1920 pixels. Received: .*cone.webp, 96 x 1824"):
        load_demo()
