"""EXIF data as bytes that can be carried from file to file, without the orientation that has been carried out."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from PIL import ExifTags, Image

_HEAD = b"Exif\0\0"
"""What JPEG files have before the EXIF data proper, and Pillow before some others'."""

_LAYOUTS = {b"II*\0": "<", b"MM\0*": ">"}
"""The two byte orders of TIFF 6.0, section 2."""

_ENTRY = 12
"""Bytes of an entry of a directory."""

_ORIENTATION = int(ExifTags.Base.Orientation)

_POINTERS = frozenset({int(ExifTags.IFD.Exif), int(ExifTags.IFD.GPSInfo)})

SUB_IMAGES = 330
"""SubIFDs (TIFF/EP): further images inside a TIFF file."""

_LAYOUT_TAGS = frozenset({*range(254, 259), 259, 262, 263, 264, 265, 266, 273, 277, 278, 279, 280, 281, 284, 288, 289})
"""How the pixels lie in the file (TIFF 6.0, section 8): true of that file alone."""

_CODING_TAGS = frozenset({290, 291, 292, 293, 317, *range(320, 326), 338, 339, 340, 341, 347, *range(512, 522), 529})
"""How they are coded (TIFF 6.0, part 2, and its technical notes)."""

_OWN_PLACE = frozenset({530, 531, 532, 700, 34675, 40965, SUB_IMAGES, _ORIENTATION})
"""More of the coding; XMP and the colour profile, which have a place of their own; what cannot be carried over."""

NOT_EXIF = _LAYOUT_TAGS | _CODING_TAGS | _OWN_PLACE
"""Tags of a TIFF file's directory that are no EXIF data of a new file."""


def exif_of(image: Image.Image) -> bytes:
    """Return an image's EXIF data without orientation, in the byte order and layout of the original where it has one.

    A maker note holds places counted from the beginning, so nothing is moved: in all formats but TIFF, whose EXIF data
    are part of the file's own directory, these are the file's own bytes. Empty where there are none.
    """
    if image.format == "TIFF":
        exif = plain_exif(image.getexif())
        return exif.tobytes().removeprefix(_HEAD) if len(exif) or _has_sub(exif) else b""
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


def exif_tags(exif: Image.Exif) -> dict[tuple[int, int], Any]:
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
    while data.startswith(_HEAD):
        data = data.removeprefix(_HEAD)
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
    return exif.tobytes().removeprefix(_HEAD)


def _has_sub(exif: Image.Exif) -> bool:
    return any(exif.get_ifd(pointer) for pointer in _POINTERS)


def _text_profile(text: object) -> bytes:
    """Return the EXIF data in the PNG text that ImageMagick writes: a name, a length, and hexadecimal digits."""
    try:
        return bytes.fromhex("".join(str(text).split("\n")[3:]))
    except ValueError:
        return b""
