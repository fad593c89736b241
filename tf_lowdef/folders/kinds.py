"""How many pictures an image file holds, and how many bits its pixels have, whatever Pillow keeps of them."""

from __future__ import annotations

import re
from typing import BinaryIO

from PIL import Image

_HEADER = 4096
"""Bytes at the beginning of a file in which the depth stands, in the formats that are looked at."""

_PNG_BIT_DEPTH = 24
"""Offset into a PNG file (PNG specification, section 11.2.1), after signature, chunk head, width and height."""

_TIFF_BITS_PER_SAMPLE = 258
"""TIFF 6.0, section 8."""

_SGI_BYTES_PER_CHANNEL = 3
"""Offset (SGI image file format 1.00)."""

_ICON_COUNT = slice(4, 6)
"""Where ICO and CUR files say how many pictures there are, as a little-endian number."""

_PPM_MAXIMUM = re.compile(rb"P[2356]\s(?:\s*#[^\n]*\n)*\s*\d+\s(?:\s*#[^\n]*\n)*\s*\d+\s(?:\s*#[^\n]*\n)*\s*(\d+)\s")

_JPEG2000_SIZE = re.compile(rb"\xff\x51.{36}(?P<count>..)(?P<depths>.*)", re.DOTALL)
"""The marker SIZ (ITU T.800, annex A.5.1) up to the components: each a depth less one and two steps."""

_AVIF_DEPTH = re.compile(rb"av1C.{2}(.)", re.DOTALL)
"""The third byte of the configuration box (AV1 in ISOBMFF, section 2.3.3): bit 6 for 10 bits or more, bit 5 for 12."""


def is_one_of_several(file: BinaryIO, image: Image.Image) -> bool:
    """Return whether an image file holds other pictures: frames, pages, the sizes of an icon, a stereo pair."""
    if image.format in ("ICO", "CUR"):
        return int.from_bytes(_header(file)[_ICON_COUNT], "little") > 1
    if image.format == "ICNS":
        return len(list(image.info.get("sizes", ()))) > 1
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # counting frames reads on in the file, and it is damaged there
        return True


def bit_depth(file: BinaryIO, image: Image.Image) -> int:
    """Return how many bits a channel of an image file's pixels has; 8 where it has fewer, or nobody has looked."""
    if image.mode in ("I", "F") and image.format not in ("PNG", "PPM", "JPEG2000"):
        return 32
    return max(8, _BITS[image.format](file, image) if image.format in _BITS else 16 if image.mode[0] == "I" else 8)


def _header(file: BinaryIO) -> bytes:
    file.seek(0)
    return file.read(_HEADER)


def _tiff_bits(_: BinaryIO, image: Image.Image) -> int:
    bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (8,))
    return int(max(bits if isinstance(bits, tuple) else (bits,)))


def _ppm_bits(file: BinaryIO, _: Image.Image) -> int:
    found = _PPM_MAXIMUM.match(_header(file))
    return int(found[1]).bit_length() if found else 8


def _jpeg2000_bits(file: BinaryIO, _: Image.Image) -> int:
    found = _JPEG2000_SIZE.search(_header(file))
    if found is None:
        return 8
    count = int.from_bytes(found["count"], "big")
    return max(((depth & 0x7F) + 1 for depth in found["depths"][: 3 * count : 3]), default=8)


def _avif_bits(file: BinaryIO, _: Image.Image) -> int:
    found = _AVIF_DEPTH.search(_header(file))
    flags = found[1][0] if found else 0
    return 12 if flags & 0x20 else 10 if flags & 0x40 else 8


_BITS = {
    "PNG": lambda file, _: _header(file)[_PNG_BIT_DEPTH],
    "TIFF": _tiff_bits,
    "SGI": lambda file, _: 8 * _header(file)[_SGI_BYTES_PER_CHANNEL],
    "PPM": _ppm_bits,
    "JPEG2000": _jpeg2000_bits,
    "AVIF": _avif_bits,
}
