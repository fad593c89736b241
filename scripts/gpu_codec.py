"""Check the codec in the graph on a GPU: exact against Pillow, and how fast.

Example:
    python scripts/gpu_codec.py --images photos/                 # where TensorFlow sees a GPU
    python scripts/gpu_codec.py --images photos/ --export-hlo hlo/    # anywhere with TensorFlow, and then
    python scripts/gpu_codec.py --run-hlo hlo/                   # where JAX sees a GPU; takes no TensorFlow

Numbers are the best of several runs. The second way compiles the very program that TensorFlow gives to XLA by another
XLA runtime, without asking for any precision of products.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench.pictures import from_folder, made_up

from tf_lowdef.threads import available_cores
from tf_lowdef.webp import libwebp_version, pillow

Pixels = npt.NDArray[np.uint8]
Codec = Callable[[Pixels], Pixels]
DESCRIPTION, PICTURES = "codec.json", "pictures.npy"
REPEATS = 5
HEAD = (
    "| method | batch | exact | first call, s | ms a batch | images a second | Pillow, {cores} threads | ratio |\n"
    "|---|---|---|---|---|---|---|---|"
)


@click.command()
@click.option("--images", "folder", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Photos.")
@click.option("--count", type=click.IntRange(1), default=500, show_default=True, help="Photos; a tenth more is noise.")
@click.option("--method", "methods", type=click.IntRange(0, 4), multiple=True, default=range(5), show_default=True)
@click.option(
    "--batch", "batches", type=click.IntRange(1), multiple=True, default=(1, 8, 32, 256, 1024), show_default=True
)
@click.option("--quality", type=click.IntRange(0, 100), default=60, show_default=True)
@click.option("--size", type=click.IntRange(1), default=224, show_default=True, help="Height and width in pixels.")
@click.option("--cpu", is_flag=True, help="Go on where there is no GPU.")
@click.option("--export-hlo", "export", type=click.Path(file_okay=False, path_type=Path), help="Write, run nothing.")
@click.option("--run-hlo", "given", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Run by JAX.")
def main(
    folder: Path | None,
    count: int,
    methods: tuple[int, ...],
    batches: tuple[int, ...],
    quality: int,
    size: int,
    cpu: bool,
    export: Path | None,
    given: Path | None,
) -> None:
    """Print a Markdown table; end with 1 if any pixel differs from Pillow's."""
    if given is not None:
        run_all(np.load(given / PICTURES), *jax_codecs(given, cpu))
        return
    photos = from_folder(folder, count, size) if folder else made_up(count, size, seed=0)
    noise = np.random.default_rng(0).integers(0, 256, (max(1, count // 10), size, size, 3), np.uint8)
    pictures = np.concatenate([photos, noise])
    cases = [(method, batch) for method in dict.fromkeys(methods) for batch in sorted(set(batches))]
    if export is not None:
        write_hlo(export, pictures, cases, quality)
        return
    run_all(pictures, *tensorflow_codecs(cases, quality, size, cpu))


def run_all(pictures: Pixels, device: str, quality: int, codecs: Iterator[tuple[int, int, Codec]]) -> None:
    """Print a row a codec."""
    cores = available_cores()
    click.echo(
        f"{device}; {len(pictures)} pictures of {pictures.shape[2]}x{pictures.shape[1]}, quality {quality}; "
        f"Pillow with libwebp {libwebp_version()} on {cores} cores\n\n" + HEAD.format(cores=cores)
    )
    expected: dict[int, tuple[Pixels, float]] = {}
    wrong_in_all = 0
    for method, batch, codec in codecs:
        if method not in expected:
            start = time.perf_counter()
            pixels = pillow.roundtrip(pictures, quality, method)
            expected[method] = pixels, len(pictures) / (time.perf_counter() - start)
        reference, theirs = expected[method]
        given = np.resize(pictures, (batch, *pictures.shape[1:]))
        start = time.perf_counter()
        codec(given)
        first = time.perf_counter() - start
        wrong = 0
        for begin in range(0, len(pictures) if batch >= 32 else min(len(pictures), 4 * batch), batch):
            part = np.arange(begin, begin + batch) % len(pictures)
            wrong += int((codec(pictures[part]) != reference[part]).any((1, 2, 3)).sum())
        wrong_in_all += wrong
        seconds = min(timed(codec, given) for _ in range(REPEATS))
        click.echo(
            f"| {method} | {batch} | {f'{wrong} WRONG' if wrong else 'yes'} | {first:.1f} | {1000 * seconds:.1f} "
            f"| {batch / seconds:.0f} | {theirs:.0f} | {batch / seconds / theirs:.1f} |"
        )
    sys.exit(1 if wrong_in_all else 0)


def timed(codec: Codec, pixels: Pixels) -> float:
    """Return the seconds of a call, its pixels on the device and back included."""
    start = time.perf_counter()
    codec(pixels)
    return time.perf_counter() - start


def _no_gpu(what: str, cpu: bool) -> None:
    if not cpu:
        raise click.UsageError(f"{what} sees no GPU here (--cpu goes on without)")


def compiled(method: int, batch: int, quality: int, size: int) -> Any:
    """Return the round trip as a function that XLA compiles, for one size of a batch."""
    import tensorflow as tf

    from tf_lowdef.webp.graph import roundtrip

    return tf.function(
        lambda images: roundtrip(images, quality, method),
        input_signature=[tf.TensorSpec([batch, size, size, 3], tf.uint8)],
        jit_compile=True,
        autograph=False,
    )


def tensorflow_codecs(
    cases: list[tuple[int, int]], quality: int, size: int, cpu: bool
) -> tuple[str, int, Iterator[tuple[int, int, Codec]]]:
    """Return the device's name, the quality, and what TensorFlow runs for each method and batch."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        _no_gpu("TensorFlow", cpu)
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU") if gpus else "CPU"

    def codec(function: Any) -> Codec:
        return lambda pixels: np.asarray(function(tf.constant(pixels)))

    codecs = ((method, batch, codec(compiled(method, batch, quality, size))) for method, batch in cases)
    return f"{name}, TensorFlow {tf.__version__}", quality, codecs


def write_hlo(folder: Path, pictures: Pixels, cases: list[tuple[int, int]], quality: int) -> None:
    """Write the pictures and, for each method and batch, what TensorFlow gives to XLA."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / PICTURES, pictures)
    names = {}
    for method, batch in cases:
        names[f"m{method}-b{batch}.hlo"] = [method, batch]
        function = compiled(method, batch, quality, pictures.shape[1])
        (spec,) = function.input_signature
        data = function.experimental_get_compiler_ir(spec)(stage="hlo_serialized")
        (folder / f"m{method}-b{batch}.hlo").write_bytes(data)
        click.echo(f"{folder / f'm{method}-b{batch}.hlo'}: {len(data) / 1e6:.1f} MB")
    (folder / DESCRIPTION).write_text(json.dumps({"quality": quality, "files": names}, indent=2) + "\n")


def jax_codecs(folder: Path, cpu: bool) -> tuple[str, int, Iterator[tuple[int, int, Codec]]]:
    """Return the same for files of :func:`write_hlo`, run by JAX's XLA."""
    import jax
    from jaxlib import xla_client

    device = jax.devices()[0]
    if device.platform == "cpu":
        _no_gpu("JAX", cpu)
    description = json.loads((folder / DESCRIPTION).read_text())

    def load(file: str) -> Codec:
        computation = xla_client.XlaComputation((folder / file).read_bytes())
        module = xla_client._xla.mlir.xla_computation_to_mlir_module(computation)  # JAX has no public way in
        client = device.client
        devices = xla_client._xla.DeviceList((device,))
        loaded = client.compile_and_load(module, devices, xla_client.CompileOptions())

        def run(pixels: Pixels) -> Pixels:
            (found,) = loaded.execute([jax.device_put(pixels, device)])
            return np.asarray(found)

        return run

    codecs = ((method, batch, load(file)) for file, (method, batch) in description["files"].items())
    return f"{device.device_kind}, JAX {jax.__version__}", description["quality"], codecs


if __name__ == "__main__":
    main()
