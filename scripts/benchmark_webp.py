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
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_lowdef.threads import available_cores
from tf_lowdef.webp import libwebp_version, pillow
from tf_lowdef.webp.graph import roundtrip

Pixels = npt.NDArray[np.uint8]


def made_up(count: int, size: int, seed: int) -> Pixels:
    """Return pictures with the spectrum of natural ones: amplitudes fall with one over the frequency."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)[None])
    frequency[0, 0] = 1
    out = np.empty((count, size, size, 3), np.uint8)
    mix = np.array([[1.0, 1.0, 1.0], [0.25, 0.0, -0.25], [-0.1, 0.2, -0.1]])
    for picture in out:
        noise = rng.normal(size=(3, *frequency.shape)) + 1j * rng.normal(size=(3, *frequency.shape))
        planes = np.fft.irfft2(noise / frequency**1.3, s=(size, size))
        planes = (planes - planes.mean((1, 2), keepdims=True)) / planes.std((1, 2), keepdims=True)
        picture[:] = np.clip(128 + 50 * np.einsum("chw,cd->hwd", planes, mix), 0, 255)
    return out


def from_folder(folder: Path, count: int, size: int) -> Pixels:
    """Return the first images of a folder, resized, repeated if they are too few."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".png", ".jpg", ".jpeg"})[:count]
    if not paths:
        raise click.UsageError(f"no .png or .jpg images in {folder}")
    pixels = []
    for path in paths:
        with Image.open(path) as image:
            pixels.append(np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC)))
    return np.stack([pixels[k % len(pixels)] for k in range(count)])


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Return the median time of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def all_nodes(function: tf.types.experimental.ConcreteFunction) -> int:
    """Count the nodes of a graph and of the functions in its library."""
    graph = function.graph.as_graph_def()
    return len(graph.node) + sum(len(each.node_def) for each in graph.library.function)


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
        nodes = all_nodes(function.get_concrete_function())
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
