"""Finding operations in a graph and in its functions, and the layer that brought them."""

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from tf_lowdef.serving.graph_ops import PYTHON_OPS, layer_of, newer_ops, unservable, uses


def test_operations_inside_functions_are_found():
    def python(x):
        return tf.ensure_shape(tf.py_function(lambda y: y, [x], tf.float32), x.shape)

    @tf.function
    def outer(x):
        with tf.name_scope("webp_3"):
            return tf.cond(tf.reduce_sum(x) > 0, lambda: tf.map_fn(tf.function(python), x), lambda: x)

    (found,) = unservable(outer.get_concrete_function(tf.TensorSpec((2, 3))).graph.as_graph_def())
    assert found.op == "EagerPyFunc"
    assert found.path.startswith("webp_3/")
    assert layer_of(found.path, ["webp", "flip"]) == "webp"


def test_the_innermost_layer_is_named():
    assert layer_of("model_1/defence/webp_2/PyFunc", ["model", "defence", "webp"]) == "webp"
    assert layer_of("model/conv2d_1/Conv", ["model", "conv2d", "conv2d_1"]) == "conv2d_1"
    assert layer_of("elsewhere/PyFunc", ["model"]) is None


def test_defaults_of_new_attributes_do_not_count():
    graph = tf.Graph()
    with graph.as_default():
        tf.gather_nd(tf.zeros((3, 3)), tf.zeros((1, 1), tf.int32))
    assert "GatherNd" in newer_ops()["attributes"]
    assert unservable(graph.as_graph_def()) == []
    if hasattr(op_def_registry.get("GatherNd").attr[0], "name") and "bad_indices_policy" in {
        attribute.name for attribute in op_def_registry.get("GatherNd").attr
    }:
        with graph.as_default():
            tf.gather_nd(tf.zeros((3, 3)), tf.zeros((1, 1), tf.int32), bad_indices_policy="IGNORE")
        (found,) = unservable(graph.as_graph_def())
        assert "sets bad_indices_policy" in found.why


def test_every_node_is_seen_once():
    @tf.function
    def function(x):
        return tf.sqrt(x) + tf.sqrt(x)

    graph_def = function.get_concrete_function(tf.TensorSpec((2,))).graph.as_graph_def()
    assert sum(use.op == "Sqrt" for use in uses(graph_def)) == 2


def test_the_shipped_list():
    newer = newer_ops()
    assert newer["oldest"].startswith("2.16.")
    assert {"DecodeWebP", "DecodeJxl"} <= set(newer["ops"])
    assert not set(newer["ops"]) & {*PYTHON_OPS, "Conv2D", "PartitionedCall"}
    if tf.__version__ == newer["newest"]:
        assert all(op_def_registry.get(name) is not None for name in newer["ops"])
    if tf.__version__ == newer["oldest"]:
        assert all(op_def_registry.get(name) is None for name in newer["ops"])
