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
from tf_lowdef.folders.contents import PROFILE, TRANSPARENCY, Contents, contents, lost, note
from tf_lowdef.folders.metadata import save_options
from tf_lowdef.folders.profiles import to_srgb

_LOSSLESS: Mapping[str, Mapping[str, Any]] = {
    "BMP": {},
    "GIF": {},
    "JPEG2000": {"irreversible": False},
    "PCX": {},
    "PNG": {},
    "PPM": {},
    "SGI": {},
    "TGA": {},
    "TIFF": {},
    "WEBP": {"lossless": True, "exact": True},
}
"""Formats that are written without loss, with the options for that."""

_JPEG = frozenset({"JPEG", "MPO"})

_COLOURS = frozenset({"L", "RGB"})

_MODES: Mapping[str, frozenset[str]] = {
    "BMP": _COLOURS | {"1", "P"},
    "GIF": frozenset({"1", "L", "P"}),
    "JPEG": _COLOURS | {"CMYK"},
    "JPEG2000": _COLOURS | {"LA", "RGBA", "I;16"},
    "MPO": _COLOURS | {"CMYK"},
    "PCX": _COLOURS | {"1", "P"},
    "PNG": _COLOURS | {"1", "LA", "P", "RGBA", "I", "I;16"},
    "PPM": _COLOURS | {"1", "I", "I;16"},
    "SGI": _COLOURS | {"RGBA"},
    "TGA": _COLOURS | {"LA", "P", "RGBA"},
    "TIFF": _COLOURS | {"1", "LA", "P", "RGBA", "CMYK", "I", "I;16", "F"},
    "WEBP": frozenset({"RGB", "RGBA"}),
}
"""The modes that an image from another format is written in without loss."""

_CLEAR_VALUES = frozenset({"GIF", "PNG"})
"""Formats in which a grey, a colour or a palette entry may be transparent."""


def is_written(extension: str) -> bool:
    """Return whether files with this extension are mirrored in their own format; the others become PNG."""
    kind = Image.registered_extensions().get(extension.lower(), "")
    return kind in _LOSSLESS or kind in _JPEG


def written_formats() -> frozenset[str]:
    """Return the formats that a mirrored image can be written in, by Pillow's names."""
    return _JPEG | _LOSSLESS.keys()


def mirror_file(path: Path, mode: str, kind: str | None = None) -> tuple[bytes, tuple[str, ...]]:
    """Return the bytes of an image file's mirrored copy, and the notes on it.

    Args:
        path: The image.
        mode: "horizontal", "vertical" or "both".
        kind: The format to write; None means that of the file's content, whatever its name says.

    Raises:
        ImageReadError: The image cannot be read.
        ValueError: Its pixels do not survive being written in the format, or the format cannot hold them.
    """
    with open_image(path) as image:
        with path.open("rb") as file:
            parts = contents(image, file)
        kind = kind or image.format or ""
        kind = kind if kind in written_formats() else "PNG"
        flipped = mirror(upright(image), mode)
        if kind != image.format and not {kind, image.format} <= _JPEG:
            flipped = _for_format(flipped, parts, kind)
        data = _encode(flipped, image, parts, kind)
    missing = lost(parts, _read_back(data, flipped, kind))
    return data, tuple(note(name, parts) for name in missing)


def mirror(image: Image.Image, mode: str) -> Image.Image:
    """Return an image mirrored left-right ("horizontal"), top-bottom ("vertical") or both."""
    if mode in ("horizontal", "both"):
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if mode in ("vertical", "both"):
        image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    return image


def _encode(image: Image.Image, original: Image.Image, parts: Contents, kind: str) -> bytes:
    """Return an image as the bytes of a file of format `kind` with all of `parts` that it can hold."""
    buffer = BytesIO()
    if kind in _JPEG:
        options = save_options(parts, "JPEG", image.mode)
        image.save(buffer, "JPEG", **options, **_jpeg_options(original))
    else:
        options = save_options(parts, kind, image.mode)
        if kind == "JPEG2000":
            options["no_jp2"] = getattr(original, "codec", "jp2") == "j2k"
        image.save(buffer, kind, **_LOSSLESS[kind], **options)
    return buffer.getvalue()


def _for_format(image: Image.Image, parts: Contents, kind: str) -> Image.Image:
    """Return an image in a mode that another format than its own has, in sRGB where its profile cannot go along.

    Raises:
        ValueError: It has transparent pixels, and the format cannot hold them.
    """
    clear, modes = TRANSPARENCY in parts, _MODES[kind]
    if image.mode in modes and (not clear or image.mode in ("LA", "RGBA") or kind in _CLEAR_VALUES):
        return image
    image = (to_srgb(image, parts[PROFILE]) if PROFILE in parts else None) or to_8_bit(image)
    if clear and "RGBA" not in modes:
        raise ValueError(f"has transparent pixels, which {kind} files cannot hold")
    return image if clear else image.convert("RGB")


def _jpeg_options(original: Image.Image) -> dict[str, Any]:
    """Return what makes the second encoding lose least: the first one's tables and subsampling."""
    if not isinstance(original, JpegImagePlugin.JpegImageFile):
        return {"quality": 95}
    return {
        "qtables": original.quantization,
        "subsampling": JpegImagePlugin.get_sampling(original),
        "progressive": bool(original.info.get("progressive")),
    }


def _read_back(data: bytes, image: Image.Image, kind: str) -> Contents:
    """Return what the bytes written hold besides colours; ValueError where they should hold an image's and do not."""
    try:
        with Image.open(BytesIO(data), formats=["JPEG" if kind in _JPEG else kind]) as copy:
            same = kind in _JPEG or (copy.size == image.size and np.array_equal(_comparable(copy), _comparable(image)))
            parts = contents(copy, BytesIO(data))
    except Exception as error:
        raise ValueError(f"the {kind} file written cannot be read back: {error}") from error
    if not same:
        raise ValueError(f"Pillow does not write mode {image.mode} as {kind} without loss")
    return parts


def _comparable(image: Image.Image) -> npt.NDArray[Any]:
    """Return the pixels in a form that does not depend on how a palette is stored."""
    if image.mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return np.asarray(image.convert("RGBA"))
    return np.asarray(image)
