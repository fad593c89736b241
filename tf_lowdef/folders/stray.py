"""What lies in an image file besides the picture that Pillow decodes: data behind it, and parts that nobody reads."""

from __future__ import annotations

import os
import re
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

_JPEG_MARKER = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])", re.DOTALL)
"""A marker other than the restarts inside the coded data (ITU T.81, annex B)."""

_JPEG_END, _JPEG_ALONE = 0xD9, frozenset({0x01, 0xD8})

BEHIND, MEANING = "data behind the picture", "meaning of colours"
"""What else may lie in a file: a film, say; chunks that give the colours of a PNG file another meaning than sRGB's."""

_PADDING = b"\0\xff\r\n\t "
"""What cameras and file systems fill up files with."""

_PNG_KNOWN = frozenset(
    b"IHDR PLTE IDAT IEND tRNS iCCP sRGB sBIT bKGD hIST sPLT pHYs tIME eXIf tEXt zTXt iTXt acTL fcTL fdAT iDOT".split()
)
"""Chunks (PNG third edition, section 11) that are read, that describe the coding, or that advise on the display;
iDOT is Apple's, on decoding in parts."""

_PNG_COLOUR = {
    b"gAMA": frozenset({(45455).to_bytes(4, "big"), (45454).to_bytes(4, "big")}),
    b"cHRM": frozenset(
        b"".join(value.to_bytes(4, "big") for value in (*white, 64000, 33000, 30000, 60000, 15000, 6000))
        for white in ((31270, 32900), (31269, 32899))
    ),
    b"cICP": frozenset({b"\x01\x0d\0\x01"}),
}
"""Chunks on the meaning of colours, with the values that mean sRGB, which goes without saying."""

_GIF_LOOPS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")

_TGA_FOOTER, _TGA_FOOTER_SIZE = b"TRUEVISION-XFILE.\0", 26
"""The last bytes of a TGA file of version 2.0; before them stand the places of two areas, 0 where there is none."""


_BMP_HEADER, _BMP_PLAIN = 40, frozenset({0, 3, 6})
"""Size of BITMAPINFOHEADER, and the compressions that are none (BI_RGB and the bit fields)."""

_PPM_GAP = rb"(?:\s|#[^\n]*\n)+"
_PPM_HEAD = re.compile(
    rb"P(?:(?P<bits>4)|(?P<kind>[56]))GAP(?P<width>\d+)GAP(?P<height>\d+)(?(bits)|GAP(?P<maximum>\d+))\s".replace(
        b"GAP", _PPM_GAP
    )
)
_PPM_HEAD_SIZE = 4096


def jpeg_end(data: bytes) -> int:
    """Return where a JPEG image ends: behind its end marker, or at the end of the data where there is none."""
    place = 0
    while (marker := _JPEG_MARKER.search(data, place)) is not None:
        place, code = marker.end(), marker[1][0]
        if code == _JPEG_END:
            return place
        if code not in _JPEG_ALONE:
            place += int.from_bytes(data[place : place + 2], "big")
    return len(data)


def png_chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield name and content of a PNG file's chunks, but for the content of pixels; leave the file behind the last."""
    file.seek(8)
    while len(head := file.read(8)) == 8:
        length, name = int.from_bytes(head[:4], "big"), head[4:]
        if name in (b"IDAT", b"fdAT"):
            file.seek(length, os.SEEK_CUR)
            yield name, b""
        else:
            yield name, file.read(length)
        file.seek(4, os.SEEK_CUR)  # the checksum
        if name == b"IEND":
            return


def stray_parts(file: BinaryIO, kind: str | None) -> dict[str, Any]:
    """Return what a file holds that is neither pixels nor metadata that Pillow reads.

    JPEG, PNG, GIF, BMP and PPM are looked through to their ends: pictures of telephones have films behind them, and a
    PPM file may hold a row of pictures. Of TGA the footer is looked at. Nothing for other formats means that nobody
    has looked.

    Args:
        file: The file.
        kind: Its format, Pillow's name of it.

    Returns:
        For each thing, in words, a true value; for `MEANING` the PNG chunks, name and content.
    """
    if kind == "PNG":
        return _stray_png(file)
    if kind == "JPEG":
        file.seek(0)
        data = file.read()
        return _behind(data[jpeg_end(data) :])
    if kind == "GIF":
        return _stray_gif(file)
    if kind == "BMP":
        return _behind(_rest(file, bmp_end(file)))
    if kind == "PPM":
        return _behind(_rest(file, ppm_end(file)))
    if kind == "TGA":
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TGA_FOOTER_SIZE))
        footer = file.read()
        return {"extension area": True} if footer.endswith(_TGA_FOOTER) and any(footer[:8]) else {}
    return {}


