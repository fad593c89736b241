"""Measure tf_lowdef beside its peers on the same work in the same run; print one table and write benchmark.json.

Ours and theirs take turns, medians count, and the spread is that of the ratios of the turns. What was tried to make a
row faster, and where its floor lies, is in ``scripts/bench/NOTES.md``.

Example:
    python scripts/benchmark.py --weights MobileNetV2.weights.h5 --images photos
    python scripts/benchmark.py --row "graph-*" --row deepfool
    python scripts/benchmark.py --quick
"""

from __future__ import annotations

import fnmatch
import json
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import click
from bench.result import Result, Settings

ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "help": ("process_rows", "start", {}),
    "webp-layer": ("webp_rows", "layer", {}),
    "webp-predict": ("webp_rows", "predict", {}),
    "layers-jpeg": ("layer_rows", "jpeg", {}),
    "layers-bits": ("layer_rows", "bits", {}),
    "layers-median": ("layer_rows", "median", {}),
    "layers-tv": ("layer_rows", "total_variation", {}),
    "attacks-sign": ("attack_rows", "gradient_sign", {}),
    "attacks-bim": ("attack_rows", "bim", {}),
    "attacks-deepfool": ("deepfool_rows", "deepfools", {}),
    "grid": ("grid_rows", "grid", {}),
    "memory": ("process_rows", "memory", {}),
    "graph-m2": ("graph_rows", "codec", {"method": 2}),
    "graph-m4": ("graph_rows", "codec", {"method": 4}),
    "graph-xla-m2": ("graph_rows", "codec", {"method": 2, "xla": True}),
    "graph-xla-m4": ("graph_rows", "codec", {"method": 4, "xla": True}),
}
"""By the name to select it by: module, function and arguments of what makes one or more rows."""

NOT_QUICK = ("graph-m4", "graph-xla-m2", "graph-xla-m4", "layers-tv", "webp-predict")
"""What takes long to compile, or seconds an image, and goes the way of other rows."""

PACKAGES = (
    "tensorflow", "keras", "numpy", "Pillow", "imagecodecs", "opencv-python-headless", "foolbox",
    "adversarial-robustness-toolbox", "scipy",
)  # fmt: skip


@click.command()
@click.option("--quick", is_flag=True, help="Only see that everything runs: small images, one repeat.")
@click.option("--row", "patterns", multiple=True, metavar="NAME", help="Only these; * and ? match. May be repeated.")
@click.option("--list", "names_only", is_flag=True, help="Print the names and stop.")
@click.option("--repeats", type=click.IntRange(1), help="Turns of a row (default: 5, with --quick 1).")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False), help="MobileNetV2's; random if left out.")
@click.option("--images", type=click.Path(exists=True, file_okay=False), help="Photos; made-up pictures if left out.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default="benchmark.json", show_default=True)
def main(
    quick: bool,
    patterns: tuple[str, ...],
    names_only: bool,
    repeats: int | None,
    weights: str | None,
    images: str | None,
    out: Path,
) -> None:
    """Print a Markdown table of ours beside the peers, and write it as JSON."""
    names = select(patterns, quick)
    if names_only:
        click.echo("\n".join(names))
        return
    settings = Settings(quick, repeats or (1 if quick else 5), weights, images)
    began, rows = time.perf_counter(), []
    click.echo(header(settings) + "\n\n" + HEAD)
    for name in names:
        for row in make(name)(settings):
            rows.append(row)
            click.echo(line(row))
        click.echo(f"{name}: {time.perf_counter() - began:.0f} s", err=True)
    seconds = round(time.perf_counter() - began, 1)
    click.echo(f"\n{seconds} s in all")
    write(out, {"machine": machine(), "versions": versions(), "seconds": seconds, "quick": quick,
                "repeats": settings.repeats, "rows": [row.to_json() for row in rows]})  # fmt: skip


def select(patterns: tuple[str, ...], quick: bool) -> list[str]:
    """Return the names that match, in the order of the table.

    Raises:
        click.UsageError: A pattern matches none.
    """
    for pattern in patterns:
        if not fnmatch.filter(ROWS, pattern):
            raise click.UsageError(f"no such row; --list names them. Received: {pattern}")
    if patterns:
        return [name for name in ROWS if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    return [name for name in ROWS if not (quick and name in NOT_QUICK)]


def make(name: str) -> Callable[[Settings], list[Result]]:
    """Return what makes some rows; its peers are imported only now."""
    module, function, arguments = ROWS[name]
    return partial(getattr(import_module(f"bench.{module}"), function), **arguments)


HEAD = (
    "| row | what | ours | beside | theirs | ratio | of the turns | reach |\n|:---|:---|---:|:---|---:|---:|:---|:---|"
)


def line(row: Result) -> str:
    """Return a row of the table."""
    ours, theirs = (f"{value:,.4g} {row.unit}" if value is not None else "" for value in (row.ours, row.theirs))
    ratio, spread = ("", "") if row.repeats == 1 and row.theirs is None else (f"{row.ratio:.2f}", _spread(row))
    reach = "" if row.reach is None else f"{row.reach} {'met' if row.met else 'not met'}"
    return f"| {row.name} | {row.what} | {ours} | {row.peer} | {theirs} | {ratio} | {spread} | {reach} |"


def _spread(row: Result) -> str:
    return "" if row.repeats == 1 else f"{row.low:.2f} to {row.high:.2f}"


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    from tf_lowdef.threads import available_cores

    names = [
        text.split(":", 1)[1].strip()
        for text in (Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else [])
        if text.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor(),
        "architecture": platform.machine(),
        "cores": available_cores(),
        "system": platform.platform(),
        "load_average": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
    }


def versions() -> dict[str, str]:
    """Return the versions of everything that was measured."""
    from tf_lowdef.webp import libwebp_version

    found = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version(), **found, "libwebp of Pillow": libwebp_version()}


def header(settings: Settings) -> str:
    """Return the line over the table."""
    found, of = versions(), machine()
    listed = ", ".join(f"{name} {number}" for name, number in found.items())
    pictures = "photos" if settings.images else "made-up pictures"
    return (
        f"{of['processor']}, {of['architecture']}, {of['cores']} cores, load {of['load_average']:.1f}; {listed}; "
        f"{pictures}; {settings.repeats} repeats{', QUICK: the figures mean nothing' if settings.quick else ''}"
    )


def write(path: Path, content: dict[str, Any]) -> None:
    """Write the results, whole or not at all."""
    from tf_lowdef.files import write_bytes

    write_bytes(path, (json.dumps(content, indent=2) + "\n").encode())


if __name__ == "__main__":
    main()
