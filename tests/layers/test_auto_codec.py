"""``codec="auto"``: Pillow where Python can be called on a CPU, the graph everywhere else."""

import importlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import RandomWebPLayer, WebPLayer, codec_scope
from tf_lowdef.serving.graph_ops import uses

scope = importlib.import_module("tf_lowdef.layers.codec_scope")  # the package names the function

SHAPE = (17, 23, 3)


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(scope, "has_gpu", lambda: True)


def calls_python(layer, **options):
    spec = tf.TensorSpec((None, *SHAPE), tf.float32)
    traced = tf.function(layer, autograph=False, **options).get_concrete_function(spec)
    return any("PyFunc" in use.op for use in uses(traced.graph.as_graph_def()))


LAYERS = [
    pytest.param(lambda: WebPLayer(40, method=0), id="webp"),
    pytest.param(lambda: RandomWebPLayer((20, 90), method=0, seed=1), id="webp-random"),
]
every_layer = pytest.mark.parametrize("build", LAYERS)


@every_layer
def test_pillow_on_a_cpu(build):
    assert build().supports_jit
    assert calls_python(build())


@every_layer
def test_the_graph_where_xla_compiles(build):
    assert not calls_python(build(), jit_compile=True)


@every_layer
def test_the_graph_where_there_is_a_gpu(build, gpu):
    assert not calls_python(build())
    with codec_scope("pillow"):
        assert calls_python(build())


def test_datasets_take_pillow_where_there_is_a_gpu(gpu, images, monkeypatch):
    layer = WebPLayer(40, method=2)
    expected = WebPLayer(40, method=2, codec="pillow")(images)
    monkeypatch.setattr(layer, "_transform_in_graph", lambda pixels: pytest.fail("the graph, on the CPU"))
    dataset = tf.data.Dataset.from_tensors(images).map(layer)
    np.testing.assert_array_equal(next(iter(dataset)), expected)


def test_an_export_by_keras_takes_the_graph(tmp_path, images):
    model = keras.Sequential([keras.Input(SHAPE), WebPLayer(40, method=0)])
    expected = model(images)
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    np.testing.assert_array_equal(loaded.serve(images.astype(np.float32)), expected)
    graph_def = loaded.signatures["serving_default"].graph.as_graph_def()
    assert not any("PyFunc" in use.op for use in uses(graph_def))


@pytest.mark.parametrize("arguments", [{"lossless": True}, {"method": 5}, {"codec": "pillow"}])
def test_what_the_graph_cannot_do_stays_with_pillow(arguments, gpu):
    layer = WebPLayer(**arguments)
    assert not layer.supports_jit
    assert calls_python(layer)


def test_an_open_size_stays_with_pillow(gpu):
    spec = tf.TensorSpec((None, None, None, 3), tf.uint8)
    traced = tf.function(WebPLayer(), autograph=False).get_concrete_function(spec)
    assert any("PyFunc" in use.op for use in uses(traced.graph.as_graph_def()))


@pytest.mark.parametrize("kind", ["CPU", "GPU"])
def test_keras_compiles_it_with_xla_on_a_gpu_alone(kind, monkeypatch):
    device = tf.config.PhysicalDevice(f"/physical_device:{kind}:0", kind)
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [device])
    model = keras.Sequential([keras.Input(SHAPE), WebPLayer(40)])
    model.compile(jit_compile="auto")
    assert model.jit_compile is (kind == "GPU")


@pytest.mark.slow
def test_attack_codec_and_classifier_are_one_compiled_step(images):
    """XLA compiles whole functions: what it takes has no operation on the host."""
    model = keras.Sequential(
        [keras.Input(SHAPE), WebPLayer(40, method=0), keras.layers.Flatten(), keras.layers.Dense(5)]
    )

    @tf.function(jit_compile=True, autograph=False)
    def step(batch):
        with tf.GradientTape() as tape:
            tape.watch(batch)
            loss = tf.reduce_sum(model(batch, training=False)[:, 0])
        return batch + tf.sign(tape.gradient(loss, batch)), loss

    batch = tf.constant(images, tf.float32)
    assert not any("PyFunc" in use.op for use in uses(step.get_concrete_function(batch).graph.as_graph_def()))
    moved, loss = step(batch)
    assert np.abs(moved - batch).max() == 1
    np.testing.assert_allclose(loss, tf.reduce_sum(model(batch)[:, 0]), rtol=1e-4)
