"""Images of every kind, a mutated corpus, and a way to run the command line as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

ROOT = Path(__file__).resolve().parents[2]

FORMATS = ("png", "jpg", "gif", "bmp", "tif", "webp", "ppm", "tga", "jp2", "pcx", "sgi", "ico", "dds")


def scene(seed: int, height: int = 48, width: int = 64) -> np.ndarray:
    """An image with smooth parts, edges and noise, uint8 of shape (height, width, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x * rng.uniform(0.02, 0.2) + y * rng.uniform(0.02, 0.2) + rng.uniform(0, 6)) for _ in range(3)]
    image = 128 + 80 * np.stack(waves, axis=2) + rng.normal(0, 6, (height, width, 3))
    top, left = rng.integers(0, height // 2), rng.integers(0, width // 2)
    image[top : top + height // 3, left : left + width // 3] = rng.integers(0, 256, 3)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


@pytest.fixture(scope="session")
def make_scene() -> Callable[..., np.ndarray]:
    """`scene`, for tests."""
    return scene


def base_files(folder: Path) -> list[Path]:
    """Write sound images of every format, and of every special kind, into a folder."""
    folder.mkdir(parents=True)
    image = Image.fromarray(scene(1))
    for name in (*FORMATS, "avif") if features.check("avif") else FORMATS:
        image.save(folder / f"rgb.{name}")
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(folder / "turned.jpg", exif=exif)
    image.save(folder / "progressive.jpg", progressive=True, quality=80)
    image.convert("CMYK").save(folder / "cmyk.jpg")
    image.convert("L").save(folder / "grey.png")
    image.convert("1").save(folder / "bilevel.png")
    image.quantize(16).save(folder / "palette.png", transparency=3)
    rgba = image.copy()
    rgba.putalpha(image.getchannel("R"))
    for name in ("png", "webp", "tga", "tif"):
        rgba.save(folder / f"rgba.{name}")
    Image.fromarray(scene(2)[..., 0].astype(np.uint16) * 257).save(folder / "deep.png")
    frames = [Image.fromarray(scene(seed)) for seed in (3, 4, 5)]
    for name in ("gif", "png", "webp", "tif"):
        frames[0].save(folder / f"animated.{name}", save_all=True, append_images=frames[1:], duration=50)
    return sorted(folder.iterdir())


def mutate(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file: flip bytes, cut it, splice it with another, or write large numbers into its header."""
    kind = rng.integers(5)
    if kind == 0:
        damaged = bytearray(data)
        for place in rng.integers(0, len(data), rng.integers(1, 20)):
            damaged[place] ^= int(rng.integers(1, 256))
        return bytes(damaged)
    if kind == 1:
        return data[: rng.integers(0, len(data))]
    if kind == 2:
        return data[: rng.integers(1, len(data))] + other[rng.integers(0, len(other)) :]
    if kind == 3:
        damaged = bytearray(data)
        start = int(rng.integers(4, min(60, len(data) - 4)))
        damaged[start : start + 4] = rng.choice([b"\xff\xff\xff\x7f", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\1\0\0"])
        return bytes(damaged)
    start = int(rng.integers(0, len(data)))
    return data[:start] + data[start + int(rng.integers(1, 50)) :]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 2,000 damaged images of all formats, always the same, and the sound ones that they come from."""
    root = tmp_path_factory.mktemp("corpus")
    base = base_files(root / "corpus" / "sound")
    rng = np.random.default_rng(20201)
    for number in range(2000):
        source, other = base[number % len(base)], base[rng.integers(len(base))]
        folder = root / "corpus" / f"part {number % 7}"
        folder.mkdir(exist_ok=True)
        label = other.suffix if rng.random() < 0.1 else source.suffix
        damaged = mutate(source.read_bytes(), other.read_bytes(), rng)
        (folder / f"{number:04d}{label}").write_bytes(damaged)
    return root / "corpus"


@pytest.fixture(scope="session")
def tool() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``tf-lowdef`` in a process of its own."""

    def run(*args: object, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tf_lowdef", *map(str, args)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, **options)

    return run


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its bytes; links as what they lead to."""
    return {
        str(path.relative_to(folder)): os.readlink(path).encode() if path.is_symlink() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(scope="session")
def read_tree() -> Callable[[Path], dict[str, bytes]]:
    """`tree`, for tests."""
    return tree
