"""Encoded images to pixels of the model's size, inside the graph."""

from __future__ import annotations

import tensorflow as tf

from tf_lowdef.serving.header import Header, is_png, is_webp, jpeg_header, kind_of, png_header, webp_header
from tf_lowdef.serving.resize import CHANNELS, resize_bicubic

JPEG_METHOD = "INTEGER_ACCURATE"
"""libjpeg's slow integer transform (JDCT_ISLOW), which Pillow decodes with too."""

LIMIT = (4096, 4096)
"""Height and width in pixels that a file may have at most where nothing else is said."""

_AT_ONCE = 4
"""Images of one batch that are decoded side by side; each may need some 300 MB at the default limit."""


def decode_batch(encoded: tf.Tensor, height: int, width: int, limit: tuple[int, int] = LIMIT) -> tf.Tensor:
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
        lambda one: _decode_one(one, height, width, limit),
        encoded,
        fn_output_signature=tf.TensorSpec((height, width, CHANNELS), tf.uint8),
        parallel_iterations=_AT_ONCE,
    )
    return tf.cast(pixels, tf.float32)


def decode_or_mark(
    encoded: tf.Tensor, height: int, width: int, limit: tuple[int, int] = LIMIT
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decode images as `decode_batch` does, with zeros for those that are an error there.

    A server that merges requests into batches gives one status to all of them, so that one bad file would fail
    everybody's. Each image goes through a ``tf.data`` pipeline of its own, which are stock operations too, because
    nothing else in a graph can go on after an error.

    Args:
        encoded: As for `decode_batch`.
        height: As for `decode_batch`.
        width: As for `decode_batch`.
        limit: As for `decode_batch`.

    Returns:
        The pixels, as from `decode_batch`, and bool, shape (batch,): which images are good.
    """
    nothing = tf.zeros((height, width, CHANNELS), tf.uint8)

    def one(file: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        data = tf.data.Dataset.from_tensors(file).map(lambda each: _decode_one(each, height, width, limit))
        return data.ignore_errors().reduce((nothing, False), lambda _, pixels: (pixels, True))

    pixels, valid = tf.map_fn(
        one,
        encoded,
        fn_output_signature=(tf.TensorSpec(nothing.shape, tf.uint8), tf.TensorSpec((), tf.bool)),
        parallel_iterations=_AT_ONCE,
    )
    return tf.cast(pixels, tf.float32), valid


def _decode_one(encoded: tf.Tensor, height: int, width: int, limit: tuple[int, int]) -> tf.Tensor:
    """Return uint8 of shape (height, width, 3), of a file that is a scalar string."""
    image = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: _jpeg(encoded, limit),
        lambda: tf.cond(
            is_png(encoded),
            lambda: _png(encoded, limit),
            lambda: tf.cond(is_webp(encoded), lambda: _webp(encoded, limit), lambda: _refused(encoded)),
        ),
    )
    return resize_bicubic(image, height, width)


def _jpeg(encoded: tf.Tensor, limit: tuple[int, int]) -> tf.Tensor:
    header = jpeg_header(encoded)
    image = tf.io.decode_jpeg(_within(encoded, header, limit), channels=CHANNELS, dct_method=JPEG_METHOD)
    return _upright(image, header.orientation)


def _png(encoded: tf.Tensor, limit: tuple[int, int]) -> tf.Tensor:
    header = png_header(encoded)
    small = _within(encoded, header, limit)
    image = tf.cond(
        header.alpha,
        lambda: _on_white(tf.io.decode_png(small, channels=CHANNELS + 1)),
        lambda: tf.io.decode_png(small, channels=CHANNELS),
    )
    return _upright(image, header.orientation)


def _webp(encoded: tf.Tensor, limit: tuple[int, int]) -> tf.Tensor:
    """Decode WebP, but not by ``tf.io.decode_webp``: a server below TensorFlow 2.20 would refuse the whole model."""
    header = webp_header(encoded)
    image = tf.io.decode_image(_within(encoded, header, limit), channels=0, expand_animations=False)
    image = tf.ensure_shape(image, (None, None, None))
    image = tf.cond(tf.shape(image)[2] == CHANNELS + 1, lambda: _on_white(image), lambda: image)
    return _upright(image, header.orientation)


def _refused(encoded: tf.Tensor) -> tf.Tensor:
    message = tf.strings.join(["JPEG, PNG and WebP files are decoded. Received: ", kind_of(encoded)])
    with tf.control_dependencies([tf.debugging.Assert(False, [message])]):
        return tf.zeros((1, 1, CHANNELS), tf.uint8)


def _within(encoded: tf.Tensor, header: Header, limit: tuple[int, int]) -> tf.Tensor:
    """Return the file behind a check of its size, which the decoder therefore waits for."""
    height, width = header.height, header.width
    words = [tf.strings.as_string(width), " x ", tf.strings.as_string(height)]
    message = tf.strings.join(
        ["An image may have ", f"{limit[1]} x {limit[0]}", " pixels (width x height) at most. Received: ", *words]
    )
    fits = (height <= limit[0]) & (width <= limit[1])
    with tf.control_dependencies([tf.debugging.Assert(fits, [message])]):
        return tf.identity(encoded)


def _on_white(image: tf.Tensor) -> tf.Tensor:
    """Lay uint8 RGBA on white, as Pillow's ``alpha_composite`` does, whose division by 255 this is."""
    wide = tf.cast(image, tf.uint16)
    alpha = wide[..., CHANNELS:]
    sums = wide[..., :CHANNELS] * alpha + 255 * (255 - alpha) + 128
    return tf.cast(tf.bitwise.right_shift(sums + tf.bitwise.right_shift(sums, 8), 8), tf.uint8)


def _upright(image: tf.Tensor, orientation: tf.Tensor) -> tf.Tensor:
    """Return uint8 of shape (height, width, 3) as its EXIF orientation shows it."""
    image = tf.ensure_shape(image, (None, None, CHANNELS))

    def among(*values: int) -> tf.Tensor:
        return tf.reduce_any(orientation == tf.constant(values, orientation.dtype))

    image = tf.cond(among(5, 6, 7, 8), lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    image = tf.cond(among(3, 4, 7, 8), lambda: image[::-1], lambda: image)
    return tf.cond(among(2, 3, 6, 7), lambda: image[:, ::-1], lambda: image)
