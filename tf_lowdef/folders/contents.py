"""What an image file holds besides the colours that one sees, and what of it another file does not hold."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, BinaryIO

from PIL import Image

from tf_lowdef.folders.exif import (
    SUB_IMAGES,
    XMP_TAG,
    exif_of,
    exif_resolution,
    holds_exif,
    unheld_tags,
)
from tf_lowdef.folders.kinds import bit_depth, is_one_of_several
from tf_lowdef.folders.stray import BEHIND, stray_parts

EXIF, XMP, PROFILE, TEXT, COMMENT, RESOLUTION = (
    "EXIF data",
    "XMP",
    "colour profile",
    "PNG text",
    "comment",
    "resolution",
)
FRAMES, DEPTH, COLOURS, TRANSPARENCY = "several frames or pages", "bit depth", "kind of colours", "transparency"
SEGMENT = "JPEG segment "

Contents = Mapping[str, Any]
"""The parts of an image file by name: those above, a JPEG file's other segments, and what Pillow or the format calls
the rest. What is not there has no entry."""

_PLAIN = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "I", "I;16", "F"})
"""Modes whose colours are light, not ink or anything else."""

_CODING = frozenset(
    {
        *("adobe", "adobe_transform", "compression", "interlace", "jfif", "jfif_density", "jfif_unit", "jfif_version"),
        *("orientation", "progression", "progressive", "version"),
        *("background", "bbox", "blend", "default_image", "disposal", "duration", "extension", "loop", "timestamp"),
    }
)
"""Entries of Pillow's `info` on how a file is coded, and on the display of several frames."""

_ELSEWHERE = frozenset(
    {
        *("Raw profile type exif", "XML:com.adobe.xmp", "exif", "icc_profile", "xmp"),
        *("chromaticity", "comment", "dpi", "gamma", "resolution", "sizes", "srgb", "transparency"),
        *("flashpix", "mp", "mpoffset", "photoshop"),
    }
)
"""Entries that become a part of their own here."""

_KNOWN_SEGMENTS = (
    *(b"Exif\0\0", b"ICC_PROFILE\0", b"http://ns.adobe.com/xap/1.0/\0"),
    *(b"Adobe", b"Ducky", b"JFIF", b"JFXX", b"MPF\0"),
)
"""How JPEG segments begin that are read elsewhere, or say how the file was coded."""

_NO_RESOLUTION = (72, 96)
"""What programs write as dots per inch where they know none."""

_TURN = re.compile(rb"(tiff:Orientation(?:=\"|='|>))[2-8]")
_FILM = re.compile(rb"(Camera:(?:MotionPhoto|MicroVideo)(?:=\"|='|>))1")
"""What XMP says of a film behind the picture (Google's Motion Photo and its forerunner)."""


def contents(image: Image.Image, file: BinaryIO) -> Contents:
    """Return what an image file holds besides the colours that one sees.

    Args:
        image: The image, decoded.
        file: The file, open anew.
    """
    parts = stray_parts(file, image.format)
    parts.update(_metadata(image, film=BEHIND in parts))
    if is_one_of_several(file, image):
        parts = {FRAMES: True, **parts}
        parts.pop(BEHIND, None)  # where the others lie
    if (depth := bit_depth(file, image)) > 8:
        parts[DEPTH] = depth
    if image.mode not in _PLAIN:
        parts[COLOURS] = image.mode
    if _is_transparent(image):
        parts[TRANSPARENCY] = True
    return parts


def named(name: str, parts: Contents) -> str:
    """Return a part in words, to go behind "its"."""
    if name == DEPTH:
        return f"{parts[DEPTH]} bits a channel"
    return f"{parts[COLOURS]} colours" if name == COLOURS else name


def note(name: str, parts: Contents) -> str:
    """Return what a summary says of a file that lacks one of these parts."""
    if name == FRAMES:
        return "first of several frames or pages"
    if name == DEPTH:
        return f"{parts[DEPTH]} bits a channel reduced to 8"
    return f"{parts[COLOURS]} turned into RGB" if name == COLOURS else f"without the original's {name}"


