"""The server takes pixels in [0, 255] whatever range the model's own layers have; a mistake in it is noticed."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, JPEGLayer, WebPLayer, as_classifier, load_model, serving
from tf_lowdef.models.input_range import declared_range
from tf_lowdef.models.networks import as_network
from tf_lowdef.serving.own_scale import check_own_scale
from tf_lowdef.serving.samples import encode, make_samples
from tf_lowdef.serving.signatures import BYTES_INPUT, DEFENDED, LOGITS, PIXELS_INPUT

SIZE = 32


def pixels_of(value_range):
    """A model of a fixed answer to images in a range, whose wrong range gives another class."""
    low, high = value_range
    dense = keras.layers.Dense(3)
    base = keras.Sequential([keras.Input((SIZE, SIZE, 3)), keras.layers.GlobalAveragePooling2D(), dense])
    dense.set_weights([np.eye(3, dtype=np.float32) * 25 / (high - low), np.array([0.1, 0.2, 0.3], np.float32)])
    return base


def layers_of(value_range):
    return [WebPLayer(60, method=0, value_range=value_range), FlipLayer()]


def functional(layers, base):
    inputs = keras.Input((SIZE, SIZE, 3))
    images = inputs
    for layer in layers:
        images = layer(images)
    return keras.Model(inputs, base(images))


def nested(layers, base):
    inputs = keras.Input((SIZE, SIZE, 3))
    inner = keras.Model(inputs, layers[1](layers[0](inputs)), name="defence")
    return keras.Sequential([inner, base])


BUILDERS = {"sequential": lambda layers, base: keras.Sequential([*layers, base]), "functional": functional}


@pytest.mark.slow
@pytest.mark.parametrize(("build", "value_range"), [("sequential", (-1, 1)), ("functional", (0, 1))])
def test_the_servers_answers_are_the_models_on_its_own_scale(value_range, build, tmp_path):
    model = BUILDERS[build](layers_of(value_range), pixels_of(value_range))
    serving.export(model, tmp_path / "model")
    loaded = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures
    samples = make_samples((SIZE, SIZE), seed=5)
    low, high = value_range
    own = model.predict(samples.astype(np.float32) * ((high - low) / 255) + low, verbose=0)
    served = loaded["serving_default"](**{PIXELS_INPUT: tf.constant(samples, tf.float32)})
    np.testing.assert_allclose(served[LOGITS], own, atol=1e-4)
    files = [encode(keras.utils.array_to_img(sample, scale=False), "PNG") for sample in samples]
    np.testing.assert_allclose(loaded["serving_bytes"](**{BYTES_INPUT: tf.constant(files)})[LOGITS], own, atol=1e-4)
    assert "mapped to what the model takes" in (tmp_path / "model" / "README.md").read_text()
    if build == "sequential":
        assert served[DEFENDED].numpy().max() > 1


def test_a_range_mistake_is_noticed_before_anything_is_written(tmp_path):
    """What would be served is compared with the model on its own scale, called as its owner calls it."""
    model = keras.Sequential([*layers_of((-1, 1)), pixels_of((-1, 1))])
    scores = np.zeros((3, 3), np.float32)
    with pytest.raises(ValueError, match="says something else on its own scale"):
        check_own_scale(model, None, make_samples((SIZE, SIZE)), scores)


def said(model):
    found = declared_range(as_network(model))
    return (0, 255) if found is None else found.said


def test_the_range_is_that_of_the_layers_at_the_input():
    base = pixels_of((0, 255))
    assert said(base) == (0, 255)
    for build in (*BUILDERS.values(), nested):
        assert said(build(layers_of((-1, 1)), base)) == (-1, 1)
        assert said(build([FlipLayer(), JPEGLayer(60, value_range=(0, 1))], base)) == (0, 1)
        assert said(build([keras.layers.Rescaling(1 / 255), WebPLayer(60, value_range=(0, 1))], base)) == (0, 255)


def test_layers_that_differ_are_named():
    model = keras.Sequential([WebPLayer(60, value_range=(0, 1), name="a"), JPEGLayer(60, name="b"), pixels_of((0, 1))])
    with pytest.raises(ValueError, match=r"must have one `value_range`. Received: a: value_range=\(0.*b: value_range"):
        declared_range(as_network(model))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.webp, self.base = WebPLayer(60, method=0, value_range=(0, 1), name="webp"), pixels_of((0, 1))

    def call(self, inputs):
        return self.base(self.webp(inputs))


@pytest.mark.slow
def test_a_subclassed_models_range_must_be_said(tmp_path):
    samples = make_samples((SIZE, SIZE))
    with pytest.raises(ValueError, match="'webp' has value_range=.0.*1.* Pass `input_range`"):
        serving.export(Subclassed(), tmp_path / "model", samples=samples)
    model = Subclassed()
    serving.export(model, tmp_path / "model", samples=samples, input_range=(0, 1))
    served = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures["serving_default"]
    answer = served(**{PIXELS_INPUT: tf.constant(samples, tf.float32)})[LOGITS]
    np.testing.assert_allclose(answer, model(samples / np.float32(255)), atol=1e-4)


def test_a_bad_range(tmp_path):
    with pytest.raises(ValueError, match="`input_range` must be"):
        serving.export(pixels_of((0, 1)), tmp_path / "model", input_range=(1, 0))


@pytest.mark.parametrize("adapted", [False, True])
def test_several_sigmoids_are_served_as_what_the_model_says(adapted, tmp_path):
    """Their softmax is nothing that the model ever says, and sigmoids of sigmoids are all near a half."""
    inputs = keras.Input((SIZE, SIZE, 3))
    outputs = keras.layers.Dense(3, "sigmoid", name="scores")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("scores").set_weights([np.eye(3) * 4, np.array([-2.0, -1.0, -3.0])])
    user = model
    if adapted:
        as_classifier(model, input_range=(0, 1)).save(tmp_path / "adapted.keras")
        user = load_model(tmp_path / "adapted.keras")
    path = serving.export(user, tmp_path / "model", **({} if adapted else {"input_range": (0, 1)}))
    images = make_samples((SIZE, SIZE), seed=3).astype(np.float32)
    served = tf.saved_model.load(str(path)).signatures["serving_default"](**{PIXELS_INPUT: tf.constant(images)})
    own = model.predict(images / 255, verbose=0)
    np.testing.assert_allclose(served["probabilities"], own, atol=1e-5)
    np.testing.assert_array_equal(served["top_classes"][:, 0], own.argmax(axis=1))
    assert "each is of one class against the rest" in (tmp_path / "model" / "README.md").read_text()
    logits = np.asarray(served[LOGITS])
    with pytest.raises(ValueError, match="says something else on its own scale"):
        check_own_scale(model, (0, 1), images.astype(np.uint8), logits + 1, sigmoids=True)
