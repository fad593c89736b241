"""What cannot be served is refused, by name, and with what to change."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, WebPLayer, serving
from tf_lowdef.layers import RandomWebPLayer
from tf_lowdef.serving.graph_ops import PYTHON_OPS, uses
from tf_lowdef.serving.saved_model import read_meta_graph


@keras.saving.register_keras_serializable(package="tests")
class PythonLayer(keras.layers.Layer):
    def call(self, inputs):
        outputs = tf.py_function(lambda x: x, [inputs], tf.float32)
        outputs.set_shape(inputs.shape)
        return outputs


class HiddenPythonLayer(PythonLayer):
    def call(self, inputs):
        return tf.function(super().call)(inputs)


class NumpyLayer(keras.layers.Layer):
    def call(self, inputs):
        return tf.ensure_shape(tf.numpy_function(lambda x: x, [inputs], tf.float32), inputs.shape)


class NewerLayer(keras.layers.Layer):
    def call(self, inputs):
        if not hasattr(tf.io, "decode_webp"):
            pytest.skip("this TensorFlow has no newer operation")
        decode = lambda: tf.reduce_sum(tf.cast(tf.io.decode_webp(tf.constant(b"RIFF")), tf.float32))  # noqa: E731
        return tf.cond(tf.reduce_any(inputs > 1e9), lambda: inputs + decode(), lambda: inputs)  # never decodes


class RandomLayer(keras.layers.Layer):
    def call(self, inputs):
        return inputs + 50 * tf.random.uniform(())


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            [WebPLayer(lossless=True, name="webp")],
            "WebPLayer 'webp' cannot be exported: lossless=True .* Leave the layer",
        ),
        ([WebPLayer(method=6, name="webp")], "WebPLayer 'webp' .* method=4 .* Received: method=6"),
        ([WebPLayer(method=5, name="webp")], "Received: method=5"),
        (
            [FlipLayer(), PythonLayer(name="outside")],
            "layer 'outside' uses EagerPyFunc, which calls back into the Python",
        ),
        ([FlipLayer(), HiddenPythonLayer(name="hidden")], "layer 'hidden' uses EagerPyFunc"),
        ([FlipLayer(), NumpyLayer(name="numpy")], "layer 'numpy' uses PyFunc"),
        ([FlipLayer(), NewerLayer(name="newer")], r"layer 'newer' uses DecodeWebP, which is not in TensorFlow 2\.16"),
        ([FlipLayer(), RandomLayer(name="dice")], "call to call: a layer in it is random: 'dice'. Export"),
        ([FlipLayer(), RandomWebPLayer((20, 90), method=0, name="draws")], "a layer in it is random: 'draws'. Export"),
    ],
    ids=[
        "lossless",
        "method 6",
        "method 5",
        "py_function",
        "nested function",
        "numpy_function",
        "newer",
        "random",
        "draws",
    ],
)
def test_layers_that_cannot_be_served(layers, message, tmp_path, small_base):
    with pytest.raises(ValueError, match=message):
        serving.export(keras.Sequential([keras.Input((32, 32, 3)), *layers, small_base()]), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_seed_does_not_hide_what_is_random(tmp_path, small_base):
    keras.utils.set_random_seed(0)  # two traces of one random operation draw the same first number then
    model = keras.Sequential([keras.Input((32, 32, 3)), FlipLayer(), RandomLayer(), small_base()])
    with pytest.raises(ValueError, match="a layer in it is random"):
        serving.export(model, tmp_path / "model")


def test_a_nested_layer_is_named(tmp_path, small_base):
    inputs = keras.Input((32, 32, 3))
    inner = keras.Model(inputs, PythonLayer(name="within")(inputs), name="inner")
    model = keras.Model(inputs, small_base()(inner(inputs)))
    with pytest.raises(ValueError, match="layer 'within'"):
        serving.export(model, tmp_path / "model")


@pytest.mark.slow
def test_a_function_that_was_traced_before_never_slips_through(tmp_path, small_base):
    """TensorFlow 2.21 traces it again inside another graph; 2.16 keeps Pillow in it."""

    class Traced(keras.Model):
        def __init__(self):
            super().__init__()
            self.webp, self.base = WebPLayer(60, method=0, name="early"), small_base()
            self.compiled_webp = tf.function(self.webp, input_signature=[tf.TensorSpec((None, 32, 32, 3))])
            self.compiled_webp.get_concrete_function()

        def call(self, inputs):
            return self.base(self.compiled_webp(inputs))

    try:
        serving.export(Traced(), tmp_path / "model", samples=np.zeros((1, 32, 32, 3), np.uint8))
    except ValueError as error:
        assert "layer 'early' uses EagerPyFunc" in str(error)  # noqa: PT017  # either outcome is right
        assert not (tmp_path / "model").exists()
    else:
        graph_def = read_meta_graph(tmp_path / "model" / "1").graph_def
        assert not any(use.op in PYTHON_OPS for use in uses(graph_def))


def unknown_size():
    inputs = keras.Input((None, None, 3))
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(WebPLayer()(inputs)))


def two_inputs():
    inputs = [keras.Input((8, 8, 3)), keras.Input((8, 8, 3))]
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(keras.layers.Add()(inputs)))


def outputs(kind):
    inputs = keras.Input((8, 8, 3), name="image")
    means = keras.layers.GlobalAveragePooling2D()(inputs)
    scores, value = keras.layers.Dense(4, name="scores")(means), keras.layers.Dense(2, name="value")(means)
    return keras.Model(
        inputs,
        {
            "two": [scores, value],
            "dict": {"scores": scores, "value": value},
            "one": [scores],
            "one in a dict": {"scores": scores},
        }[kind],
        name="twins",
    )


def not_finite():
    dense = keras.layers.Dense(3, name="spoilt")
    model = keras.Sequential([keras.Input((8, 8, 3)), FlipLayer(), keras.layers.Flatten(), dense], name="nan")
    weights = dense.get_weights()
    weights[0][0, 0] = np.nan
    dense.set_weights(weights)
    return model


def images_out():
    return keras.Sequential([keras.Input((8, 8, 3)), FlipLayer()])


@pytest.mark.parametrize(
    ("build", "arguments", "error", "message"),
    [
        (unknown_size, {}, ValueError, r"height and width .* keras.Input\(\(height, width, 3\)\)"),
        (two_inputs, {}, ValueError, "has 2 inputs: .* A classifier here has one"),
        (lambda: outputs("two"), {}, ValueError, r"'twins' has 2 outputs: scores, value. .* keras.Model\(model.inputs"),
        (lambda: outputs("dict"), {}, ValueError, r"'twins' has 2 outputs: scores, value"),
        (not_finite, {}, ValueError, r"scores of 'nan' are not finite .*: 'spoilt'. Train or load it again"),
        (None, {"on_bad_image": "skip"}, ValueError, r"one of \('mark', 'error'\). Received: on_bad_image='skip'"),
        (None, {"max_image_size": (0, 5)}, ValueError, r"whole numbers from 1. Received: \(0, 5\)"),
        (None, {"max_image_size": (20, 50)}, ValueError, r"smaller than what the model takes, 32x32"),
        (None, {"samples": "nowhere"}, NotADirectoryError, "nowhere: `samples` must be a folder"),
        (
            images_out,
            {},
            ValueError,
            r"class scores of shape .* Received: output_shape=\(None, 8, 8, 3\)",
        ),
        (
            lambda: keras.Sequential([keras.Input((8, 8, 4)), keras.layers.Flatten()]),
            {},
            ValueError,
            "RGBA is no",
        ),
        (lambda: FlipLayer(), {}, ValueError, "was never called"),
        (None, {"version": 0}, ValueError, "Received: version=0"),
        (None, {"version": "1"}, ValueError, "Received: version='1'"),
        (None, {"path": "a model"}, ValueError, "letters, digits"),
        (None, {"class_names": ["red"]}, ValueError, "must be 3, one a class. Received: 1"),
        (None, {"class_names": "abc"}, TypeError, "Received: 'abc'"),
        (None, {"class_names": [1, 2, 3]}, TypeError, "sequence of strings"),
        (None, {"samples": np.zeros((1, 8, 8, 3))}, ValueError, r"takes images of 32x32 pixels. Received: \(8, 8\)"),
        (None, {"samples": np.full((1, 32, 32, 3), 0.5)}, ValueError, "whole numbers"),
        (None, {"samples": np.full((1, 32, 32, 3), np.nan)}, ValueError, "whole numbers"),
        (None, {"samples": np.zeros((32, 32, 3))}, ValueError, r"Received: shape=\(32, 32, 3\)"),
        (None, {"samples": np.full((1, 32, 32, 3), 256)}, ValueError, "from 0 to 255"),
    ],
)
def test_bad_arguments(build, arguments, error, message, tmp_path, small_base):
    model = build() if build else keras.Sequential([FlipLayer(), small_base()])
    path = tmp_path / arguments.pop("path", "model")
    with pytest.raises(error, match=message):
        serving.export(model, path, **arguments)
    assert not path.exists()


def test_a_file_in_the_way_and_no_file_at_all(tmp_path, small_base):
    (tmp_path / "model").write_text("mine")
    with pytest.raises(NotADirectoryError, match="must be a folder"):
        serving.export(small_base(), tmp_path / "model")
    assert (tmp_path / "model").read_text() == "mine"
    with pytest.raises(FileNotFoundError, match="No such model"):
        serving.export(tmp_path / "nowhere.keras", tmp_path / "other")


@pytest.mark.parametrize("kind", [pytest.param("one", marks=pytest.mark.slow), "one in a dict"])
def test_one_output_in_a_list_or_dict_is_it(kind, tmp_path):
    model = outputs(kind)
    for name, each in (("alone", model), ("behind", keras.Sequential([FlipLayer(), model]))):
        serving.export(each, tmp_path / name)
        served = tf.saved_model.load(str(tmp_path / name / "1")).signatures["serving_default"]
        pixels = tf.random.stateless_uniform((2, 8, 8, 3), (0, 1), 0, 255)
        own = model(pixels)
        own = own["scores"] if isinstance(own, dict) else own[0] if isinstance(own, list) else own
        np.testing.assert_allclose(served(pixels=pixels)["logits"], own, atol=1e-3)


def test_a_folder_without_images(tmp_path, small_base):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no images to take as samples"):
        serving.export(small_base(), tmp_path / "model", samples=tmp_path / "empty")
