"""EXIF data as bytes that can be carried from file to file, without the orientation that has been carried out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from PIL import ExifTags, Image

EXIF_HEAD = b"Exif\0\0"
"""What JPEG files have before the EXIF data proper, and Pillow before some others'."""

_LAYOUTS = {b"II*\0": "<", b"MM\0*": ">"}
"""The two byte orders of TIFF 6.0, section 2."""

_ENTRY = 12
"""Bytes of an entry of a directory."""

_ORIENTATION = int(ExifTags.Base.Orientation)

_X, _Y, _UNIT = (
    int(tag) for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution, ExifTags.Base.ResolutionUnit)
)
_INCHES, _CENTIMETRES = 2, 3

POINTERS = frozenset({int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo)})

SUB_IMAGES, XMP_TAG = 330, 700
"""SubIFDs (TIFF/EP), which are further images inside a TIFF file; XMP (XMP specification, part 3)."""

NOT_EXIF = frozenset(
    {
        *(*range(254, 267), 273, *range(277, 282), 284, 288, 289),  # how the pixels lie in the file
        *(*range(290, 294), 317, *range(320, 326), *range(338, 342), 347, *range(512, 522), *range(529, 533)),  # coding
        *(XMP_TAG, 34675),  # XMP and the colour profile, which have a place of their own
        *(40965, SUB_IMAGES, _ORIENTATION),
    }
)
"""Tags of a TIFF file's directory that are no EXIF data of a new file (TIFF 6.0, and its technical notes)."""


def exif_of(image: Image.Image) -> bytes:
    """Return an image's EXIF data without orientation, in the byte order and layout of the original where it has one.

    A maker note holds places counted from the beginning, so nothing is moved: in all formats but TIFF, whose EXIF data
    are part of the file's own directory, these are the file's own bytes. Empty where there are none.
    """
    if image.format == "TIFF":
        return _written(image.getexif())
    data = image.info.get("exif") or _text_profile(image.info.get("Raw profile type exif", ""))
    return without_orientation(data) if isinstance(data, bytes) else b""


def plain_exif(source: Image.Exif) -> Image.Exif:
    """Return the same EXIF data without the tags that say how one file's pixels lie in it."""
    exif = Image.Exif()
    for tag in sorted(source):
        if tag not in NOT_EXIF and tag not in POINTERS:
            exif[tag] = _as_read(source[tag])
    for pointer in sorted(POINTERS):
        tags: dict[int, Any] = {tag: _as_read(value) for tag, value in source.get_ifd(pointer).items()}
        if ExifTags.IFD.Interop in tags:
            tags[ExifTags.IFD.Interop] = dict(source.get_ifd(ExifTags.IFD.Interop))
        if tags:
            exif.get_ifd(pointer).update(tags)
    return exif


def load_exif(data: bytes) -> Image.Exif:
    """Return EXIF data for reading; empty where they are damaged."""
    exif = Image.Exif()
    try:
        exif.load(data)
    except Exception:  # Pillow's EXIF parser raises many types
        return Image.Exif()
    return exif


def holds_exif(there: bytes, wanted: bytes) -> bool:
    """Return whether EXIF data say all that others say, wherever in the data they say it."""
    return there == wanted or not _missing(load_exif(wanted), load_exif(there))


def unheld_tags(image: Image.Image) -> list[int]:
    """Return the tags of a TIFF file that its EXIF data, as `exif_of` has them, do not give back."""
    try:
        return _missing(image.getexif(), load_exif(exif_of(image)))
    except Exception:  # Pillow's EXIF parser raises many types
        return [int(ExifTags.IFD.Exif)]


def _missing(wanted: Image.Exif, there: Image.Exif) -> list[int]:
    """Return the tags that are missing, or say something else."""
    tags = _tags(there)
    return sorted(place[1] for place, value in _tags(wanted).items() if tags.get(place) != value)


def _tags(exif: Image.Exif) -> dict[tuple[int, int], Any]:
    """Return the values of EXIF data, by directory and tag, without those that are one file's alone."""
    tags = {(0, tag): exif[tag] for tag in exif if tag not in NOT_EXIF and tag not in POINTERS}
    for pointer in (*POINTERS, int(ExifTags.IFD.Interop)):
        if pointer == ExifTags.IFD.Interop and ExifTags.IFD.Exif not in exif:
            continue
        inside: Mapping[int, Any] = exif.get_ifd(pointer)
        tags.update({(pointer, tag): value for tag, value in inside.items() if tag != ExifTags.IFD.Interop})
    return tags


