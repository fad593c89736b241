"""Sample images: made ones, or a folder of the user's, as pixels and as files."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from tf_lowdef.files import find_images, read_file, read_rgb
from tf_lowdef.serving.network import CHANNELS, Size

Pixels = npt.NDArray[np.uint8]
Arrays = dict[str, npt.NDArray[Any]]
Expected = dict[str, tuple[Arrays, Arrays]]
"""Inputs and outputs of each signature, by their names."""

JPEG_QUALITY = 90
LARGER = (1.4, 1.4)
TALL = (1.7, 0.9)
"""How many times as high and wide as the model's input the two samples are that have to be resized. A tall one,
because Pillow resizes those in another order."""
UPSIDE_DOWN = 3
"""The tall one's EXIF orientation, which leaves it tall."""

MOST_FILES = 16
"""So many of a folder are samples at most: they are stored beside the model."""
_SENT = frozenset({"JPEG", "PNG"})
"""Formats that every server decodes."""

_EXPONENT = -1.0
"""Amplitude against frequency in photographs (Field 1987, doi 10.1364/JOSAA.4.002379)."""
_CONTRAST = 48.0
"""Standard deviation of the picture made from that spectrum, in grey levels."""


class Samples(NamedTuple):
    """The user's samples.

    Attributes:
        pictures: uint8, shape (height, width, 3) each.
        files: Those of them that every server decodes, as bytes; none for an array.
        any_size: Whether they are resized where the model takes another size; an array is not.
    """

    pictures: list[Pixels]
    files: list[bytes]
    any_size: bool

    def size(self) -> Size | None:
        """Return the height and width that all pictures have, None where they differ."""
        sizes = {(picture.shape[0], picture.shape[1]) for picture in self.pictures}
        return next(iter(sizes)) if len(sizes) == 1 else None


def open_samples(samples: npt.ArrayLike | str | os.PathLike[str], limit: Size) -> Samples:
    """Return the samples that are given as an array or a folder.

    Raises:
        ValueError: The array is not of whole numbers in [0, 255], shape (n, height, width, 3).
        FileNotFoundError, NotADirectoryError, ImageReadError: As from `read_samples`.
    """
    if isinstance(samples, (str, os.PathLike)):
        return read_samples(samples, limit)
    array = np.asarray(samples)
    if array.ndim != 4 or array.shape[3] != CHANNELS or 0 in array.shape:
        raise ValueError(f"`samples` must have the shape (n, height, width, {CHANNELS}). Received: shape={array.shape}")
    if array.min() < 0 or array.max() > 255 or (array != np.rint(array)).any():
        raise ValueError("`samples` must be whole numbers from 0 to 255, RGB pixels. Received: others")
    return Samples(list(array.astype(np.uint8)), [], any_size=False)


def choose_samples(samples: Samples | None, size: Size, limit: Size, seed: int) -> tuple[Pixels, list[bytes]]:
    """Return what is sent as pixels, uint8 (n, height, width, 3), and what is sent as files."""
    if samples is None:
        pixels = make_samples(size, seed)
        return pixels, encode_samples(pixels, limit)
    pixels = np.stack([_resize(Image.fromarray(picture), size) for picture in samples.pictures])
    return pixels, [*samples.files, *encode_samples(pixels, limit)]


def read_samples(folder: str | os.PathLike[str], limit: Size) -> Samples:
    """Read the first images of a folder, in the order of their names.

    Args:
        folder: Its subfolders are looked into.
        limit: Height and width of the files that a server takes at most; larger ones are sent as pixels alone.

    Raises:
        FileNotFoundError: There is no image in it.
        NotADirectoryError: It is no folder.
        ImageReadError: One of them cannot be read.
    """
    if not Path(folder).is_dir():
        raise NotADirectoryError(f"{os.fspath(folder)}: `samples` must be a folder of images, or an array")
    paths = find_images(folder)[:MOST_FILES]
    if not paths:
        raise FileNotFoundError(f"{os.fspath(folder)}: no images to take as samples")
    pictures = [read_rgb(path) for path in paths]
    contents = [read_file(path) for path in paths]
    return Samples(pictures, [content for content in contents if _is_sent(content, limit)], any_size=True)


def make_samples(size: Size, seed: int = 0) -> Pixels:
    """Make three pictures: noise, a gradient of colours, and one with the spectrum of a photograph.

    Args:
        size: Height and width in pixels.
        seed: The same seed gives the same pictures.

    Returns:
        uint8, shape (3, height, width, 3).
    """
    rng = np.random.default_rng(seed)
    height, width = size
    noise = rng.integers(0, 256, (height, width, CHANNELS))
    rows, columns = np.mgrid[0:height, 0:width]
    down, across = rows / max(height - 1, 1), columns / max(width - 1, 1)
    gradient = np.stack([down, across, (down + across) / 2], axis=-1) * 255
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    frequency[0, 0] = np.inf  # the mean is set below
    spectrum = np.fft.fft2(rng.normal(size=(height, width, CHANNELS)), axes=(0, 1)) * frequency[..., None] ** _EXPONENT
    values = np.fft.ifft2(spectrum, axes=(0, 1)).real
    natural = values / max(values.std(), 1e-9) * _CONTRAST + 128
    pictures = np.stack([noise, gradient, natural])
    samples: Pixels = np.clip(np.rint(pictures), 0, 255).astype(np.uint8)
    return samples


def encode_samples(samples: Pixels, limit: Size) -> list[bytes]:
    """Return samples as files within `limit`: each as PNG and as JPEG, the last as a larger PNG and a tall JPEG too."""
    pictures = [Image.fromarray(sample) for sample in samples]
    height, width = samples.shape[1:3]
    larger, tall = (
        Image.fromarray(
            _resize(pictures[-1], (min(round(height * high), limit[0]), min(round(width * wide), limit[1])))
        )
        for high, wide in (LARGER, TALL)
    )
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = UPSIDE_DOWN
    return [
        *(encode(picture, "PNG") for picture in (*pictures, larger)),
        *(encode(picture, "JPEG", quality=JPEG_QUALITY) for picture in pictures),
        encode(tall, "JPEG", quality=JPEG_QUALITY, exif=exif),
    ]


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Return a picture as a file of a kind that Pillow knows."""
    buffer = BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def _resize(picture: Image.Image, size: Size) -> Pixels:
    height, width = (max(1, side) for side in size)
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))


def _is_sent(content: bytes, limit: Size) -> bool:
    with Image.open(BytesIO(content)) as image:
        fits = image.height <= limit[0] and image.width <= limit[1]
        return fits and image.format in _SENT and image.mode not in ("CMYK", "YCCK")
