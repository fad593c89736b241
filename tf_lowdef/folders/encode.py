"""One image as WebP: its pixels, what else of it goes into the file, and what does not."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tf_lowdef.files import open_image, to_8_bit, upright
from tf_lowdef.folders.contents import PROFILE, TRANSPARENCY, Contents, contents, lost, note
from tf_lowdef.folders.metadata import save_options
from tf_lowdef.folders.near_lossless import near_lossless
from tf_lowdef.folders.profiles import to_srgb
from tf_lowdef.folders.run import FileOutcome
from tf_lowdef.webp.pillow import check_method, check_quality, check_side

LOSSLESS_QUALITY = 100
"""The quality that the paper's batch tool, and this one, take to mean lossless. To cwebp and Pillow it is lossy."""


@dataclass(frozen=True)
class WebPSettings:
    """How to encode.

    Attributes:
        quality: 0 (smallest) to 100. For `lossless` and `near` it is the effort, and changes no pixel.
        method: 0 (fast) to 6 (slow).
        lossless: Whether to use the lossless codec; None means where `quality` is 100.
        near: Level of near-lossless preprocessing, 0 (coarsest) to 100 (none), followed by the lossless codec; None
            for none.
        decode: Whether the result is a PNG file of the pixels after the round trip instead of the WebP file.
        ignore_transparency: Whether images with a transparent pixel are skipped.
        metadata: Whether EXIF data, XMP and the colour profile go into the WebP file; grey and ink are then converted
            to sRGB through their profiles, which no WebP file can have. False leaves all that out, as cwebp does.

    Raises:
        ValueError: A value is out of its range, or `near` goes with ``lossless=False``, or `metadata` with `decode`.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.files import read_rgb, write_png
        >>> from tf_lowdef.folders import WebPSettings, webp_path
        >>> image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
        >>> Path("photos").mkdir()
        >>> write_png("photos/a.png", image)
        >>> summary = webp_path("photos", "coded", WebPSettings(quality=60, decode=True))  # PNGs of what is left
        >>> from tf_lowdef import webp
        >>> np.array_equal(read_rgb("coded/a.png"), webp.roundtrip(image, quality=60))
        True
    """

    quality: float = 60
    method: int = 4
    lossless: bool | None = None
    near: int | None = None
    decode: bool = False
    ignore_transparency: bool = False
    metadata: bool = False

    def __post_init__(self) -> None:
        check_quality(self.quality)
        check_method(self.method)
        if self.near is not None and not 0 <= self.near <= 100:
            raise ValueError(f"`near` must be an integer from 0 to 100. Received: near={self.near!r}")
        if self.near is not None and self.lossless is False:
            raise ValueError("`near` uses the lossless codec. Received: lossless=False")
        if self.metadata and self.decode:
            raise ValueError("`metadata` goes into WebP files. Received: decode=True")

    @property
    def is_lossless(self) -> bool:
        """Whether the lossless codec is used."""
        if self.near is not None:
            return True
        return self.quality == LOSSLESS_QUALITY if self.lossless is None else self.lossless

    @property
    def suffix(self) -> str:
        """The suffix of a result."""
        return ".png" if self.decode else ".webp"


@dataclass(frozen=True)
class EncodedFile:
    """An image's result.

    Attributes:
        data: The file's bytes.
        pixels: What was encoded: mode RGB or RGBA, upright.
        lost: The parts of the original that are not in it, by name.
        notes: What a summary should say of it.
    """

    data: bytes
    pixels: Image.Image
    lost: tuple[str, ...]
    notes: tuple[str, ...]


def encode_file(path: Path, settings: WebPSettings) -> tuple[bytes, tuple[str, ...]] | FileOutcome:
    """Return the bytes of an image's result and the notes on it, or the outcome of an image that is skipped.

    Raises:
        ImageReadError: The image cannot be read.
        ValueError: It cannot be encoded: a side above 16,383 pixels, a mode with no way to RGB.
    """
    with open_image(path) as image:
        encoded = encode_open(image, read_contents(path, image), settings)
    return encoded if isinstance(encoded, FileOutcome) else (encoded.data, encoded.notes)


def read_contents(path: Path, image: Image.Image) -> Contents:
    """Return what an image file, open and decoded, holds besides the colours that one sees."""
    with path.open("rb") as file:
        return contents(image, file)


def encode_open(image: Image.Image, parts: Contents, settings: WebPSettings) -> EncodedFile | FileOutcome:
    """Return the result of an image that is open, or its outcome where it is skipped.

    Args:
        image: The image, decoded.
        parts: What its file holds.
        settings: How to encode.

    Raises:
        ValueError: As from `encode_file`.
    """
    converted = to_srgb(upright(image), parts[PROFILE]) if settings.metadata and PROFILE in parts else None
    pixels = to_8_bit(image) if converted is None else converted
    if settings.ignore_transparency and pixels.mode == "RGBA" and pixels.getchannel("A").getextrema() != (255, 255):
        return FileOutcome("skipped", "has transparent pixels")
    if settings.metadata:
        data = encode_image(pixels, settings, **save_options(parts, "WEBP", pixels.mode))
        with Image.open(BytesIO(data), formats=("WEBP",)) as written:
            missing = lost(parts, contents(written, BytesIO(data)))
    else:
        data = encode_image(pixels, settings)
        missing = lost(parts, {TRANSPARENCY: True})
    notes = tuple(note(name, parts) for name in missing if converted is None or name != PROFILE)
    if converted is not None:
        notes = (*notes, "converted to sRGB through the original's colour profile")
    return EncodedFile(_to_png(data) if settings.decode else data, pixels, missing, notes)


def encode_image(image: Image.Image, settings: WebPSettings, **metadata: Any) -> bytes:
    """Encode an image of mode RGB or RGBA as WebP.

    Raises:
        ValueError: A side is longer than 16,383 pixels.
    """
    check_side(image.height, image.width)
    if settings.near is not None:
        image = Image.fromarray(near_lossless(np.asarray(image), settings.near))
    lossless = settings.is_lossless
    buffer = BytesIO()
    image.save(
        buffer,
        "WEBP",
        quality=settings.quality,
        method=settings.method,
        lossless=lossless,
        exact=lossless,  # the colours of transparent pixels are pixels too
        **metadata,
    )
    return buffer.getvalue()


def _to_png(data: bytes) -> bytes:
    buffer = BytesIO()
    with Image.open(BytesIO(data), formats=("WEBP",)) as image:
        image.save(buffer, "PNG")
    return buffer.getvalue()
