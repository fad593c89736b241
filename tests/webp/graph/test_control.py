"""The parts that a CPU runs by the single-threaded executor: nothing in them waits for another thread."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from tf_lowdef.webp import graph

WAITING = ("If", "StatelessIf", "Case", "StatelessCase", "PartitionedCall", "StatefulPartitionedCall", "RemoteCall")
"""Operations that run a function, for which that executor waits; loops it runs itself."""


def _called(node, names):
    attributes = (value for value in node.attr.values())
    return {
        name for value in attributes for name in (value.func.name, *(f.name for f in value.list.func)) if name in names
    }


@pytest.mark.parametrize(("method", "height", "width"), [(0, 20, 33), (4, 112, 240)])
def test_nothing_in_a_part_waits(method, height, width):
    function = tf.function(lambda images: graph.roundtrip(images, 60, method), autograph=False)
    graph_def = function.get_concrete_function(tf.TensorSpec([None, height, width, 3], tf.uint8)).graph.as_graph_def()
    library = {each.signature.name: each.node_def for each in graph_def.library.function}
    todo = [
        name
        for nodes in (graph_def.node, *library.values())
        for node in nodes
        if node.attr["executor_type"].s == b"SINGLE_THREADED_EXECUTOR"
        for name in _called(node, library)
    ]
    assert todo
    loops, seen = 0, set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        for node in library[name]:
            assert node.op not in WAITING, f"{node.op} {node.name} in {name}"
            loops += "While" in node.op
            todo += _called(node, library)
    assert loops == 3  # encoder, what it does where it must, loop filter


_SCRIPT = """
import threading
import numpy as np
import tensorflow as tf
tf.config.threading.set_inter_op_parallelism_threads(1)
from tf_lowdef.webp import graph, pillow
pixels = np.random.default_rng(0).integers(0, 256, (5, 33, 50, 3)).astype(np.uint8)
expected = pillow.roundtrip(pixels, 60, 0)
def work():
    for _ in range(5):
        np.testing.assert_array_equal(graph.roundtrip(pixels, 60, 0).numpy(), expected)
work()
threads = [threading.Thread(target=work) for _ in range(6)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.mark.slow
def test_one_thread_serves_several_callers():
    run = subprocess.run(
        [sys.executable, "-c", _SCRIPT], env={**os.environ}, capture_output=True, text=True, check=False, timeout=600
    )
    assert run.returncode == 0, run.stderr[-500:]