def lost(before: Contents, after: Contents) -> tuple[str, ...]:
    """Return the names of the parts that one file holds and another does not."""
    return tuple(name for name, value in before.items() if not _has(after, name, value))


def _metadata(image: Image.Image, film: bool) -> dict[str, Any]:
    """Return the parts that say something about the picture; `film` is whether one lies behind it."""
    info = image.info
    text = dict(getattr(image, "text", {}) if image.format == "PNG" else {})
    parts = {
        EXIF: exif_of(image),
        XMP: _xmp(info, film),
        PROFILE: info.get("icc_profile"),
        COMMENT: info.get("comment"),
        TEXT: {key: value for key, value in text.items() if key not in _ELSEWHERE},
        RESOLUTION: _resolution(image),
    }
    parts.update(_segments(image))
    if image.format == "TIFF":
        parts.update({f"TIFF tag {tag}": True for tag in unheld_tags(image)})
        tags = getattr(image, "tag_v2", {})
        parts["images inside"] = SUB_IMAGES in tags
        parts[f"TIFF tag {XMP_TAG}"] = XMP_TAG in tags and not parts[XMP]
    known = _CODING | _ELSEWHERE | text.keys()
    parts.update({str(key): value for key, value in info.items() if key not in known})
    if (aspect := info.get("aspect")) is not None and aspect[0] == aspect[1]:
        del parts["aspect"]
    return {name: value for name, value in parts.items() if value}


def _xmp(info: Mapping[Any, Any], film: bool) -> bytes:
    """Return XMP data as they hold for the picture upright, and alone where a film behind it is left behind."""
    xmp = info.get("xmp") or info.get("XML:com.adobe.xmp") or b""
    data = xmp.encode() if isinstance(xmp, str) else xmp
    if not isinstance(data, bytes):  # a TIFF tag of another type
        return b""
    data = _TURN.sub(rb"\g<1>1", data.strip(b"\0"))
    return _FILM.sub(rb"\g<1>0", data) if film else data


def _segments(image: Image.Image) -> dict[str, list[bytes]]:
    """Return a JPEG file's other segments by marker, such as APP13 (IPTC), and all comments but the last."""
    found: dict[str, list[bytes]] = defaultdict(list)
    applist = list(getattr(image, "applist", []))
    comments = [place for place, (marker, _) in enumerate(applist) if marker == "COM"]
    for place, (marker, data) in enumerate(applist):
        if not data.startswith(_KNOWN_SEGMENTS) and place not in comments[-1:]:
            found[SEGMENT + marker].append(data)
    return found


def _resolution(image: Image.Image) -> tuple[float, float] | None:
    """Return dots per inch where they are not the usual ones, and do not stand in EXIF data or TIFF tags besides."""
    dpi = image.info.get("dpi")
    if not dpi or image.format == "TIFF" or exif_resolution(exif_of(image)) is not None:
        return None
    x, y = (float(value) for value in dpi)
    return None if round(x) == round(y) and round(x) in (0, *_NO_RESOLUTION) else (x, y)


def _is_transparent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    if image.mode.startswith("I"):
        return True
    if image.mode not in ("LA", "RGBA"):
        image = image.copy().convert("RGBA")  # a copy: converting a palette changes it
    return image.getchannel("A").getextrema()[0] != 255


def _has(after: Contents, name: str, value: Any) -> bool:
    if name == RESOLUTION:
        there = after.get(name) or exif_resolution(after.get(EXIF, b""))
        return there is not None and all(abs(a - b) <= 0.01 * b for a, b in zip(there, value, strict=True))
    there = after.get(name)
    if name == DEPTH:
        return bool((there or 8) >= value)
    if there is None:
        return False
    return holds_exif(there, value) if name == EXIF else bool(there == value)
