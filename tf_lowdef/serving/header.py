"""What the headers of image files say, in stock TensorFlow operations: kind, size, alpha channel, orientation.

All of it is read before a pixel is decoded. Positions beyond a file's end read as zero, so that a damaged header gives
a wrong answer here and an error from the decoder, never one from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow as tf

UPRIGHT = 1
"""The EXIF orientation of an image that is stored as it is seen (EXIF 2.32, tag 0x0112)."""

_PNG_START = b"\x89PNG\r\n\x1a\n"
_EXIF_START = b"Exif\0\0"
_ORIENTATION_TAG = 0x0112
_MOST_SEGMENTS = 100_000
"""After so many the search ends: a file of nothing but empty segments would keep a server busy."""


class Header(NamedTuple):
    """What a header says; every member is a scalar tensor.

    Attributes:
        height: In pixels, as stored.
        width: In pixels, as stored.
        transparent: Whether a PNG has transparency. WebP's decoder shows it by four channels.
        animated: Whether there are several images.
        exif: Where the EXIF data starts in the file; below 12 where there is none.
    """

    height: tf.Tensor
    width: tf.Tensor
    transparent: tf.Tensor
    animated: tf.Tensor
    exif: tf.Tensor


def is_png(encoded: tf.Tensor) -> tf.Tensor:
    """Return whether a file, a scalar string, starts as PNG does."""
    return tf.strings.substr(encoded, 0, len(_PNG_START)) == _PNG_START


def is_webp(encoded: tf.Tensor) -> tf.Tensor:
    """Return whether a file, a scalar string, starts as WebP does."""
    return tf.strings.regex_full_match(tf.strings.substr(encoded, 0, 12), r"(?s)RIFF\C{4}WEBP")


def kind_of(encoded: tf.Tensor) -> tf.Tensor:
    """Return a name for a file that is none of those which are decoded."""
    start = tf.strings.substr(encoded, 0, 4)
    name = tf.constant("a file that is no image known here")
    for kind, pattern in (("GIF", "GIF8"), ("BMP", r"(?s)BM\C*"), ("TIFF", r"(?s)(II\*|MM)\C*")):
        name = tf.where(tf.strings.regex_full_match(start, pattern), kind, name)
    return tf.where(tf.strings.length(encoded) == 0, "no bytes", name)


def jpeg_exif(encoded: tf.Tensor) -> tf.Tensor:
    """Return where the data of a JPEG's first EXIF segment starts, below 12 for none. Its size is libjpeg's to read."""
    return _search(_bytes(encoded), 2, _jpeg_step) + 4


def png_header(encoded: tf.Tensor) -> Header:
    """Return a PNG's header (PNG specification, 11.2.2 IHDR, 11.3.1.1 tRNS, 11.3.6.1 eXIf); size 0 without one."""
    data = _bytes(encoded)
    exists = _text_at(data, 12, b"IHDR")
    transparent = ((data[25] & 4) > 0) | (_search(data, 8, _png_step(b"tRNS", b"IDAT")) > 0)
    exif = _search(data, 8, _png_step(b"eXIf", b"IEND"))
    height, width = (_pick(exists, _big(data, at, 4), 0) for at in (20, 16))
    return Header(height, width, transparent, tf.constant(False), exif + 8)


