"""Bilinear interpolation at places that differ from image to image, in stock ops with an exact gradient."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def bilinear(images: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> tf.Tensor:
    """Return images made of what lies at the given places of others.

    Args:
        images: float32, shape (batch, height, width, channels).
        rows: float32, shape (batch, new height): for each new row its place in the image, in pixels; 0 is the middle of
            the first row. Places outside are moved to the border.
        columns: float32, shape (batch, new width), likewise.

    Returns:
        Shape (batch, new height, new width, channels).
    """
    return _interpolate(_interpolate(images, rows, 1), columns, 2)


def places(start: Any, length: Any, size: tf.Tensor) -> tf.Tensor:
    """Return where the middles of `size` equal parts of a stretch lie (half-pixel centres, as ``tf.image.resize``).

    Args:
        start: float32, shape (batch, 1): the stretch's first pixel.
        length: float32, shape (batch, 1): its length in pixels.
        size: The number of parts, a scalar.

    Returns:
        float32, shape (batch, size), for :func:`bilinear`.
    """
    parts = tf.range(tf.cast(size, tf.float32)) + 0.5
    return start + parts * (length / tf.cast(size, tf.float32)) - 0.5


def _interpolate(images: tf.Tensor, where: tf.Tensor, axis: int) -> tf.Tensor:
    last = tf.shape(images)[axis] - 1
    where = tf.clip_by_value(where, 0.0, tf.cast(last, tf.float32))
    first = tf.cast(tf.floor(where), tf.int32)
    share = where - tf.floor(where)
    share = share[:, :, None, None] if axis == 1 else share[:, None, :, None]
    low = tf.gather(images, first, axis=axis, batch_dims=1)
    high = tf.gather(images, tf.minimum(first + 1, last), axis=axis, batch_dims=1)
    return low + share * (high - low)
