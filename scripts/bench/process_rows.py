"""What is measured in processes of its own: the command line's start, and the memory of an evaluation."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from bench.result import Reach, Result, Settings, compare, interleave

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
HELP_REPEATS = 4
"""Times the repeats of other rows: a start is short."""

EVALUATE = """
import resource, sys
from tf_lowdef import evaluate, load_demo

evaluate(load_demo()[0], sys.argv[1], ["fgsm:4"], ["none", "webp:60"], limit=int(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run(*arguments: str) -> str:
    """Run Python and return what it printed."""
    done = subprocess.run([sys.executable, *arguments], check=True, env=ENVIRONMENT, capture_output=True, text=True)
    return done.stdout


def start(settings: Settings) -> list[Result]:
    """The help text over the import of the library that makes it."""
    times = interleave(
        {"ours": lambda: run("-m", "tf_lowdef", "--help"), "theirs": lambda: run("-c", "import click")},
        settings,
        HELP_REPEATS,
    )
    return [compare("help", "tf-lowdef --help", 'python -c "import click"', times["ours"], times["theirs"], Reach(2))]


def memory(settings: Settings) -> list[Result]:
    """The peak of an evaluation of many images over that of a quarter of them."""
    many = 40 if settings.quick else 4000
    with tempfile.TemporaryDirectory() as name:
        write_images(Path(name), many)
        peaks = [
            np.array([float(run("-c", EVALUATE, name, str(count)).split()[-1])]) / 1024 for count in (many, many // 4)
        ]
    return [
        compare(
            "memory", f"peak memory of evaluate, {many:,} images (embedded classifier, FGSM, 2 defences)",
            f"the same at {many // 4:,}", *peaks, Reach(1.1), unit="MB", scale=1,
        )
    ]  # fmt: skip


def write_images(folder: Path, count: int) -> None:
    """Write the embedded images in class folders, over and over, each time with other pixels."""
    from tf_lowdef.models.demo import load_demo_images

    images, labels = load_demo_images()
    for number in range(count):
        source = number % len(images)
        path = folder / str(labels[source]) / f"{number:05d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.roll(images[source], number // len(images), axis=1)).save(path, compress_level=1)
