"""Exports whose codec XLA compiles."""

import keras
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, WebPLayer, serving
from tf_lowdef.serving.graph_ops import uses
from tf_lowdef.serving.saved_model import read_meta_graph
from tf_lowdef.serving.warmup import read_warmup


@pytest.fixture(scope="module")
def xla_export(tmp_path_factory, small_base):
    root = tmp_path_factory.mktemp("xla") / "compiled"
    model = keras.Sequential([WebPLayer(60, method=0), FlipLayer(), small_base()])
    serving.export(model, root, xla=True, batch_sizes=[3, 1])
    return root


def compiled_calls(graph_def):
    return [use for use in uses(graph_def) if use.node.attr["_XlaMustCompile"].b]


@pytest.mark.slow
def test_the_codec_alone_is_compiled_and_serves(xla_export):
    assert compiled_calls(read_meta_graph(xla_export / "1").graph_def)
    results = serving.check(xla_export)
    assert [each.name for each in results if each.passed is False] == []
    assert {"python serving_default", "python serving_bytes"} <= {each.name for each in results if each.passed}


@pytest.mark.slow
def test_warm_up_requests_have_every_batch_size(xla_export):
    sizes = {}
    for request in read_warmup(xla_export / "1"):
        (tensor,) = (tf.make_ndarray(_tensor(each)) for each in request.inputs.values())
        sizes.setdefault(request.model_spec.signature_name, []).append(len(tensor))
    assert sizes == {"serving_default": [1, 3], "serving_bytes": [1, 3]}
    readme = (xla_export / "README.md").read_text()
    assert "--xla_cpu_compilation_enabled" in readme
    assert "batches of 1, 3 before" in readme


@pytest.mark.slow
def test_without_xla_nothing_is_compiled(small_export):
    assert not compiled_calls(read_meta_graph(small_export / "1").graph_def)
    assert "xla" not in (small_export / "README.md").read_text().lower()


@pytest.mark.parametrize("sizes", [[], [0], [1.5], [True], ["8"]])
def test_batch_sizes_are_checked_first(sizes, tmp_path, small_base):
    with pytest.raises(ValueError, match=r"`batch_sizes` must be positive integers.*Received: \["):
        serving.export(keras.Sequential([FlipLayer(), small_base()]), tmp_path / "m", xla=True, batch_sizes=sizes)
    assert not (tmp_path / "m").exists()


def _tensor(given):
    from tensorflow.core.framework import tensor_pb2

    return tensor_pb2.TensorProto.FromString(given.SerializeToString())
