"""The images and classifiers that are measured."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from PIL import Image

from bench.result import Settings

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]

SIZE = 224
QUICK_SIZE = 96


def size_of(settings: Settings) -> int:
    """Return the side of the images in pixels."""
    return QUICK_SIZE if settings.quick else SIZE


def pictures(settings: Settings, count: int) -> Pixels:
    """Return images, uint8 of shape (count, size, size, 3)."""
    size = size_of(settings)
    return made_up(count, size, 0) if settings.images is None else from_folder(Path(settings.images), count, size)


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


@functools.cache
def classifier(settings: Settings) -> tuple[Any, str]:
    """Return MobileNetV2 from pixels to logits, and its name; in the quick run the embedded classifier."""
    import tf_lowdef

    if settings.quick:
        return tf_lowdef.load_demo()[0], "embedded classifier"
    weights = "given" if settings.weights else "random"
    return tf_lowdef.load_application("MobileNetV2", settings.weights), f"MobileNetV2 ({weights} weights)"


def task(settings: Settings, count: int) -> tuple[Any, Pixels, Labels, str]:
    """Return a classifier, images, the classes that it predicts for them, and its name."""
    model, name = classifier(settings)
    images = pictures(settings, count)
    return model, images, np.argmax(model.predict(images, verbose=0), axis=1), name


def deepfool_task(settings: Settings, count: int) -> tuple[Any, Pixels, Labels, str]:
    """Return the same with a trained classifier: how many steps DeepFool takes depends on the weights.

    Without weights this is the embedded classifier on its own images.
    """
    import tf_lowdef

    if settings.weights and not settings.quick:
        return task(settings, count)
    model, images, _ = tf_lowdef.load_demo()
    images = images[:: max(1, len(images) // count)][:count]
    return model, images, np.argmax(model.predict(images, verbose=0), axis=1), "embedded classifier"
