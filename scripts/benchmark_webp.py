"""Time the graph codec, with XLA and without, against Pillow's encode + decode on one thread, in one run.

Example:
    python scripts/benchmark_webp.py --method 2 --method 4 --batch 1 --batch 32 --images folder/
"""

from __future__ import annotations

import functools
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import tensorflow as tf
from bench.graph_rows import count_nodes
from bench.pictures import Pixels, from_folder, made_up

from tf_lowdef.threads import available_cores
from tf_lowdef.webp import libwebp_version, pillow
from tf_lowdef.webp.graph import roundtrip


def best(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, tuple[float, float]]:
    """Return the least time and the least processor time of each call, in seconds.

    They are called in turns, so that what else the machine does meets all alike.
    """
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            wall, processor = time.perf_counter(), time.process_time()
            call()
            times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {name: (min(wall for wall, _ in each), min(cpu for _, cpu in each)) for name, each in times.items()}


def codec(method: int, quality: int, size: int, batch: int | None) -> Any:
    """Return the codec as a function; compiled by XLA for one size of a batch where that is given."""
    return tf.function(
        lambda images: roundtrip(images, quality, method),
        input_signature=[tf.TensorSpec([batch, size, size, 3], tf.uint8)],
        jit_compile=batch is not None,
        autograph=False,
    )


def call(function: Any, pixels: tf.Tensor) -> Pixels:
    """Run the codec and wait for what comes out."""
    found: Pixels = function(pixels).numpy()
    return found


def first_call(function: Any, pixels: Pixels, expected: Pixels) -> float:
    """Return the seconds of the first call; raise ValueError if a pixel differs."""
    start = time.perf_counter()
    found = function(tf.constant(pixels)).numpy()
    seconds = time.perf_counter() - start
    if not np.array_equal(found, expected):
        raise ValueError("the graph codec's pixels are not Pillow's")
    return seconds


@click.command()
@click.option("--method", "methods", type=click.IntRange(0, 4), multiple=True, default=(0, 2, 4), show_default=True)
@click.option("--batch", "batches", type=click.IntRange(1), multiple=True, default=(1, 8, 32), show_default=True)
@click.option("--quality", type=click.IntRange(0, 100), default=60, show_default=True)
@click.option("--size", type=click.IntRange(1), default=224, show_default=True, help="Height and width in pixels.")
@click.option("--repeats", type=click.IntRange(1), default=9, show_default=True)
@click.option("--images", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--xla/--no-xla", default=True, show_default=True, help="Time it with XLA too, a compilation a row.")
def main(
    methods: tuple[int, ...],
    batches: tuple[int, ...],
    quality: int,
    size: int,
    repeats: int,
    folder: Path | None,
    xla: bool,
) -> None:
    """Print a Markdown table: milliseconds an image, and the ratio to Pillow's (of processor times in brackets)."""
    count = max(batches)
    pixels = from_folder(folder, count, size) if folder else made_up(count, size, seed=0)
    version = f"TensorFlow {tf.__version__}, Pillow with libwebp {libwebp_version()}"
    click.echo(f"{version}, {available_cores()} cores, {platform.machine()}, {size}x{size}, quality {quality}\n")
    click.echo("| method | batch | Pillow, ms | graph, ms | ratio | with XLA, ms | ratio | first call, s |")
    click.echo("|---|---|---|---|---|---|---|---|")
    for method in methods:
        plain = codec(method, quality, size, None)
        for batch in batches:
            some = pixels[:batch]
            given, expected = tf.constant(some), pillow.roundtrip(some, quality, method)
            functions = {"graph": plain, **({"xla": codec(method, quality, size, batch)} if xla else {})}
            firsts = [first_call(function, some, expected) for function in functions.values()]
            calls: dict[str, Callable[[], object]] = {
                "pillow": functools.partial(pillow.roundtrip, some, quality, method, num_threads=1),
                **{name: functools.partial(call, function, given) for name, function in functions.items()},
            }
            times = best(calls, repeats)
            cells = [f"{1000 * times['pillow'][0] / batch:.1f}"]
            for name in ("graph", "xla"):
                cells += _cells(times.get(name), times["pillow"], batch)
            click.echo(f"| {method} | {batch} | {' | '.join([*cells, ' / '.join(f'{s:.1f}' for s in firsts)])} |")
        click.echo(f"method {method}: {count_nodes(plain.get_concrete_function()):,} nodes", err=True)


def _cells(ours: tuple[float, float] | None, theirs: tuple[float, float], batch: int) -> list[str]:
    if ours is None:
        return ["-", "-"]
    return [f"{1000 * ours[0] / batch:.1f}", f"{ours[0] / theirs[0]:.1f} ({ours[1] / theirs[1]:.1f})"]


if __name__ == "__main__":
    main()
