"""Reading any image that Pillow knows as 8-bit RGB, with one kind of error, and writing lossless PNG."""

from __future__ import annotations

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from tf_lowdef.files.atomic import write_bytes
from tf_lowdef.files.pixels import Pixels, mend_transparency, to_rgb

_WARNINGS = threading.Lock()
"""Held while the warning filters, which belong to the whole process, are set for one `Image.open`."""

_NOT_READ = frozenset({"EPS", "WMF", "GRIB", "BUFR", "HDF5", "MPEG"})
"""Formats left out: EPS would run Ghostscript on the file, WMF needs Windows, and of the others Pillow knows the
header alone."""

_formats: list[str] = []


class ImageReadError(ValueError):
    """An image file that cannot be read; the text names the file and says why."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(f"{os.fspath(path)}: {reason}")
        self.path = Path(path)
        self.reason = reason


def read_formats() -> list[str]:
    """Return the names of the formats that are read: Pillow's, but for those that hold no plain raster image."""
    with _WARNINGS:
        if not _formats:
            Image.init()
            _formats.extend(name for name in Image.ID if name not in _NOT_READ)
    return _formats


@contextmanager
def open_image(path: str | os.PathLike[str]) -> Iterator[Image.Image]:
    """Open an image file and decode its first frame; the file is closed when the block ends.

    Args:
        path: A regular file of any name; the format is found from its content.

    Yields:
        The Pillow image as it is stored: mode, palette and orientation untouched.

    Raises:
        ImageReadError: The file is missing, unreadable, empty, no image, truncated or damaged, has no pixels, or has
            more than ``PIL.Image.MAX_IMAGE_PIXELS`` (Pillow's limit against decompression bombs, which is only a
            warning up to twice that number; here it is an error).
    """
    with _open_file(path) as file:
        image = _open_header(path, file)
        try:
            _mend(path, image)
            _decode(path, image)
            yield image
        finally:
            image.close()


def read_rgb(path: str | os.PathLike[str]) -> Pixels:
    """Read an image file as 8-bit RGB.

    The EXIF orientation is carried out. What becomes of each kind of file:

    - Grey (8 bits) and bilevel: the value in all three channels.
    - Grey (16 bits): the high byte, which is what Pillow keeps of 16-bit RGB and RGBA too.
    - Palette: the palette's colours.
    - CMYK, YCbCr: Pillow's conversion; colour profiles are not applied.
    - Transparency (RGBA, LA, a transparent palette entry, grey or colour): laid on white, as a page shows it. Dropping
      the alpha channel instead would bring out whatever colours the transparent pixels happen to hide.
    - Animation, several pages: the first frame.
    - Floating point, 32-bit integers above 65,535, LAB, a transparent colour of 16 bits a channel: refused, for want
      of a defined white or conversion.

    Args:
        path: A regular file of any name; the format is found from its content.

    Returns:
        uint8, shape (height, width, 3), RGB, 0 to 255.

    Raises:
        ImageReadError: See `open_image`; also for a mode that is refused.
    """
    with open_image(path) as image:
        try:
            return to_rgb(image)
        except Exception as error:
            raise ImageReadError(path, f"cannot be converted from mode {image.mode} to RGB: {_text(error)}") from error


def encode_png(pixels: Pixels) -> bytes:
    """Return pixels as the bytes of a PNG file, which is lossless.

    Args:
        pixels: uint8, shape (height, width, 3), RGB, or (height, width, 1), grey.

    Raises:
        TypeError: `pixels` is not uint8.
        ValueError: `pixels` has another shape.
    """
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        received = getattr(pixels, "dtype", type(pixels).__name__)
        raise TypeError(f"`pixels` must be a uint8 array. Received: {received}")
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or 0 in pixels.shape:
        raise ValueError(
            f"`pixels` must have the shape (height, width, 3), or 1 for grey. Received: shape={pixels.shape}"
        )
    buffer = BytesIO()
    plane = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    Image.fromarray(np.ascontiguousarray(plane)).save(buffer, "PNG")
    return buffer.getvalue()


def write_png(path: str | os.PathLike[str], pixels: Pixels) -> None:
    """Write pixels as a PNG file: lossless, whole or not at all.

    Args:
        path: The file to write; parent folders are created.
        pixels: As for `encode_png`.

    Raises:
        TypeError, ValueError: As from `encode_png`.
        OSError: The file cannot be written.
    """
    write_bytes(path, encode_png(pixels))


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Return the bytes of an image file, whatever they are.

    Raises:
        ImageReadError: The file is missing, unreadable, empty, or no regular file.
    """
    with _open_file(path) as file:
        try:
            return file.read()
        except OSError as error:
            raise ImageReadError(path, f"cannot be read: {_text(error)}") from error


def _open_file(path: str | os.PathLike[str]) -> BinaryIO:
    try:
        mode = os.stat(path).st_mode
        if not stat.S_ISREG(mode):  # opening a pipe would wait for ever
            raise ImageReadError(path, "is a folder" if stat.S_ISDIR(mode) else "is not a regular file")
        file = open(path, "rb")  # noqa: SIM115 (the caller closes it)
    except FileNotFoundError as error:
        raise ImageReadError(path, "no such file") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the name
        raise ImageReadError(path, f"cannot be opened: {_text(error)}") from error
    if os.fstat(file.fileno()).st_size == 0:
        file.close()
        raise ImageReadError(path, "is empty (0 bytes)")
    return file


def _open_header(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    formats = read_formats()
    try:
        with _WARNINGS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(file, formats=formats)
    except UnidentifiedImageError as error:
        raise ImageReadError(path, "is not an image, or its header is damaged") from error
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageReadError(path, f"is too large: {_text(error)}") from error
    except Exception as error:
        raise ImageReadError(path, f"is damaged: {_text(error)}") from error
    return image


def _mend(path: str | os.PathLike[str], image: Image.Image) -> None:
    try:
        mend_transparency(image)
    except ValueError as error:
        raise ImageReadError(path, str(error)) from error


def _decode(path: str | os.PathLike[str], image: Image.Image) -> None:
    try:
        image.load()
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise ImageReadError(path, f"is too large: {_text(error)}") from error
    except MemoryError as error:
        raise ImageReadError(path, f"does not fit into memory: {image.width} x {image.height} pixels") from error
    except Exception as error:
        raise ImageReadError(path, f"is truncated or damaged: {_text(error)}") from error
    if min(image.size) < 1:
        raise ImageReadError(path, f"has no pixels: {image.width} x {image.height}")
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:  # formats that learn their size while decoding
        raise ImageReadError(path, f"is too large: {image.width} x {image.height} pixels, the limit is {limit}")


def _text(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()) or type(error).__name__