def without_orientation(data: bytes) -> bytes:
    """Return EXIF data without the orientation of the main image; every other byte that is read stays where it is.

    Damaged data come back as they are: whoever reads them finds no orientation either.
    """
    while data.startswith(EXIF_HEAD):
        data = data.removeprefix(EXIF_HEAD)
    directory = _main_directory(data)
    if directory is None:
        return data
    order, start, entries, following = directory
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] != _ORIENTATION]
    if len(kept) == len(entries):
        return data
    if not kept and not following:
        return b""
    size = 2 + _ENTRY * len(entries) + 4
    return data[:start] + _pack(order, kept, following).ljust(size, b"\0") + data[start + size :]


def with_resolution(data: bytes, dpi: tuple[float, float]) -> bytes:
    """Return EXIF data that state dots per inch too; every other byte that is read stays where it is.

    Args:
        data: EXIF data that state none; empty where there are none.
        dpi: Dots per inch, across and down.
    """
    directory = _main_directory(data)
    if directory is None:
        exif = Image.Exif()
        exif[_X], exif[_Y], exif[_UNIT] = *dpi, _INCHES
        return exif.tobytes().removeprefix(EXIF_HEAD)
    order, _, entries, following = directory
    place = len(data) + len(data) % 2
    ratios = b"".join(struct.pack(order + "II", *_ratio(value)) for value in dpi)
    rational, short = 5, 3  # TIFF 6.0, section 2
    new = [
        struct.pack(order + "HHII", _X, rational, 1, place),
        struct.pack(order + "HHII", _Y, rational, 1, place + 8),
        struct.pack(order + "HHIHH", _UNIT, short, 1, _INCHES, 0),
    ]
    entries = sorted(entries + new, key=lambda entry: int(struct.unpack_from(order + "H", entry)[0]))
    head = data[:4] + struct.pack(order + "I", place + len(ratios))
    return head + data[8:].ljust(place - 8, b"\0") + ratios + _pack(order, entries, following)


def _main_directory(data: bytes) -> tuple[str, int, list[bytes], int] | None:
    """Return byte order, place and entries of the main image's directory, and the next one's place; None if damaged."""
    order = _LAYOUTS.get(data[:4])
    if order is None:
        return None
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        end = start + 2 + count * _ENTRY
        (following,) = struct.unpack_from(order + "I", data, end)
    except struct.error:
        return None
    return order, start, [data[place : place + _ENTRY] for place in range(start + 2, end, _ENTRY)], following


def _pack(order: str, entries: list[bytes], following: int) -> bytes:
    return struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", following)


def _ratio(value: float) -> tuple[int, int]:
    ratio = Fraction(value).limit_denominator(1000)
    return ratio.numerator, ratio.denominator


def exif_resolution(data: bytes) -> tuple[float, float] | None:
    """Return the dots per inch that EXIF data state, None where they state none."""
    exif = load_exif(data)
    try:
        x, y = float(exif[_X]), float(exif[_Y])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    scale = 2.54 if exif.get(_UNIT) == _CENTIMETRES else 1
    return x * scale, y * scale


def _as_read(value: Any) -> Any:
    """Return text as the bytes that it was read from: Pillow reads Latin-1, and writes question marks beyond ASCII."""
    return value.encode("latin-1", "replace") if isinstance(value, str) and not value.isascii() else value


def _written(source: Image.Exif) -> bytes:
    try:
        exif = plain_exif(source)
        if not len(exif) and not any(exif.get_ifd(pointer) for pointer in POINTERS):
            return b""
        return exif.tobytes().removeprefix(EXIF_HEAD)
    except Exception:  # damaged data, a value that does not go with its tag's type: Pillow raises many types
        return b""


def _text_profile(text: object) -> bytes:
    """Return the EXIF data in the PNG text that ImageMagick writes: a name, a length, and hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:]))
    except ValueError:
        return b""
