"""Data of TensorFlow Datasets, mocked: made-up images, and no download."""

from __future__ import annotations

import io

import keras
import numpy as np
import pytest
from PIL import Image

from tf_lowdef import evaluate
from tf_lowdef.data.load import load_data

COUNT = 11


@pytest.fixture
def tfds():
    return pytest.importorskip("tensorflow_datasets", reason="pip install -e '.[tfds]' for these tests")


@pytest.fixture
def mocked(tfds):
    with tfds.testing.mock_data(num_examples=COUNT):
        yield tfds.load("cifar10", split="test")


@pytest.fixture
def classifier():
    inputs = keras.Input((32, 32, 3))
    outputs = keras.layers.Dense(10, kernel_initializer=keras.initializers.RandomNormal(seed=1))(
        keras.layers.GlobalAveragePooling2D()(inputs)
    )
    return keras.Model(inputs, outputs)


def test_images_and_labels_are_those_of_the_set(mocked):
    data = load_data("tfds:cifar10/test", None)
    expected = [(example["image"], int(example["label"])) for example in mocked.as_numpy_iterator()]
    assert len(data) == COUNT
    assert data.labels.tolist() == [label for _, label in expected]
    assert data.names[:2] == ["00", "01"]
    for order in (range(COUNT), [3, 10, 0], [10], [0, 1]):
        images, failed = data.read_batch(list(order))
        assert failed == {}
        np.testing.assert_array_equal(images, [expected[index][0] for index in order])
    assert data.class_names == tuple(map(str, range(10)))  # as the mock has them
    assert data.read(4).shape == (32, 32, 3)
    assert load_data("tfds:cifar10/test", (8, 16)).read(4).shape == (8, 16, 3)
    assert data.digest([1, 2]) == load_data("tfds:cifar10/test", None).digest([1, 2]) != data.digest([2, 1])


def test_a_pass_forward_is_one_pass(mocked, monkeypatch):
    data, begun = load_data("tfds:cifar10/test", None), []
    examples = data.stream._examples

    class Counted:
        def as_numpy_iterator(self):
            begun.append(1)
            return examples.as_numpy_iterator()

    data.stream._examples = Counted()
    for start in range(0, COUNT, 4):
        data.read_batch(list(range(start, min(start + 4, COUNT))))
    assert len(begun) == 1
    data.read_batch([0])
    assert len(begun) == 2


def test_an_evaluation_that_goes_on(mocked, classifier, tmp_path):
    arguments = {"attacks": ["fgsm:4"], "defences": ["none", "flip"], "limit": 7, "batch_size": 4}
    first = evaluate(classifier, "tfds:cifar10/test", out=tmp_path / "run", **arguments)
    again = evaluate(classifier, "tfds:cifar10/test", out=tmp_path / "run", **arguments)
    assert [row.correct for row in first.rows] == [row.correct for row in again.rows]
    assert first.run["data"] == again.run["data"]
    assert (first.run["data"]["source"], first.run["data"]["found"]) == ("tfds:cifar10/test", COUNT)
    assert len(list((tmp_path / "run" / "adversarial" / "fgsm-4").glob("*.png"))) == 7


def test_what_cannot_be_decoded_is_named(mocked, monkeypatch):
    data = load_data("tfds:cifar10/test", None)
    buffer = io.BytesIO()
    Image.new("L", (5, 4), 7).save(buffer, "PNG")
    monkeypatch.setattr(data.stream, "read", lambda indices: {0: b"no image", 1: buffer.getvalue()})
    images, failed = data.read_batch([0, 1])
    assert (images[0].shape, images[0].max()) == ((4, 5, 3), 7)
    assert list(failed) == [0]
    assert "tfds:cifar10/test: image 0 cannot be decoded" in failed[0]


def test_weights_beside_image_and_label_are_left_out(mocked, tfds, monkeypatch):
    info = tfds.builder("cifar10").info
    monkeypatch.setattr(type(info), "supervised_keys", property(lambda self: ("image", "label", "id")))
    assert load_data("tfds:cifar10/test", None).read(0).shape == (32, 32, 3)
    monkeypatch.setattr(type(info), "supervised_keys", property(lambda self: ({"a": "image"}, "label")))
    with pytest.raises(ValueError, match="one image and one label an example"):
        load_data("tfds:cifar10/test", None)


@pytest.mark.parametrize("name", ["tfds:cifar10", "tfds:/test", "tfds:cifar10/"])
def test_a_name_without_a_split_is_refused(tfds, name):
    with pytest.raises(ValueError, match="tfds:NAME/SPLIT. Received: 'tfds:"):
        load_data(name, None)


def test_a_set_that_is_none(tfds):
    with pytest.raises(ValueError, match="tfds:no_such_set_at_all/test: "):
        load_data("tfds:no_such_set_at_all/test", None)
