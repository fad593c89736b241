"""Mirroring one image file: the same format, mode and palette, without loss where the format allows."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, JpegImagePlugin

from tf_lowdef.files import open_image, to_8_bit, upright
from tf_lowdef.folders.kinds import depth_note, frame_note

_LOSSLESS: Mapping[str, Mapping[str, Any]] = {
    "BMP": {},
    "GIF": {},
    "JPEG2000": {"irreversible": False},
    "PCX": {},
    "PNG": {},
    "PPM": {},
    "SGI": {},
    "TGA": {},
    "TIFF": {"compression": "tiff_deflate"},
    "WEBP": {"lossless": True, "exact": True},
}
"""Formats that are written without loss, with the options for that."""

_JPEG = frozenset({"JPEG", "MPO"})

_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I", "I;16"})


def is_written(extension: str) -> bool:
    """Return whether files with this extension are mirrored in their own format; the others become PNG."""
    kind = Image.registered_extensions().get(extension.lower(), "")
    return kind in _LOSSLESS or kind in _JPEG


def mirror_file(path: Path, mode: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the bytes of an image file's mirrored copy, and the notes on it.

    The format is that of the content, whatever the name says.

    Args:
        path: The image.
        mode: "horizontal", "vertical" or "both".

    Raises:
        ImageReadError: The image cannot be read.
        ValueError: Its pixels do not survive being written in its format.
    """
    with open_image(path) as image:
        notes = (*frame_note(image), *depth_note(path, image))
        flipped = mirror(upright(image), mode)
        return _encode(flipped, image), notes


def mirror(image: Image.Image, mode: str) -> Image.Image:
    """Return an image mirrored left-right ("horizontal"), top-bottom ("vertical") or both."""
    if mode in ("horizontal", "both"):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if mode in ("vertical", "both"):
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _encode(image: Image.Image, original: Image.Image) -> bytes:
    options = {key: image.info[key] for key in ("icc_profile", "exif", "dpi") if image.info.get(key)}
    buffer = BytesIO()
    if original.format in _JPEG:
        image.save(buffer, "JPEG", **options, **_jpeg_options(original))
        return buffer.getvalue()
    kind = original.format or ""
    if kind not in _LOSSLESS:
        kind = "PNG"
        image = image if image.mode in _PNG_MODES else to_8_bit(image)
    if kind == "JPEG2000":
        options["no_jp2"] = getattr(original, "codec", "jp2") == "j2k"
    image.save(buffer, kind, **_LOSSLESS[kind], **options)
    _check(buffer, image, kind)
    return buffer.getvalue()


def _jpeg_options(original: Image.Image) -> dict[str, Any]:
    """Return what makes the second encoding lose least: the first one's tables and subsampling."""
    if not isinstance(original, JpegImagePlugin.JpegImageFile):
        return {"quality": 95}
    return {
        "qtables": original.quantization,
        "subsampling": JpegImagePlugin.get_sampling(original),
        "progressive": bool(original.info.get("progressive")),
    }


def _check(written: BytesIO, image: Image.Image, kind: str) -> None:
    """Raise ValueError where the bytes written do not hold the image's pixels."""
    try:
        written.seek(0)
        with Image.open(written, formats=[kind]) as copy:
            same = copy.size == image.size and np.array_equal(_comparable(copy), _comparable(image))
    except Exception as error:
        raise ValueError(f"the {kind} file written cannot be read back: {error}") from error
    if not same:
        raise ValueError(f"Pillow does not write mode {image.mode} as {kind} without loss")


def _comparable(image: Image.Image) -> npt.NDArray[Any]:
    """Return the pixels in a form that does not depend on how a palette is stored."""
    if image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image)
