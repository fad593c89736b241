"""What is special about an image file, in words for a summary."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

_PNG_BIT_DEPTH, _PNG_COLOUR_TYPE = 24, 25
"""Offsets into a PNG file (PNG specification, section 11.2.1), after signature, chunk head, width and height."""

_PNG_GREY = 0

_TIFF_BITS_PER_SAMPLE = 258
"""TIFF 6.0, section 8."""


def is_animated(image: Image.Image) -> bool:
    """Return whether an image file has several frames or pages."""
    try:
        return bool(getattr(image, "is_animated", False))
    except Exception:  # counting frames reads on in the file, which may be damaged there
        return False


def frame_note(image: Image.Image) -> tuple[str, ...]:
    """Return a note where only the first of several frames is used."""
    return ("first of several frames or pages",) if is_animated(image) else ()


def depth_note(path: Path, image: Image.Image) -> tuple[str, ...]:
    """Return a note where Pillow keeps 8 of 16 bits: colour PNG and TIFF."""
    if image.mode.startswith(("I", "F")):
        return ()
    deep = False
    if image.format == "PNG":
        with path.open("rb") as file:
            header = file.read(_PNG_COLOUR_TYPE + 1)
        deep = header[_PNG_BIT_DEPTH] > 8 and header[_PNG_COLOUR_TYPE] != _PNG_GREY
    elif image.format == "TIFF":
        bits = getattr(image, "tag_v2", {}).get(_TIFF_BITS_PER_SAMPLE, (8,))
        deep = max(bits if isinstance(bits, tuple) else (bits,)) > 8
    return ("16 bits a channel reduced to 8",) if deep else ()
