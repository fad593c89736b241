"""Carrying metadata into a new file: Pillow's options for what a format holds."""

from __future__ import annotations

import struct
from typing import Any

from PIL import PngImagePlugin

from tf_lowdef.folders.contents import (
    COMMENT,
    EXIF,
    PROFILE,
    RESOLUTION,
    SEGMENT,
    TEXT,
    XMP,
    Contents,
)
from tf_lowdef.folders.exif import EXIF_HEAD, POINTERS, XMP_TAG, load_exif, plain_exif, with_resolution
from tf_lowdef.folders.profiles import fits
from tf_lowdef.folders.stray import MEANING

_WITH_PROFILE = frozenset({"JPEG", "PNG", "TIFF", "WEBP"})
_WITH_COMMENT = frozenset({"GIF", "JPEG", "JPEG2000"})
_WITH_RESOLUTION = frozenset({"BMP", "JPEG", "PCX", "PNG", "TIFF"})

_MAX_EXIF, _MAX_XMP = 65528, 65505
"""A JPEG segment has 65,533 bytes, of which the names of what is in it take 6 and 29."""

_XMP_TEXT = "XML:com.adobe.xmp"
"""Where XMP stands in PNG (XMP specification, part 3)."""


def save_options(parts: Contents, kind: str, mode: str) -> dict[str, Any]:
    """Return Pillow's options that put into a new file what it can hold of another one's contents.

    Args:
        parts: What the other file holds.
        kind: The new file's format, Pillow's name of it.
        mode: The mode of its pixels: a colour profile of another colour space is left out.
    """
    profile = parts.get(PROFILE)
    keep = kind in _WITH_PROFILE and profile is not None and fits(profile, mode)
    options: dict[str, Any] = {"icc_profile": profile if keep else None}  # None: not even that of the pixels' origin
    if kind in _WITH_COMMENT:
        options["comment"] = parts.get(COMMENT, b"")
    if kind in _WITH_RESOLUTION and RESOLUTION in parts:
        options["dpi"] = parts[RESOLUTION]
    writer = {"JPEG": _jpeg, "PNG": _png, "TIFF": _tiff, "WEBP": _webp}.get(kind)
    return options if writer is None else options | writer(parts)


def _jpeg(parts: Contents) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if len(exif := parts.get(EXIF, b"")) in range(1, _MAX_EXIF):
        options["exif"] = EXIF_HEAD + exif
    if len(xmp := parts.get(XMP, b"")) in range(1, _MAX_XMP):
        options["xmp"] = xmp
    for name, segments in parts.items():
        if name.startswith(SEGMENT):
            marker = _marker(name.removeprefix(SEGMENT))
            options["extra"] = options.get("extra", b"") + b"".join(
                marker + struct.pack(">H", len(data) + 2) + data for data in segments
            )
    return options


def _marker(name: str) -> bytes:
    """Return a segment's marker from Pillow's name of it: COM, or APP0 to APP15."""
    return b"\xff\xfe" if name == "COM" else bytes([0xFF, 0xE0 + int(name.removeprefix("APP"))])


def _png(parts: Contents) -> dict[str, Any]:
    info = PngImagePlugin.PngInfo()
    for name, data in parts.get(MEANING, []):
        info.add(name, data)
    if XMP in parts:
        info.add_itxt(_XMP_TEXT, parts[XMP].decode("utf-8", "replace"))
    for key, value in parts.get(TEXT, {}).items():
        if isinstance(value, PngImagePlugin.iTXt):
            info.add_itxt(key, value, value.lang or "", value.tkey or "")
        else:
            info.add_text(key, value)
    return {"pnginfo": info, **({"exif": parts[EXIF]} if EXIF in parts else {})}


def _tiff(parts: Contents) -> dict[str, Any]:
    exif = plain_exif(load_exif(parts.get(EXIF, b"")))
    inside = [pointer for pointer in POINTERS if exif.get_ifd(pointer)]
    for pointer in inside:
        exif[pointer] = 0  # Pillow writes the directories that it finds a pointer to
    if XMP in parts:
        exif[XMP_TAG] = parts[XMP]
    # Pillow compresses through libtiff, to which it cannot give directories
    return {"exif": exif, "compression": "raw" if inside else "tiff_deflate"}


def _webp(parts: Contents) -> dict[str, Any]:
    exif = parts.get(EXIF, b"")
    if RESOLUTION in parts:
        exif = with_resolution(exif, parts[RESOLUTION])
    return {key: value for key, value in (("exif", exif), ("xmp", parts.get(XMP))) if value}
