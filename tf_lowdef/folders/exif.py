"""EXIF data as bytes that can be carried from file to file, without the orientation that has been carried out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

EXIF_HEAD = b"Exif\0\0"
"""What JPEG files have before the EXIF data proper, and Pillow before some others'."""

_LAYOUTS = {b"II*\0": "<", b"MM\0*": ">"}
"""The two byte orders of TIFF 6.0, section 2."""

_ENTRY = 12
"""Bytes of an entry of a directory."""

_ORIENTATION = int(ExifTags.Base.Orientation)

_POINTERS = frozenset({int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo)})

SUB_IMAGES = 330
"""SubIFDs (TIFF/EP): further images inside a TIFF file."""

NOT_EXIF = frozenset(
    {
        *(*range(254, 267), 273, *range(277, 282), 284, 288, 289),  # how the pixels lie in the file
        *(*range(290, 294), 317, *range(320, 326), *range(338, 342), 347, *range(512, 522), *range(529, 533)),  # coding
        *(700, 34675),  # XMP and the colour profile, which have a place of their own
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
        return _written(plain_exif(image.getexif()))
    data = image.info.get("exif") or _text_profile(image.info.get("Raw profile type exif", ""))
    return without_orientation(data) if isinstance(data, bytes) else b""


def plain_exif(source: Image.Exif) -> Image.Exif:
    """Return the same EXIF data without the tags that say how one file's pixels lie in it."""
    exif = Image.Exif()
    for tag in sorted(source):
        if tag not in NOT_EXIF and tag not in _POINTERS:
            exif[tag] = source[tag]
    for pointer in sorted(_POINTERS):
        tags = dict(source.get_ifd(pointer))
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


def same_exif(one: bytes, other: bytes) -> bool:
    """Return whether two sets of EXIF data say the same, wherever in the data they say it."""
    return one == other or _tags(load_exif(one)) == _tags(load_exif(other))


def unheld_tags(image: Image.Image) -> list[int]:
    """Return the tags of a TIFF file that its EXIF data, as `exif_of` has them, do not give back."""
    before, after = _tags(image.getexif()), _tags(load_exif(exif_of(image)))
    return sorted(tag for (place, tag), value in before.items() if after.get((place, tag)) != value)


def _tags(exif: Image.Exif) -> dict[tuple[int, int], Any]:
    """Return the values of EXIF data, by directory and tag, without those that are one file's alone."""
    tags = {(0, tag): exif[tag] for tag in exif if tag not in NOT_EXIF and tag not in _POINTERS}
    for pointer in (*_POINTERS, int(ExifTags.IFD.Interop)):
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
    order = _LAYOUTS.get(data[:4])
    if order is None:
        return data
    try:
        (start,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, start)
        begin, end = start + 2, start + 2 + count * _ENTRY
        (following,) = struct.unpack_from(order + "I", data, end)
    except struct.error:
        return data
    entries = [data[place : place + _ENTRY] for place in range(begin, end, _ENTRY)]
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] != _ORIENTATION]
    if len(kept) == count:
        return data
    if not kept and not following:
        return b""
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + struct.pack(order + "I", following)
    return data[:start] + directory.ljust(end + 4 - start, b"\0") + data[end + 4 :]


def exif_resolution(data: bytes) -> tuple[float, float] | None:
    """Return the dots per inch that EXIF data state, None where they state none."""
    exif = load_exif(data)
    try:
        x, y = (float(exif[tag]) for tag in (ExifTags.Base.XResolution, ExifTags.Base.YResolution))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    scale = 2.54 if exif.get(ExifTags.Base.ResolutionUnit) == 3 else 1  # 3: centimetres
    return x * scale, y * scale


def resolution_exif(dpi: tuple[float, float]) -> bytes:
    """Return EXIF data that state dots per inch and nothing else."""
    exif = Image.Exif()
    exif[ExifTags.Base.XResolution], exif[ExifTags.Base.YResolution] = dpi
    exif[ExifTags.Base.ResolutionUnit] = 2  # inches
    return exif.tobytes().removeprefix(EXIF_HEAD)


def _written(exif: Image.Exif) -> bytes:
    if not len(exif) and not any(exif.get_ifd(pointer) for pointer in _POINTERS):
        return b""
    try:
        return exif.tobytes().removeprefix(EXIF_HEAD)
    except Exception:  # a value that does not go with its tag's type: Pillow raises many types
        return b""


def _text_profile(text: object) -> bytes:
    """Return the EXIF data in the PNG text that ImageMagick writes: a name, a length, and hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:]))
    except ValueError:
        return b""