def webp_header(encoded: tf.Tensor) -> Header:
    """Return a WebP's header (WebP container specification; RFC 6386, 9.1, for lossy; RFC 9649, 3.4, for lossless)."""
    data = _bytes(encoded)
    extended, lossless = _text_at(data, 12, b"VP8X"), _text_at(data, 12, b"VP8L")
    flags = _pick(extended, data[20], 0)
    bits = _little(data, 21, 4)
    sizes = _pick(
        extended,
        tf.stack([_little(data, 27, 3) + 1, _little(data, 24, 3) + 1]),
        _pick(
            lossless,
            tf.stack([((bits // 2**14) & 0x3FFF) + 1, (bits & 0x3FFF) + 1]),
            tf.stack([_little(data, 28, 2) & 0x3FFF, _little(data, 26, 2) & 0x3FFF]),
        ),
    )
    exif = _pick((flags & 8) > 0, _search(data, 12, _webp_step), 0)
    return Header(sizes[0], sizes[1], tf.constant(False), (flags & 2) > 0, exif + 8)


def orientation(encoded: tf.Tensor, at: tf.Tensor) -> tf.Tensor:
    r"""Return the orientation that a TIFF structure names in its first directory (TIFF 6.0, section 2), 1 for none.

    Args:
        encoded: The file.
        at: Where the structure starts, or ``Exif\0\0`` before it; a position below 12 stands for none.
    """
    data = _bytes(encoded)
    start = at + _pick(_text_at(data, at, _EXIF_START), len(_EXIF_START), 0)
    little = _text_at(data, start, b"II*\0")
    known = (at >= 12) & (little | _text_at(data, start, b"MM\0*"))

    def number(position: tf.Tensor, size: int) -> tf.Tensor:
        return _pick(little, _little(data, position, size), _big(data, position, size))

    def read() -> tf.Tensor:
        directory = start + number(start + 4, 4)
        entries = directory + 2 + 12 * tf.range(number(directory, 2))
        kind, count = number(entries + 2, 2), number(entries + 4, 4)
        value = _pick(kind == 3, number(entries + 8, 2), _pick(kind == 4, number(entries + 8, 4), 0))
        value = _pick(kind == 1, _big(data, entries + 8, 1), value)
        named = tf.boolean_mask(value, (number(entries, 2) == _ORIENTATION_TAG) & (count == 1))
        return tf.concat([tf.constant([UPRIGHT], tf.int64), named], axis=0)[-1]

    value = tf.cond(known, read, lambda: tf.constant(UPRIGHT, tf.int64))
    return _pick((value >= 1) & (value <= 8), value, UPRIGHT)


Step = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor, tf.Tensor]]
"""From the file's bytes and a segment's position to the next one's, whether it is the wanted, whether it is the last.
"""


def _jpeg_step(data: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Walk the markers up to the first scan (JPEG, ITU T.81, annex B)."""
    marker = _big(data, at, 2)
    filled = marker == 0xFFFF
    alone = (marker == 0xFF01) | ((marker >= 0xFFD0) & (marker <= 0xFFD7))
    following = at + _pick(filled, 1, _pick(alone, 2, 2 + _big(data, at + 2, 2)))
    wanted = (marker == 0xFFE1) & _text_at(data, at + 4, _EXIF_START)
    return following, wanted, (marker < 0xFF00) | (marker == 0xFFDA) | (marker == 0xFFD9)


def _png_step(name: bytes, last: bytes) -> Step:
    def step(data: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        return at + 12 + _big(data, at, 4), _text_at(data, at + 4, name), _text_at(data, at + 4, last)

    return step


def _webp_step(data: tf.Tensor, at: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    length = _little(data, at + 4, 4)
    return at + 8 + length + (length & 1), _text_at(data, at, b"EXIF"), tf.constant(False)


def _search(data: tf.Tensor, start: int, step: Step) -> tf.Tensor:
    """Return the position of the segment that is wanted, 0 for none."""
    end = tf.size(data, tf.int64)

    def body(at: tf.Tensor, found: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        following, wanted, last = step(data, at)
        stop = wanted | last | (following <= at) | (count >= _MOST_SEGMENTS)
        return _pick(stop, end, following), _pick(wanted, at, found), count + 1

    def unfinished(at: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return at < end

    start_at = tf.constant(start, tf.int64)
    return tf.while_loop(unfinished, body, (start_at, tf.zeros_like(start_at), 0), parallel_iterations=1)[1]


def _bytes(encoded: tf.Tensor) -> tf.Tensor:
    """Return a file's bytes, uint8, and zeros behind them, so that the shortest file has all places of a header."""
    return tf.concat([tf.io.decode_raw(encoded, tf.uint8), tf.zeros(32, tf.uint8)], axis=0)


def _at(data: tf.Tensor, at: tf.Tensor | int, size: int) -> tf.Tensor:
    """Return `size` bytes from each position, int64, on a new last axis."""
    places = tf.expand_dims(tf.cast(at, tf.int64), -1) + tf.range(size, dtype=tf.int64)
    inside = (places >= 0) & (places < tf.size(data, tf.int64))
    return _pick(inside, tf.cast(tf.gather(data, _pick(inside, places, 0)), tf.int64), 0)


def _big(data: tf.Tensor, at: tf.Tensor | int, size: int) -> tf.Tensor:
    return tf.reduce_sum(_at(data, at, size) * [256**power for power in reversed(range(size))], axis=-1)


def _little(data: tf.Tensor, at: tf.Tensor | int, size: int) -> tf.Tensor:
    return tf.reduce_sum(_at(data, at, size) * [256**power for power in range(size)], axis=-1)


def _text_at(data: tf.Tensor, at: tf.Tensor | int, text: bytes) -> tf.Tensor:
    return tf.reduce_all(_at(data, at, len(text)) == list(text))


def _pick(condition: tf.Tensor, yes: Any, no: Any) -> tf.Tensor:
    """Return ``tf.where`` of whole numbers of any type, as int64."""
    return tf.where(condition, tf.cast(yes, tf.int64), tf.cast(no, tf.int64))
