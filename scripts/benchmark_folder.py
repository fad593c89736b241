"""Measure the folder tools: ``tf-lowdef webp`` against a shell loop over cwebp, and how fast ``--help`` answers.

With ``--many N``: both tools on N small files in 20 folders, against a bare loop over Pillow, and the memory that they
take.

The images are drawn here from a seed: 500 of 500x375 by default. cwebp is Debian's package webp; without it only the
rest is measured. Both sides read the same PNG files and write to the same disk, in turn, and the best of the rounds
counts. Exit code 1 where a ratio misses its target.
"""

import argparse
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
LOOP = 'mkdir -p "$2"; for f in "$1"/*.png; do b=${f##*/}; cwebp -quiet -q 60 "$f" -o "$2/${b%.png}.webp"; done'
BARE_LOOP = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from PIL import Image
source, out = Path(sys.argv[2]), Path(sys.argv[3])
def work(path):
    target = out / path.relative_to(source)
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(path) as image:
        if sys.argv[1] == "webp":
            image.convert("RGB").save(target.with_suffix(".webp"), quality=60)
        else:
            image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(target)
with ThreadPoolExecutor(os.cpu_count()) as pool:
    list(pool.map(work, sorted(path for path in source.rglob("*") if path.is_file())))
"""
"""What a person would write: nothing reaches the disk for sure, metadata are lost, nothing written is looked at."""
MANY_TARGETS = {"webp": 0.4, "flip": 0.3}
"""Ratio of files a second to the bare loop's."""
MEMORY_TARGET = 120
"""MB, of the largest process."""
THROUGHPUT_TARGET = 1.5
HELP_TARGET = 3.0


def draw(folder: Path, count: int) -> None:
    """Write images of coloured noise at several scales; at quality 60 they take 20 to 25 kB, as photographs do."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    for number in range(count):
        image = rng.normal(0, 5, (375, 500, 3))
        for scale, weight in ((2, 0.13), (4, 0.16), (12, 0.19), (40, 0.24), (120, 0.28)):
            noise = rng.integers(0, 256, (375 // scale + 2, 500 // scale + 2, 3), dtype=np.uint8)
            layer = Image.fromarray(noise).resize((500, 375), Image.Resampling.BICUBIC)
            image += np.asarray(layer, dtype=float) * weight
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / f"{number:04d}.png", compress_level=1)


def seconds(command: list[str]) -> float:
    """Return how long a command takes."""
    start = time.perf_counter()
    subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - start


def throughput(count: int, rounds: int) -> bool:
    """Compare the two tools on `count` images; return whether the target is met."""
    cwebp = shutil.which("cwebp")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        draw(folder / "in", count)
        ours, theirs = [], []
        for turn in range(rounds):
            out = folder / f"out{turn}"
            command = [sys.executable, "-m", "tf_lowdef", "webp", str(folder / "in"), "-o", str(out), "-q", "60"]
            ours.append(seconds(command))
            if cwebp:
                theirs.append(seconds(["sh", "-c", LOOP, "sh", str(folder / "in"), str(folder / f"loop{turn}")]))
    print(f"tf-lowdef webp: {count / min(ours):.1f} images/s ({min(ours):.2f} s), {os.cpu_count()} cores")
    if not cwebp:
        print("cwebp: not installed (Debian's package webp); nothing to compare with")
        return True
    version = re.match(r"[\d.]+", subprocess.run([cwebp, "-version"], capture_output=True, text=True).stdout)
    print(f"cwebp loop:     {count / min(theirs):.1f} images/s ({min(theirs):.2f} s), libwebp {version and version[0]}")
    ratio = min(theirs) / min(ours)
    print(f"ratio:          {ratio:.2f} (target: at least {THROUGHPUT_TARGET})")
    return ratio >= THROUGHPUT_TARGET


def draw_many(folder: Path, count: int) -> None:
    """Write small images, half of them PNG and half JPEG, in 20 folders."""
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (50, 8, 8, 3), dtype=np.uint8)
    images = [Image.fromarray(each).resize((64, 64), Image.Resampling.BICUBIC) for each in coarse]
    for number in range(count):
        place = folder / f"{number % 20:02d}"
        place.mkdir(exist_ok=True, parents=True)
        images[number % len(images)].save(place / f"{number:06d}.{'png' if number % 2 else 'jpg'}")


def many(count: int, rounds: int) -> bool:
    """Measure both tools on many small files; the best ratio of a tool's rate to the bare loop's counts."""
    met = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw_many(folder / "in", count)
        for tool, least in MANY_TARGETS.items():
            ratios = []
            for turn in range(rounds):
                bare, out = folder / f"{tool}-bare{turn}", folder / f"{tool}{turn}"
                theirs = seconds([sys.executable, "-c", BARE_LOOP, tool, str(folder / "in"), str(bare)])
                ours = seconds([sys.executable, "-m", "tf_lowdef", tool, str(folder / "in"), "-o", str(out)])
                print(f"{tool}: {count / ours:.0f} files/s, bare Pillow {count / theirs:.0f}", flush=True)
                ratios.append(theirs / ours)
                shutil.rmtree(bare)
                shutil.rmtree(out)
            print(f"{tool}: ratio {max(ratios):.2f} (target: at least {least})")
            met &= max(ratios) >= least
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"largest process: {memory:.0f} MB (target: at most {MEMORY_TARGET})")
    return met and memory <= MEMORY_TARGET


def help_times(rounds: int) -> bool:
    """Compare ``--help`` with importing click; return whether the target is met."""
    commands = {
        "import click": ["-c", "import click"],
        "tf-lowdef flip --help": ["-m", "tf_lowdef", "flip", "--help"],
        "tf-lowdef webp --help": ["-m", "tf_lowdef", "webp", "--help"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(rounds + 1):
        for name, arguments in commands.items():
            taken = seconds([sys.executable, *arguments])
            if turn:  # the first turn warms the disk cache and writes the byte code
                times[name].append(taken)
    base = statistics.median(times.pop("import click"))
    print(f"import click:           {base * 1000:.0f} ms")
    met = True
    for name, values in times.items():
        ratio = statistics.median(values) / base
        met &= ratio <= HELP_TARGET
        print(f"{name}: {ratio * base * 1000:8.0f} ms, ratio {ratio:.2f} (target: at most {HELP_TARGET:.0f})")
    return met


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=500, help="how many images (default: 500)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs (default: 3)")
    parser.add_argument("--many", type=int, metavar="N", help="measure both tools on N small files instead")
    parser.add_argument("--help-only", action="store_true", help="measure --help alone")
    arguments = parser.parse_args()
    if arguments.many:
        return 0 if many(arguments.many, arguments.rounds) else 1
    met = help_times(max(5, arguments.rounds * 5))
    if not arguments.help_only:
        met &= throughput(arguments.images, arguments.rounds)
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
