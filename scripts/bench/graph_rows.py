"""The graph codec over Pillow on one thread."""

from __future__ import annotations

import functools
import time
from typing import Any

import numpy as np
import tensorflow as tf

from bench.material import pictures
from bench.result import Reach, Result, Settings, compare, interleave, number
from tf_lowdef.webp import pillow
from tf_lowdef.webp.graph import roundtrip

QUALITY = 60
BATCH = 32
REACH = {
    (2, 1, False): 12, (2, 32, False): 2.5, (4, 1, False): 17, (4, 32, False): 6, (2, 32, True): 2, (4, 32, True): 5,
}  # fmt: skip
FIRST_CALL, NODES = 6, 4000
"""For method 2 without XLA."""


def codec(settings: Settings, method: int, xla: bool = False) -> list[Result]:
    """One method: its first call, its size, and its time for batches of 1 and 32 (with XLA 32 alone)."""
    images = pictures(settings, BATCH)
    function = tf.function(
        lambda pixels: roundtrip(pixels, QUALITY, method),
        input_signature=[tf.TensorSpec([BATCH if xla else None, *images.shape[1:]], tf.uint8)],
        jit_compile=xla,
        autograph=False,
    )
    start = time.perf_counter()
    found = function(tf.constant(images)).numpy()
    first = time.perf_counter() - start
    if not np.array_equal(found, pillow.roundtrip(images, QUALITY, method)):
        raise ValueError(f"the graph codec's pixels are not Pillow's, method {method}")
    name, what = f"graph-m{method}", f"graph codec, method {method}"
    if xla:
        name, what = f"graph-xla-m{method}", f"{what}, XLA"
    rows = [batch(settings, function, images[:size], name, what, method, xla) for size in ((32,) if xla else (1, 32))]
    base = method == 2 and not xla
    rows.append(number(f"{name}-first", f"{what}, first call", "s", first, Reach(FIRST_CALL) if base else None))
    if not xla:
        nodes = count_nodes(function.get_concrete_function())
        rows.append(number(f"{name}-nodes", f"{what}, nodes", "nodes", nodes, Reach(NODES) if base else None))
    return rows


def batch(
    settings: Settings, function: Any, images: np.ndarray, name: str, what: str, method: int, xla: bool
) -> Result:
    """Time one batch size."""
    given, size = tf.constant(images), len(images)
    times = interleave(
        {
            "ours": lambda: function(given).numpy(),
            "theirs": functools.partial(pillow.roundtrip, images, QUALITY, method, num_threads=1),
        },
        settings,
    )
    return compare(
        f"{name}-b{size}", f"{what}, batch {size}", "Pillow, one thread", times["ours"] / size, times["theirs"] / size,
        Reach(REACH[method, size, xla]), unit="ms an image",
    )  # fmt: skip


def count_nodes(function: Any) -> int:
    """Count the nodes of a graph and of the functions in its library."""
    graph = function.graph.as_graph_def()
    return len(graph.node) + sum(len(each.node_def) for each in graph.library.function)
