"""Pictures to measure on; without TensorFlow."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

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
