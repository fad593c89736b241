"""The codec of a scope reaches every WebP layer that is called inside, and no other."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, RandomWebPLayer, WebPLayer, codec_scope
from tf_lowdef.layers import draw_scope

SHAPE = (17, 23, 3)


def python_ops(function, *shape):
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    graphs = [concrete.graph.as_graph_def()]
    nodes = [node.op for graph in graphs for node in graph.node]
    nodes += [node.op for graph in graphs for inner in graph.library.function for node in inner.node_def]
    return sum("PyFunc" in op for op in nodes)


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.webp = WebPLayer(40, method=2)

    def call(self, inputs):
        return self.webp(inputs)


def nested():
    return keras.Sequential([keras.Input(SHAPE), keras.Sequential([keras.Input(SHAPE), WebPLayer(40, method=2)])])


def shared():
    layer, inputs = WebPLayer(40, method=2), keras.Input(SHAPE)
    return keras.Model(inputs, layer(FlipLayer()(layer(inputs))))


def wrapped():
    inputs = keras.Input((2, *SHAPE))
    return keras.Model(inputs, keras.layers.TimeDistributed(WebPLayer(40, method=2))(inputs))


@pytest.mark.parametrize("build", [nested, shared, wrapped, Subclassed])
def test_reaches_every_layer_and_changes_no_pixel(build, images):
    model = build()
    batch = images.astype(np.float32)
    if build is wrapped:
        batch = np.stack([batch[:2], batch[1:]])
    expected = model(batch)
    assert python_ops(model, None, *batch.shape[1:]) > 0
    with codec_scope("graph"):
        np.testing.assert_array_equal(model(batch), expected)
        assert python_ops(model, None, *batch.shape[1:]) == 0
    assert python_ops(model, None, *batch.shape[1:]) > 0


def test_random_qualities(images):
    layer = RandomWebPLayer((20, 90), method=2)
    keys = tf.constant([[1, 2], [3, 4], [5, 6]], tf.int64)[: len(images)]
    with draw_scope(keys):
        expected = layer(images)
        with codec_scope("graph"):
            np.testing.assert_array_equal(layer(images), expected)
    with codec_scope("graph"):
        assert python_ops(layer, None, *SHAPE) == 0


def test_scopes_nest_and_end_with_an_error():
    layer = WebPLayer(40, method=2)
    with codec_scope("graph"):
        with codec_scope("pillow"):
            assert python_ops(layer, None, *SHAPE) > 0
        assert python_ops(layer, None, *SHAPE) == 0
    with pytest.raises(RuntimeError), codec_scope("graph"):
        raise RuntimeError
    assert python_ops(layer, None, *SHAPE) > 0
    with codec_scope("pillow"):
        assert python_ops(WebPLayer(40, method=2, codec="graph"), None, *SHAPE) > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lossless": True}, "lossy WebP only. Received: lossless=True"),
        ({"method": 6}, "methods 0 to 4 .* Received: method=6"),
    ],
)
def test_what_the_graph_codec_cannot_do_is_named(arguments, message, images):
    with pytest.raises(ValueError, match=message):
        WebPLayer(codec="graph", **arguments)
    layer = WebPLayer(**arguments)
    layer(images)
    with codec_scope("graph"), pytest.raises(ValueError, match=message):
        layer(images)


def test_unknown_codec_and_open_size_are_named():
    with pytest.raises(ValueError, match="Received: codec='cwebp'"), codec_scope("cwebp"):
        pass
    with pytest.raises(ValueError, match="static height and width"):
        tf.function(WebPLayer(codec="graph")).get_concrete_function(tf.TensorSpec((None, None, None, 3)))
