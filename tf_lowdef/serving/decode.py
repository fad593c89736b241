"""Encoded images to pixels of the model's size, inside the graph."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

CHANNELS = 3
JPEG_METHOD = "INTEGER_ACCURATE"
"""libjpeg's slow integer transform (JDCT_ISLOW), which Pillow decodes with too."""

RESIZE_DISTANCE = 2
"""Grey levels that the resizing here is away from Pillow's bicubic filter at most; the tests measure it."""


def decode_batch(encoded: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Decode images one by one, and resize those of another size.

    JPEG and PNG of 8 bits come out exactly as from Pillow's ``Image.open(...).convert("RGB")``. WebP is decoded where
    TensorFlow can (2.20 and later), GIF (first frame) and BMP too. Transparency is dropped and EXIF orientation is not
    carried out, as in Pillow's ``convert``. CMYK JPEG is converted by TensorFlow's own formula, not Pillow's.

    An image of another size is resized to (height, width), with no regard to its proportions: Keys' bicubic filter
    (a = -0.5) with antialiasing, which Pillow's ``BICUBIC`` is too, across, then down, rounded and clipped after each;
    nearly every value is Pillow's, and none further than 2 grey levels away (Pillow's filter weights are integers).

    Args:
        encoded: string, shape (batch,), each a whole file.
        height: Of the pixels to return.
        width: Of the pixels to return.

    Returns:
        float32, shape (batch, height, width, 3), whole numbers in [0, 255], RGB.

    Raises:
        tf.errors.InvalidArgumentError: At run time, an image cannot be decoded.
    """
    pixels = tf.map_fn(
        lambda one: _resize(_decode(one), height, width),
        encoded,
        fn_output_signature=tf.TensorSpec((height, width, CHANNELS), tf.uint8),
    )
    return tf.cast(pixels, tf.float32)


def _decode(encoded: tf.Tensor) -> tf.Tensor:
    """Return uint8 of shape (height, width, 3).

    ``decode_image`` decodes JPEG with a faster transform, up to 5 levels away. ``tf.io.decode_webp`` is not used: a
    server with TensorFlow below 2.20 would refuse the whole model.
    """
    image = tf.cond(
        tf.io.is_jpeg(encoded),
        lambda: tf.io.decode_jpeg(encoded, channels=CHANNELS, dct_method=JPEG_METHOD),
        lambda: tf.io.decode_image(encoded, channels=CHANNELS, expand_animations=False),
    )
    return tf.ensure_shape(image, (None, None, CHANNELS))


def _resize(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    same = tf.reduce_all(tf.equal(tf.shape(image)[:2], [height, width]))
    resized = tf.cond(same, lambda: image, lambda: _bicubic(image, height, width))
    return tf.ensure_shape(resized, (height, width, CHANNELS))


def _bicubic(image: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Resize across, then down, with 8 bits between the two, as Pillow does (its ``src/libImaging/Resample.c``).

    In one step values beyond 0 and 255 would survive the first half, and edges of black and white differ by up to 17.
    """
    across = _round(_resample(image, (tf.shape(image)[0], width)))
    return tf.cast(_round(_resample(across, (height, width))), tf.uint8)


def _resample(image: tf.Tensor, size: tuple[Any, int]) -> tf.Tensor:
    return tf.image.resize(image, size, tf.image.ResizeMethod.BICUBIC, antialias=True)


def _round(values: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(tf.floor(values + 0.5), 0, 255)  # half up, as Pillow
