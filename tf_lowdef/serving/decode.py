"""Encoded images to pixels of the model's size, inside the graph."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral
from typing import Any

import tensorflow as tf

from tf_lowdef.serving.header import (
    Header,
    is_png,
    is_webp,
    jpeg_exif,
    kind_of,
    orientation,
    png_header,
    webp_header,
)
from tf_lowdef.serving.resize import CHANNELS, resize_bicubic

Size = tuple[int, int]

JPEG_METHOD = "INTEGER_ACCURATE"
"""libjpeg's slow integer transform (JDCT_ISLOW), which Pillow decodes with too."""

LIMIT = (4096, 4096)
"""Height and width in pixels that a file may have at most where nothing else is said."""

_AT_ONCE = 4
"""Images of one batch that are decoded side by side; each may need some 300 MB at the default limit."""


def check_limit(limit: Any) -> Size:
    """Return the height and width that a file may have at most, by default 4096; ValueError for what is no size."""
    if limit is None:
        return LIMIT
    message = f"The largest image's height and width must be two whole numbers from 1. Received: {limit!r}"
    try:
        height, width = limit
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    for side in (height, width):
        if isinstance(side, bool) or not isinstance(side, Integral) or side < 1:
            raise ValueError(message)
    return int(height), int(width)


def at_least(size: Size, limit: Size, default: bool) -> Size:
    """Return a limit that a model's own size is within; ValueError where a smaller one was asked for."""
    if not default and (limit[0] < size[0] or limit[1] < size[1]):
        raise ValueError(
            f"The largest image may not be smaller than what the model takes, {size[0]}x{size[1]}. Received: {limit}"
        )
    return max(limit[0], size[0]), max(limit[1], size[1])


def decode_batch(encoded: tf.Tensor, height: int, width: int, limit: Size = LIMIT) -> tf.Tensor:
    """Decode images one by one, and resize those of another size, exactly as Pillow does.

    What comes out are the pixels of `tf_lowdef.files.read_rgb`, resized by Pillow's ``BICUBIC``: EXIF orientation is
    carried out, transparency laid on white, 16 bits cut to 8. Exact for JPEG (grey, RGB) and PNG (all kinds, but grey
    of 2 or 4 bits with a transparent level, where Pillow errs), and for WebP where TensorFlow decodes it (2.20 and
    later). Orientation is taken from EXIF alone, not from XMP or a PNG's text. Resizing (see `resize_bicubic`) has no
    regard to proportions.

    Everything else is an error: GIF, BMP, TIFF, animated WebP, CMYK JPEG, and an image whose header says that it is
    larger than `limit`, which is looked at before anything is decoded, as few bytes can hold a very large image.

    Args:
        encoded: string, shape (batch,), each a whole file.
        height: Of the pixels to return.
        width: Of the pixels to return.
        limit: Height and width that a file may have at most.

    Returns:
        float32, shape (batch, height, width, 3), whole numbers in [0, 255], RGB.

    Raises:
        tf.errors.InvalidArgumentError: At run time, an image cannot be decoded, or is larger.
    """
    pixels = tf.map_fn(
        lambda file: _decode_one(file, height, width, limit, _or_fail)[0],
        encoded,
        fn_output_signature=tf.TensorSpec((height, width, CHANNELS), tf.uint8),
        parallel_iterations=_AT_ONCE,
    )
    return tf.cast(pixels, tf.float32)


def decode_or_mark(encoded: tf.Tensor, height: int, width: int, limit: Size = LIMIT) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode images as `decode_batch` does, with zeros for those that are an error there.

    A server that merges requests into batches gives one status to all of them, so that one bad file would fail
    everybody's. What may fail runs in a ``tf.data`` pipeline of the image's own, stock operations too, because
    nothing else in a graph can go on after an error.

    Args:
        encoded: As for `decode_batch`.
        height: As for `decode_batch`.
        width: As for `decode_batch`.
        limit: As for `decode_batch`.

    Returns:
        The pixels, as from `decode_batch`, and bool, shape (batch,): which images are good.
    """
    pixels, valid = tf.map_fn(
        lambda file: _decode_one(file, height, width, limit, _or_nothing),
        encoded,
        fn_output_signature=(tf.TensorSpec((height, width, CHANNELS), tf.uint8), tf.TensorSpec((), tf.bool)),
        parallel_iterations=_AT_ONCE,
    )
    return tf.cast(pixels, tf.float32), valid


Guard = Callable[..., tf.Tensor]
"""Calls a function that may fail with tensors."""


def _or_fail(function: Callable[..., tf.Tensor], *tensors: tf.Tensor) -> tf.Tensor:
    return function(*tensors)


def _or_nothing(function: Callable[..., tf.Tensor], *tensors: tf.Tensor) -> tf.Tensor:
    """Return what a function returns, or an image of no size where it fails.

    TensorFlow makes the pipeline anew for every image, so `function` is kept small: ten operations cost some 5 ms.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    options.experimental_optimization.apply_default_optimizations = False
    image = tf.data.Dataset.from_tensors(tensors).map(function).ignore_errors()
    nothing = tf.data.Dataset.from_tensors(tf.zeros((0, 0, CHANNELS), tf.uint8))
    return image.concatenate(nothing).take(1).with_options(options).get_single_element()


