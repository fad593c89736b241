"""No matrix product depends on how many bits of a float32 operand a device keeps."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp import graph, pillow
from tf_lowdef.webp.graph import codec, rounding

HEIGHT, WIDTH = 45, 70
METHODS = [0, 1, 2, 3, 4]
PRODUCTS = {"Einsum", "SparseMatMul", "XlaDot", "XlaDotV2", "XlaConv", "XlaConvV2", "Conv2D", "Conv3D", "Tensordot"}
"""Operations that a device may carry out in fewer bits, besides all whose names hold MatMul or Conv."""


def _is_product(op: str) -> bool:
    return op in PRODUCTS or "MatMul" in op or "Conv" in op


def _short(values: tf.Tensor) -> tf.Tensor:
    """Round to 8 significant bits, as bfloat16 has; what that leaves alone, TensorFloat-32's 11 bits leave alone."""
    return tf.cast(tf.cast(values, tf.bfloat16), tf.float32)


@pytest.fixture
def rounded_products(monkeypatch):
    """Round both operands of every float32 product, in traces of their own; return what types were multiplied."""
    seen = []
    plain = rounding.product

    def product(values, matrix, **how):
        seen.append(values.dtype)
        return plain(*(_short(part) if part.dtype == tf.float32 else part for part in (values, matrix)), **how)

    monkeypatch.setattr(rounding, "product", product)
    for name in ("_run", "_piece"):
        monkeypatch.setattr(codec, name, tf.function(getattr(codec, name).python_function, autograph=False))
    return seen


@pytest.mark.parametrize(
    "method", [pytest.param(each, marks=[] if each in (2, 4) else pytest.mark.slow) for each in METHODS]
)
def test_exact_with_operands_of_eight_bits(method, pictures, rounded_products):
    _, pixels = pictures(14, HEIGHT, WIDTH, 20 + method)
    qualities = np.array([0, 100, 98, 99, 60, 75, 40, 10, 20, 30, 50, 85, 90, 95])
    found = graph.roundtrip(pixels, qualities, method).numpy()
    assert {tf.float32, tf.float64} == set(rounded_products)
    for image, quality, got in zip(pixels, qualities, found, strict=True):
        np.testing.assert_array_equal(got, pillow.roundtrip(image, int(quality), method))


def test_rounding_is_felt(rounded_products):
    nine_bits = np.full((1, 1), 257, np.float32)
    assert rounding.multiply(tf.constant(nine_bits), np.ones((1, 1), np.float32)).numpy() != 257
    assert rounding.multiply(tf.ones([1, 1]), nine_bits).numpy() != 257
    assert rounding.multiply_wide(tf.constant(nine_bits), nine_bits).numpy() == 257**2


@pytest.mark.parametrize("method", [1, 2, 4])
def test_every_product_of_the_graph_is_a_known_one(method):
    function = tf.function(lambda images: graph.roundtrip(images, 60, method), autograph=False)
    graph_def = function.get_concrete_function(tf.TensorSpec([None, HEIGHT, WIDTH, 3], tf.uint8)).graph.as_graph_def()
    products = 0
    for nodes in (graph_def.node, *(each.node_def for each in graph_def.library.function)):
        by_name = {node.name: node for node in nodes}
        for node in nodes:
            if not _is_product(node.op):
                continue
            products += 1
            assert rounding.PRODUCT_SCOPE in node.name, f"{node.op} {node.name} is not rounding.product's"
            if node.attr["T"].type == tf.float32.as_datatype_enum:
                operands = [by_name[name.split(":")[0]] for name in node.input]
                constant = [each for each in operands if each.op == "Const"]  # of either side
                assert constant, f"{node.name} has no constant operand"
                matrix = tf.make_ndarray(constant[0].attr["value"].tensor)
                np.testing.assert_array_equal(_short(tf.constant(matrix)), matrix, node.name)
            else:
                assert node.attr["T"].type == tf.float64.as_datatype_enum, node.name
    assert products > 10


@pytest.mark.parametrize(
    "other",
    [
        lambda x: tf.matmul(x, x),
        lambda x: tf.linalg.matmul(x[None], x[None]),
        lambda x: tf.tensordot(x, x, 1),
        lambda x: tf.einsum("ij,jk->ik", x, x),
        lambda x: tf.nn.conv1d(x[None], x[None], 1, "SAME"),
    ],
)
def test_a_product_of_another_kind_is_noticed(other):
    function = tf.function(other, autograph=False)
    nodes = function.get_concrete_function(tf.TensorSpec([4, 4])).graph.as_graph_def().node
    assert any(_is_product(node.op) and rounding.PRODUCT_SCOPE not in node.name for node in nodes)


_SCRIPT = """
import sys
import numpy as np
from tf_lowdef.webp import graph, pillow
rng = np.random.default_rng(0)
smooth = np.cumsum(rng.integers(-4, 5, (3, 45, 70, 3)), axis=2) + 128
pixels = np.concatenate([rng.integers(0, 256, (2, 45, 70, 3)), np.clip(smooth, 0, 255)]).astype(np.uint8)
for method in (1, 2, 4):
    for quality in (30, 75):
        found = graph.roundtrip(pixels, np.full(5, quality), method).numpy()
        if not np.array_equal(found, pillow.roundtrip(pixels, quality, method)):
            sys.exit(f"method {method}, quality {quality}")
"""


@pytest.mark.slow
@pytest.mark.parametrize("onednn", ["0", "1"])
def test_exact_with_and_without_onednn(onednn):
    environment = {**os.environ, "TF_ENABLE_ONEDNN_OPTS": onednn}
    run = subprocess.run([sys.executable, "-c", _SCRIPT], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-500:]
