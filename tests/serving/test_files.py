"""The files beside a model: warm-up requests, expected answers, and what is exchanged with other processes."""

import struct

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from tf_lowdef.serving.bad_requests import bad_requests, strings
from tf_lowdef.serving.exchange import ANSWERS, Request, read_answers, read_requests, write_output, write_requests
from tf_lowdef.serving.expected import read_expected, write_expected
from tf_lowdef.serving.samples import make_samples
from tf_lowdef.serving.warmup import FILE, read_warmup, write_warmup

EXPECTED = {
    "serving_default": ({"pixels": np.ones((2, 4, 4, 3), np.float32)}, {"logits": np.zeros((2, 3), np.float32)}),
    "serving_bytes": (
        {"image_bytes": strings([b"\x00a\x00", b"", b"\xff"])},
        {"top_class_names": strings([b"a", b"b", b"c"]).reshape(3, 1)},
    ),
}


def assert_same(read, written):
    assert read.keys() == written.keys()
    for name, array in written.items():
        assert (read[name].dtype, read[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(read[name], array)


def test_expected_answers_come_back(tmp_path):
    write_expected(tmp_path, EXPECTED)
    read = read_expected(tmp_path)
    assert read.keys() == EXPECTED.keys()
    for name in EXPECTED:
        for side in (0, 1):
            assert_same(read[name][side], EXPECTED[name][side])


def test_warmup_requests_come_back(tmp_path):
    write_warmup(tmp_path, "demo", EXPECTED)
    default, encoded = read_warmup(tmp_path)
    assert default.model_spec.name == encoded.model_spec.name == "demo"
    assert [each.model_spec.signature_name for each in (default, encoded)] == ["serving_default", "serving_bytes"]
    proto = tensor_pb2.TensorProto.FromString(default.inputs["pixels"].SerializeToString())
    np.testing.assert_array_equal(tf.make_ndarray(proto), np.ones((1, 4, 4, 3)))


def test_warmup_requests_have_the_bytes_that_tensorflow_serving_reads(tmp_path):
    """Field numbers: PredictionLog.predict_log 6, its request 1, that one's model_spec 1, name 1, signature_name 3."""
    write_warmup(tmp_path, "m", {"s": ({}, {})})
    content = (tmp_path / FILE).read_bytes()
    record = bytes.fromhex("32 0a 0a 08 0a 06 0a 01 6d 1a 01 73")
    assert struct.unpack_from("<Q", content)[0] == len(record)
    assert content[12:-4] == record


def test_requests_and_answers_come_back(tmp_path):
    inputs = {"pixels": np.arange(6, dtype=np.float32).reshape(1, 2, 3), "bytes": strings([b"\x00 \n", b""])}
    nodes = {"pixels": ("node", 0), "bytes": ("node_2", 1), "logits": ("call", 3)}
    write_requests(tmp_path, [Request("first", "serving_default", inputs, nodes, ["logits"])])
    (request,) = read_requests(tmp_path)
    assert (request.name, request.signature, request.outputs) == ("first", "serving_default", ["logits"])
    assert_same(request.inputs, inputs)
    assert read_answers(tmp_path).failed == "the process said nothing"
    with (tmp_path / ANSWERS[0]).open("w") as text, (tmp_path / ANSWERS[1]).open("wb") as data:
        text.write("loaded\nrun first\n")
        for key, array in inputs.items():
            write_output(text, data, key, array)
        text.write("end\nrun second\nerror what: it was\nend\nrun third\n")
    answers = read_answers(tmp_path)
    assert answers.failed is None
    assert answers.by_name.keys() == {"first", "second"}
    assert_same(answers.by_name["first"].outputs, inputs)
    assert answers.by_name["second"].error == "what: it was"


def test_samples_are_the_same_every_time():
    samples = make_samples((16, 24), seed=1)
    assert (samples.shape, samples.dtype) == ((3, 16, 24, 3), np.uint8)
    np.testing.assert_array_equal(samples, make_samples((16, 24), seed=1))
    assert (samples != make_samples((16, 24), seed=2)).any()
    assert samples.reshape(3, -1).std(axis=1).min() > 20
    assert make_samples((1, 1)).shape == (3, 1, 1, 3)


@pytest.mark.parametrize("name", ["truncated-jpeg", "zero-size-png", "zero-width-png", "zero-size-bmp", "no-bytes"])
def test_bad_files_are_bad(name):
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.io.decode_image(bad_requests((32, 32))[name].array[0], channels=3, expand_animations=False)