def _decode_one(encoded: tf.Tensor, height: int, width: int, limit: Size, guard: Guard) -> tuple[tf.Tensor, tf.Tensor]:
    """Return uint8 of shape (height, width, 3), of a file that is a scalar string, and whether it is good."""
    stored, exif = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: (guard(partial(_jpeg, limit=limit), encoded), jpeg_exif(encoded)),
        lambda: tf.cond(
            is_png(encoded),
            lambda: _with_header(png_header(encoded), partial(_png, limit=limit), encoded, guard),
            lambda: tf.cond(
                is_webp(encoded),
                lambda: _with_header(webp_header(encoded), partial(_webp, limit=limit), encoded, guard),
                lambda: (guard(_refused, encoded), tf.constant(0, tf.int64)),
            ),
        ),
    )
    valid = tf.size(stored) > 0
    pixels = tf.cond(
        valid,
        lambda: resize_bicubic(_upright(_opaque(stored), orientation(encoded, exif)), height, width),
        lambda: tf.zeros((height, width, CHANNELS), tf.uint8),
    )
    return pixels, valid


def _with_header(header: Header, decode: Any, encoded: tf.Tensor, guard: Guard) -> tuple[tf.Tensor, tf.Tensor]:
    return guard(decode, encoded, *header[:-1]), header.exif


def _jpeg(encoded: tf.Tensor, limit: Size) -> tf.Tensor:
    shape = tf.io.extract_jpeg_shape(encoded)  # libjpeg's own reading: no header can say one size here, another there
    checked = _within(encoded, shape[0], shape[1], limit)
    rgb = tf.debugging.Assert(shape[2] != CHANNELS + 1, ["CMYK JPEG files are not decoded; send RGB"])
    with tf.control_dependencies([rgb]):
        return _image(tf.io.decode_jpeg(tf.identity(checked), channels=CHANNELS, dct_method=JPEG_METHOD))


def _png(encoded: tf.Tensor, *header: tf.Tensor, limit: Size) -> tf.Tensor:
    height, width, transparent, _ = header
    checked = _within(encoded, height, width, limit)
    return tf.cond(
        transparent,
        lambda: _image(tf.io.decode_png(checked, channels=CHANNELS + 1)),
        lambda: _image(tf.io.decode_png(checked, channels=CHANNELS)),
    )


def _webp(encoded: tf.Tensor, *header: tf.Tensor, limit: Size) -> tf.Tensor:
    """Decode WebP, but not by ``tf.io.decode_webp``: a server below TensorFlow 2.20 would refuse the whole model."""
    height, width, _, animated = header
    checked = _within(encoded, height, width, limit)
    still = tf.debugging.Assert(~animated, ["Animated WebP files are not decoded"])
    with tf.control_dependencies([still]):
        return _image(tf.io.decode_image(tf.identity(checked), channels=0, expand_animations=False))


def _refused(encoded: tf.Tensor) -> tf.Tensor:
    message = tf.strings.join(["JPEG, PNG and WebP files are decoded. Received: ", kind_of(encoded)])
    with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
        return _image(tf.zeros((0, 0, CHANNELS), tf.uint8))


def _image(image: tf.Tensor) -> tf.Tensor:
    """Return an image whose number of channels is known at run time alone."""
    return tf.ensure_shape(tf.raw_ops.PlaceholderWithDefault(input=image, shape=None), (None, None, None))


def _within(encoded: tf.Tensor, height: tf.Tensor, width: tf.Tensor, limit: Size) -> tf.Tensor:
    """Return the file behind a check of its size, which the decoder therefore waits for."""
    words = [tf.strings.as_string(width), " x ", tf.strings.as_string(height)]
    message = tf.strings.join(
        ["An image may have ", f"{limit[1]} x {limit[0]}", " pixels (width x height) at most. Received: ", *words]
    )
    fits = (height <= limit[0]) & (width <= limit[1])
    with tf.control_dependencies([tf.debugging.Assert(fits, [message])]):
        return tf.identity(encoded)


def _opaque(image: tf.Tensor) -> tf.Tensor:
    return tf.cond(tf.shape(image)[2] == CHANNELS + 1, lambda: _on_white(image), lambda: image)


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Lay uint8 RGBA on white, as Pillow's ``alpha_composite`` does, whose division by 255 this is."""
    wide = tf.cast(image, tf.uint16)
    alpha = wide[..., CHANNELS:]
    sums = wide[..., :CHANNELS] * alpha + 255 * (255 - alpha) + 128
    return tf.cast(tf.bitwise.right_shift(sums + tf.bitwise.right_shift(sums, 8), 8), tf.uint8)


def _upright(image: tf.Tensor, turned: tf.Tensor) -> tf.Tensor:
    """Return uint8 of shape (height, width, 3) as its EXIF orientation, `turned`, shows it."""
    image = tf.ensure_shape(image, (None, None, CHANNELS))

    def among(*values: int) -> tf.Tensor:
        return tf.reduce_any(turned == tf.constant(values, turned.dtype))

    image = tf.cond(among(5, 6, 7, 8), lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(among(3, 4, 7, 8), lambda: image[::-1], lambda: image)
    return tf.cond(among(2, 3, 6, 7), lambda: image[:, ::-1], lambda: image)
