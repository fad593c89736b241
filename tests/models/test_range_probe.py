import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, WebPLayer, load_demo
from tf_lowdef.models.input_range import parse_input_range
from tf_lowdef.models.range_probe import RangeError, check_range, find_better_range, images_to_probe

SIDE = 8


@pytest.fixture(scope="module")
def data():
    """Two classes: the left or the right half is brighter, by a little."""
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = rng.integers(100, 140, (120, SIDE, SIDE, 3))
    for image, label in zip(images, labels, strict=True):
        image[:, label * 4 : label * 4 + 4] += 30
    return images.astype(np.uint8), labels.astype(np.int64)


def classifier(range_=(0, 1), channels=3):
    """Right for what lies in the range, and always class 0 otherwise: the threshold is on absolute values."""
    inputs = keras.Input((SIDE, SIDE, channels))
    low, high = range_
    grey = keras.layers.Rescaling(1 / (high - low), -low / (high - low))(inputs)
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D((SIDE, SIDE // 2))(grey))
    bent = keras.layers.Activation("tanh")(keras.layers.Dense(4, name="bend")(pooled))
    model = keras.Model(inputs, keras.layers.Dense(2, activation="softmax", name="end")(bent), name="mine")
    half = np.concatenate([np.ones((channels, 2)) * [1, 0], np.ones((channels, 2)) * [0, 1]]) * 40 / channels
    model.get_layer("bend").set_weights([np.concatenate([half, half], axis=1), np.full(4, -21.0)])
    model.get_layer("end").set_weights([np.array([[9, 0], [0, 9], [0, 0], [0, 0]]), np.array([0.01, 0])])
    return model


@pytest.mark.parametrize("range_", [(0, 1), (-1, 1)])
def test_another_range_is_an_error_with_both_accuracies(range_, data):
    with pytest.raises(RangeError) as caught:
        check_range(classifier(range_), *data)
    text = str(caught.value)
    said = f"({range_[0]}, {range_[1]})"
    assert f"input_range={said}" in text
    assert f"--input-range {range_[0]},{range_[1]}" in text
    assert "of 120 images it classifies 100.0% correctly" in text
    assert "50.0% in (0,255)" in text


class StaysAwake(keras.layers.GaussianNoise):
    """Noise that does not rest when a model predicts."""

    def call(self, inputs):
        return super().call(inputs, training=True)


@pytest.mark.parametrize("draws", [False, True])
def test_a_classifier_that_draws_is_told_so_too(draws, data):
    layer = (StaysAwake if draws else keras.layers.GaussianNoise)(0.2, seed=0)
    with pytest.raises(RangeError) as caught:
        check_range(keras.Sequential([keras.Input((SIDE, SIDE, 3)), layer, classifier((0, 1))]), *data)
    assert ("draws or remembers" in str(caught.value)) == draws


def test_the_right_range_is_none(data):
    assert find_better_range(classifier((0, 255)), *data) is None
    model, images, labels = load_demo()
    assert find_better_range(model, images, labels) is None


def test_layers_of_ours_are_looked_behind(data):
    base = classifier((0, 1))
    defended = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(90), FlipLayer(), base])
    images, labels = data
    better = find_better_range(defended, images, 1 - labels)
    assert better.found == parse_input_range((0, 1))
    with pytest.raises(RangeError, match=r"comes out of WebPLayer .*, FlipLayer .*value_range=\(0, 1\)"):
        check_range(defended, images, 1 - labels)
    right = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(90, value_range=(0, 1)), FlipLayer(), base])
    assert find_better_range(right, images, 1 - labels) is None
    wrong = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(90, value_range=(-1, 1)), FlipLayer(), base])
    assert find_better_range(wrong, images, 1 - labels).assumed == parse_input_range((-1, 1))
    inside = keras.Input((SIDE, SIDE, 3))
    nested = keras.Sequential([keras.Model(inside, base(FlipLayer()(WebPLayer(90)(inside))))])
    assert find_better_range(nested, images, 1 - labels).behind


def test_grey(data):
    images, labels = data
    assert find_better_range(classifier((0, 1), 1), images[..., :1], labels).found == parse_input_range((0, 1))


def test_chance_is_no_reason(data):
    images, labels = data
    assert find_better_range(classifier(), images[:8], labels[:8]) is None
    assert find_better_range(classifier(), images[labels == 1], labels[labels == 1]) is None


def test_every_class_is_probed():
    labels = np.repeat([3, 0, 5], [1000, 40, 2])
    chosen = images_to_probe(labels, 30)
    assert chosen == sorted(chosen)
    assert np.bincount(labels[chosen]).tolist() == [14, 0, 0, 14, 0, 2]
    assert images_to_probe(labels[:7], 30) == list(range(7))