def bmp_end(file: BinaryIO) -> int:
    """Return where the pixels of a BMP file end, and a colour profile may begin; 0 for headers of OS/2."""
    file.seek(10)
    start, size, width, height, _, bits, compression, length = struct.unpack(
        "<IIiiHHII", file.read(28).ljust(28, b"\0")
    )
    if size < _BMP_HEADER:
        return 0
    plain = compression in _BMP_PLAIN
    return int(start + (abs(height) * ((abs(width) * bits + 31) // 32 * 4) if plain else length))


def ppm_end(file: BinaryIO) -> int:
    """Return where the pixels of a binary PPM, PGM or PBM file end; 0 for the other kinds."""
    file.seek(0)
    found = _PPM_HEAD.match(file.read(_PPM_HEAD_SIZE))
    if found is None:
        return 0
    width, height = int(found["width"]), int(found["height"])
    if found["bits"]:
        return found.end() + height * ((width + 7) // 8)
    channels, depth = (3 if found["kind"] == b"6" else 1), (1 if int(found["maximum"]) < 256 else 2)
    return found.end() + height * width * channels * depth


def _rest(file: BinaryIO, end: int) -> bytes:
    """Return what lies behind a place; nothing where the place is 0, which stands for an unknown one."""
    file.seek(end if end else file.seek(0, os.SEEK_END))
    return file.read()


def _stray_png(file: BinaryIO) -> dict[str, Any]:
    chunks = list(png_chunks(file))
    names = {name for name, _ in chunks}
    found: dict[str, Any] = {
        f"PNG chunk {name.decode('latin-1')}": True for name in names - _PNG_KNOWN - _PNG_COLOUR.keys()
    }
    above = {b"cICP"} if names & {b"iCCP", b"sRGB"} else _PNG_COLOUR.keys()  # those stand above gAMA and cHRM
    meaning = [(name, data) for name, data in chunks if name in above and data not in _PNG_COLOUR[name]]
    return found | ({MEANING: meaning} if meaning else {}) | _behind(file.read())


def _stray_gif(file: BinaryIO) -> dict[str, Any]:
    """Walk through a GIF file's blocks (GIF89a specification); damaged files end where the walk does."""
    file.seek(10)
    flags = file.read(3)
    if flags and flags[0] & 0x80:
        file.seek(3 << (flags[0] & 7) + 1, os.SEEK_CUR)
    found: dict[str, Any] = {}
    while (mark := file.read(1)) in (b"!", b","):
        if mark == b",":
            local = file.read(9)
            if len(local) == 9 and local[8] & 0x80:
                file.seek(3 << (local[8] & 7) + 1, os.SEEK_CUR)
            file.seek(1, os.SEEK_CUR)
            _skip_blocks(file)
        else:
            label = file.read(1)
            first = _skip_blocks(file)
            if label == b"\xff" and not first.startswith(_GIF_LOOPS):
                found[f"GIF extension {first.decode('latin-1')}"] = True
            elif label == b"\x01":
                found["GIF text"] = True
    return found | (_behind(file.read()) if mark == b";" else {})


def _skip_blocks(file: BinaryIO) -> bytes:
    """Pass over a GIF file's data sub-blocks and return the first."""
    size = file.read(1)
    first = file.read(size[0]) if size and size[0] else b""
    while size and size[0]:
        size = file.read(1)
        if size:
            file.seek(size[0], os.SEEK_CUR)
    return first


def _behind(rest: bytes) -> dict[str, Any]:
    return {BEHIND: True} if rest.strip(_PADDING) else {}
