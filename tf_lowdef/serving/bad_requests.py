"""Requests that a server must answer with an error, or must mark as bad."""

from __future__ import annotations

import struct
import zlib
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.serving.network import CHANNELS, Size
from tf_lowdef.serving.samples import encode, make_samples
from tf_lowdef.serving.signatures import BYTES_SIGNATURE, PIXELS_SIGNATURE

_PNG_START = b"\x89PNG\r\n\x1a\n"
_RGB_8_BIT = struct.pack(">BBBBB", 8, 2, 0, 0, 0)
"""Bit depth, colour type, compression, filter and interlace of a PNG's header (PNG specification, 11.2.2)."""


class BadRequest(NamedTuple):
    """A request that no right answer exists to.

    Attributes:
        signature: Whose it is.
        array: Its input.
        valid: Which images an export that marks bad ones must answer, shape (n,); None where the request as a whole is
            an error in every export.
    """

    signature: str
    array: npt.NDArray[Any]
    valid: tuple[bool, ...] | None = None


def bad_requests(size: Size, mark: bool = False) -> dict[str, BadRequest]:
    """Return requests by name.

    Args:
        size: Height and width in pixels that the model takes.
        mark: Whether the export marks bad images.
    """
    height, width = size
    picture = Image.fromarray(make_samples((64, 64))[2])
    jpeg, png = encode(picture, "JPEG"), encode(picture, "PNG")
    files = {
        "no-bytes": b"",
        "not-an-image": b"not an image",
        "truncated-jpeg": jpeg[: len(jpeg) // 2],
        "truncated-png": png[: len(png) // 2],
        "zero-size-png": png_header(0, 0),
        "zero-width-png": png_header(0, 8),
        "zero-size-bmp": encode(picture, "BMP")[:18] + bytes(8) + bytes(28),
        "jpeg-start-alone": b"\xff\xd8\xff",
        "gif": encode(picture, "GIF"),
        "bmp": encode(picture, "BMP"),
        "cmyk-jpeg": encode(picture.convert("CMYK"), "JPEG"),
        "huge-png": png_header(2**31 - 1, 2**31 - 1),
    }
    shapes = {
        "other-height": (1, height + 1, width, CHANNELS),
        "one-channel": (1, height, width, 1),
        "no-batch": (height, width, CHANNELS),
        "zero-size": (1, 0, 0, CHANNELS),
        "scalar": (),
    }
    requests = {name: BadRequest(BYTES_SIGNATURE, strings([content]), (False,)) for name, content in files.items()}
    requests["good-and-bad"] = BadRequest(BYTES_SIGNATURE, strings([png, b"not an image"]), (True, False))
    requests["bytes-of-rank-2"] = BadRequest(BYTES_SIGNATURE, strings([png]).reshape(1, 1))
    requests |= {name: BadRequest(PIXELS_SIGNATURE, np.zeros(shape, np.float32)) for name, shape in shapes.items()}
    requests["integers"] = BadRequest(PIXELS_SIGNATURE, np.zeros((1, height, width, CHANNELS), np.int32))
    if mark:
        pixels = np.full((2, height, width, CHANNELS), 128, np.float32)
        pixels[1, 0, 0, 0] = np.nan
        requests["not-finite"] = BadRequest(PIXELS_SIGNATURE, pixels, (True, False))
    return requests


def strings(contents: list[bytes]) -> npt.NDArray[Any]:
    """Return an array of byte strings, shape (n,), which may end in zero bytes."""
    array = np.empty(len(contents), dtype=object)
    array[:] = contents
    return array


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that says to be of a size, and holds no pixels."""
    header = struct.pack(">II", width, height) + _RGB_8_BIT
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    return _PNG_START + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
