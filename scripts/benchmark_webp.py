"""Time the graph codec against Pillow's encode + decode on one thread, in one run.

Example:
    python scripts/benchmark_webp.py --method 2 --method 4 --batch 1 --batch 32 --images folder/
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf
from bench.graph_rows import count_nodes
from bench.material import from_folder, made_up

from tf_lowdef.threads import available_cores
from tf_lowdef.webp import libwebp_version, pillow
from tf_lowdef.webp.graph import roundtrip


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


@click.command()
@click.option("--method", "methods", type=click.IntRange(0, 4), multiple=True, default=(0, 2, 4), show_default=True)
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, default=(1, 8, 32), show_default=True)
@click.option("--quality", type=click.IntRange(0, 100), default=60, show_default=True)
@click.option("--size", type=click.IntRange(1), default=224, show_default=True, help="Height and width in pixels.")
@click.option("--repeats", type=click.IntRange(1), default=7, show_default=True)
@click.option("--images", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--xla", is_flag=True, help="Compile with jit_compile=True.")
def main(
    methods: tuple[int, ...],
    batches: tuple[int, ...],
    quality: int,
    size: int,
    repeats: int,
    folder: Path | None,
    xla: bool,
) -> None:
    """Print a Markdown table of milliseconds an image and ratios to Pillow."""
    count = max(batches)
    pixels = from_folder(folder, count, size) if folder else made_up(count, size, seed=0)
    version = f"TensorFlow {tf.__version__}, Pillow with libwebp {libwebp_version()}"
    click.echo(f"{version}, {available_cores()} cores, {platform.machine()}, {size}x{size}, quality {quality}\n")
    click.echo("| method | batch | Pillow, ms | graph, ms | ratio | first call, s | nodes | exact |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for method in methods:
        function = tf.function(
            lambda images, method=method: roundtrip(images, quality, method),
            input_signature=[tf.TensorSpec([None, size, size, 3], tf.uint8)],
            jit_compile=xla,
            autograph=False,
        )
        start = time.perf_counter()
        found = function(tf.constant(pixels)).numpy()
        first = time.perf_counter() - start
        nodes = count_nodes(function.get_concrete_function())
        exact = np.array_equal(found, pillow.roundtrip(pixels, quality, method))
        for batch in batches:
            some = pixels[:batch]
            given = tf.constant(some)
            function(given)
            # In turns, so that what else the machine does meets both alike.
            ratios, times = [], []
            for _ in range(repeats):
                reference = seconds(lambda: pillow.roundtrip(some, quality, method, num_threads=1), 1)  # noqa: B023
                ours = seconds(lambda: function(given).numpy(), 1)  # noqa: B023
                ratios.append(ours / reference)
                times.append((reference, ours))
            base, ours = (1000 * statistics.median(column) / batch for column in zip(*times, strict=True))
            click.echo(
                f"| {method} | {batch} | {base:.1f} | {ours:.1f} | {statistics.median(ratios):.1f} "
                f"| {first:.1f} | {nodes:,} | {'yes' if exact else 'NO'} |"
            )


if __name__ == "__main__":
    main()
