"""What lies beyond the border of an image, for layers that look at a pixel's neighbours."""

from __future__ import annotations

import tensorflow as tf


def pad_symmetric(images: tf.Tensor, before: int, after: int) -> tf.Tensor:
    """Continue images by their mirror image, the border's pixels included (``(d c b a | a b c d | d c b a)``).

    What ``scipy.ndimage`` calls ``mode="reflect"``. Unlike ``tf.pad`` it goes on mirroring where the padding is longer
    than the image.

    Args:
        images: Shape (batch, height, width, channels).
        before: Rows above and columns on the left.
        after: Rows below and columns on the right.

    Returns:
        Shape (batch, height + before + after, width + before + after, channels).
    """
    for axis in (1, 2):
        side = tf.shape(images)[axis]
        place = tf.math.floormod(tf.range(-before, side + after), 2 * side)
        images = tf.gather(images, tf.minimum(place, 2 * side - 1 - place), axis=axis)
    return images
