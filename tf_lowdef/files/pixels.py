"""From any mode of Pillow's to 8-bit RGB, as the image is shown: upright, with its transparency or on white."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

Pixels = npt.NDArray[np.uint8]

_GREY_STEP = {"L;2": 85, "L;4": 17}
"""What Pillow multiplies grey of 2 and 4 bits by; the transparent grey of the file it leaves as it is."""


def to_8_bit(image: Image.Image) -> Image.Image:
    """Return a Pillow image upright, in mode RGBA where it has transparency and RGB elsewhere.

    See `tf_lowdef.files.read_rgb` for what becomes of each mode.

    Raises:
        ValueError: The mode has no defined white or no way to RGB: floating point, 32-bit integers above 65,535, LAB.
    """
    image = upright(image)
    if image.mode == "F":
        raise ValueError("floating-point pixels have no defined white")
    if image.mode.startswith("I"):
        return _from_deep_grey(np.asarray(image), image.info.get("transparency"))
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def to_rgb(image: Image.Image) -> Pixels:
    """Return a Pillow image's pixels as they are shown: upright, opaque, uint8 of shape (height, width, 3), RGB.

    See `tf_lowdef.files.read_rgb` for what becomes of each mode.

    Raises:
        ValueError: As `to_8_bit`.
    """
    image = to_8_bit(image)
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return np.array(image)


def upright(image: Image.Image) -> Image.Image:
    """Return the image with its EXIF orientation carried out; damaged EXIF counts as none, as viewers have it."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return ImageOps.exif_transpose(image) if orientation != 1 else image
    except Exception:  # Pillow's EXIF parser raises many types
        return image


def mend_transparency(image: Image.Image) -> None:
    """Make the transparent colour of a PNG that is open, but not decoded yet, one of the pixels that Pillow gives.

    Raises:
        ValueError: It is a colour of 16 bits a channel, of which Pillow keeps 8: several colours become the same.
    """
    colour, tile = image.info.get("transparency"), getattr(image, "tile", None)
    if image.format != "PNG" or colour is None or not tile:
        return
    kind = tile[0][3]  # the layout of the file's pixels, such as "L;4"
    if image.mode == "RGB" and kind == "RGB;16B":
        raise ValueError("has a transparent colour of 16 bits a channel, which cannot be told apart in 8")
    if isinstance(kind, str) and isinstance(colour, int):
        image.info["transparency"] = colour * _GREY_STEP.get(kind, 1)


def _from_deep_grey(grey: npt.NDArray[np.generic], clear: object) -> Image.Image:
    """Return grey of more than 8 bits with its high byte in all channels, and one value of all 16 bits transparent."""
    values = grey.astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("integer pixels outside 0 to 65,535 have no defined white")
    image = Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")
    if isinstance(clear, int):
        image.putalpha(Image.fromarray(np.where(values == clear, 0, 255).astype(np.uint8)))
    return image
