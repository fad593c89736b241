"""Where and how `roundtrip` runs, and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp import graph, pillow

HEIGHT, WIDTH = 45, 70
"""As in test_exactness: the same size takes no new trace."""


@pytest.fixture(scope="module")
def sample(pictures):
    return pictures(7, HEIGHT, WIDTH, 2)[1]


@pytest.fixture(scope="module")
def expected(sample):
    return pillow.roundtrip(sample, 60, 2)


def _function(**kwargs):
    return tf.function(
        lambda images: graph.roundtrip(images, 60, 2),
        input_signature=[tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.uint8)],
        autograph=False,
        **kwargs,
    )


def test_unknown_batch_in_a_graph(sample, expected):
    function = _function()
    for count in (7, 1, 2, 0):
        np.testing.assert_array_equal(function(tf.constant(sample[:count])).numpy(), expected[:count])
    assert function.get_concrete_function().structured_outputs.shape.as_list() == [None, HEIGHT, WIDTH, 3]


def test_eager_takes_arrays_and_single_images(sample, expected):
    np.testing.assert_array_equal(graph.roundtrip(sample, 60, 2).numpy(), expected)
    one = graph.roundtrip(sample[0], 60, 2)
    assert one.dtype == tf.uint8
    np.testing.assert_array_equal(one.numpy(), expected[0])
    assert graph.roundtrip(sample[:0], 60, 2).shape == (0, HEIGHT, WIDTH, 3)


@pytest.mark.parametrize(
    ("method", "height", "width", "batch"),
    [
        # the layers' tests compile method 0
        pytest.param(2, 50, 40, 4, marks=pytest.mark.slow),
        pytest.param(4, 20, 33, 3, marks=pytest.mark.slow),
        pytest.param(4, 160, 170, 3, marks=pytest.mark.long),
    ],
)
def test_compiled(method, height, width, batch, pictures):
    _, pixels = pictures(batch, height, width, 4)
    unknown = tf.function(lambda images: graph.roundtrip(images, 75, method))
    # a trace that the compiled function must not take
    unknown.get_concrete_function(tf.TensorSpec([None, height, width, 3], tf.uint8))
    compiled = tf.function(lambda images: graph.roundtrip(images, 75, method), jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(pixels)).numpy(), pillow.roundtrip(pixels, 75, method))


def test_in_a_dataset(sample, expected):
    dataset = tf.data.Dataset.from_tensor_slices(sample).batch(3).map(lambda images: graph.roundtrip(images, 60, 2))
    np.testing.assert_array_equal(np.concatenate(list(dataset.as_numpy_iterator())), expected)


@pytest.mark.slow
def test_in_a_dataset_service(sample, expected):
    dispatcher = tf.data.experimental.service.DispatchServer()
    address = dispatcher.target.split("://")[1]
    worker = tf.data.experimental.service.WorkerServer(
        tf.data.experimental.service.WorkerConfig(dispatcher_address=address)
    )
    dataset = tf.data.Dataset.from_tensor_slices(sample).batch(7).map(lambda images: graph.roundtrip(images, 60, 2))
    dataset = dataset.apply(
        tf.data.experimental.service.distribute(processing_mode="parallel_epochs", service=dispatcher.target)
    )
    np.testing.assert_array_equal(next(iter(dataset)).numpy(), expected)
    del worker


def test_one_trace_serves_all_qualities(sample):
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.uint8), tf.TensorSpec([None], tf.int64)])
    def function(images, qualities):
        traces.append(1)
        return graph.roundtrip(images, qualities, 2)

    for qualities in ([60] * 7, [0, 10, 50, 75, 98, 99, 100]):
        found = function(tf.constant(sample), tf.constant(qualities, tf.int64)).numpy()
        for image, quality, got in zip(sample, qualities, found, strict=True):
            np.testing.assert_array_equal(got, pillow.roundtrip(image, quality, 2))
    assert len(traces) == 1
    with pytest.raises(tf.errors.InvalidArgumentError):
        function(tf.constant(sample), tf.constant([101] * 7, tf.int64))


@pytest.mark.parametrize("quality", [60.5, 98.5, 0.3, np.float32(33.3)])
def test_qualities_between_whole_numbers(sample, quality):
    np.testing.assert_array_equal(graph.roundtrip(sample, quality, 2).numpy(), pillow.roundtrip(sample, quality, 2))


def test_scalar_quality_tensor(sample, expected):
    np.testing.assert_array_equal(graph.roundtrip(sample, tf.constant(60), 2).numpy(), expected)


def test_gradient_is_none(sample):
    with tf.GradientTape() as tape:
        pixels = tf.cast(sample, tf.float32)
        tape.watch(pixels)
        loss = tf.reduce_sum(tf.cast(graph.roundtrip(tf.cast(pixels, tf.uint8), 60, 2), tf.float32))
    assert tape.gradient(loss, pixels) is None


def test_no_python_in_the_graph():
    names = {node.op for node in _function().get_concrete_function().graph.as_graph_def().node}
    for function in _function().get_concrete_function().graph.as_graph_def().library.function:
        names |= {node.op for node in function.node_def}
    assert not {name for name in names if "PyFunc" in name}
    assert "FakeQuantWithMinMaxArgs" in names


@pytest.mark.parametrize("method", [5, 6])
def test_methods_with_trellis_are_refused(sample, method):
    with pytest.raises(ValueError, match=rf"methods 0 to 4.*Pillow codec. Received: method={method}"):
        graph.roundtrip(sample, 60, method)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"method": 7}, ValueError, "Received: method=7"),
        ({"method": 2.0}, ValueError, "Received: method=2.0"),
        ({"quality": 101}, ValueError, "Received: quality=101"),
        ({"quality": True}, ValueError, "Received: quality=True"),
        ({"quality": "60"}, ValueError, "Received: quality='60'"),
        ({"quality": tf.constant([60.0])}, TypeError, "float32"),
        ({"quality": tf.constant([[60]])}, ValueError, r"shape=\(1, 1\)"),
        ({"quality": np.array([50, 200])}, ValueError, "from 0 to 100"),
        ({"quality": np.array([50, 60])}, ValueError, "one quality per image"),
    ],
)
def test_bad_arguments(sample, arguments, error, message):
    with pytest.raises(error, match=message):
        graph.roundtrip(sample, **{"method": 2, **arguments})


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        (np.zeros((1, 8, 8, 3), np.float32), TypeError, "Received: float32"),
        (np.zeros((8, 8), np.uint8), ValueError, r"shape=\(8, 8\)"),
        (np.zeros((1, 8, 8, 4), np.uint8), ValueError, r"shape=\(1, 8, 8, 4\)"),
        (np.zeros((1, 0, 8, 3), np.uint8), ValueError, "at least 1 pixel"),
        (np.zeros((0, 1, 16384, 3), np.uint8), ValueError, "at most 16383"),
    ],
)
def test_bad_images(images, error, message):
    with pytest.raises(error, match=message):
        graph.roundtrip(images)


def test_unknown_size_is_refused():
    function = tf.function(graph.roundtrip, input_signature=[tf.TensorSpec([None, None, 8, 3], tf.uint8)])
    with pytest.raises(ValueError, match="static height and width"):
        function.get_concrete_function()


def test_package_above_imports_no_tensorflow():
    code = "import sys, tf_lowdef.webp; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
