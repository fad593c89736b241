"""Colour profiles: whether one speaks of the pixels that it goes with, and what the pixels are in sRGB."""

from __future__ import annotations

from io import BytesIO

from PIL import Image

_SPACE = slice(16, 20)
"""Where a profile names its pixels' colour space (ICC.1:2022, section 7.2.6)."""

_MODES = {
    b"RGB ": frozenset({"RGB", "RGBA", "RGBX", "P", "PA"}),
    b"GRAY": frozenset({"1", "L", "LA", "I", "I;16"}),
    b"CMYK": frozenset({"CMYK"}),
    b"Lab ": frozenset({"LAB"}),
}


def fits(profile: bytes, mode: str) -> bool:
    """Return whether a colour profile goes with pixels of a mode; one of a space that we do not know goes with all."""
    modes = _MODES.get(profile[_SPACE])
    return modes is None or mode in modes


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """Return an image of grey or ink in sRGB, mode RGB or RGBA, as its colour profile has it.

    None where the profile is none for such an image or is damaged, or Pillow has no LittleCMS.
    """
    if image.mode not in ("L", "LA", "CMYK") or profile[_SPACE] not in _MODES or not fits(profile, image.mode):
        return None
    try:
        from PIL import ImageCms

        source = ImageCms.getOpenProfile(BytesIO(profile))
        colours = image.convert("L") if image.mode == "LA" else image
        result = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except Exception:  # PyCMSError, ImportError, and what a damaged profile makes of LittleCMS
        return None
    if result is not None and image.mode == "LA":
        result.putalpha(image.getchannel("A"))
    return result
