"""Images beyond their borders, for layers that look at a pixel's neighbours."""

from __future__ import annotations

from collections.abc import Sequence

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


def convolve(images: tf.Tensor, weights: Sequence[float]) -> tf.Tensor:
    """Convolve every channel along the height, then along the width, with images mirrored at their borders.

    Args:
        images: float32, shape (batch, height, width, 3).
        weights: An odd number of them, symmetric; they are divided by their sum.

    Returns:
        The same shape.
    """
    line = tf.constant(weights, tf.float32) / sum(weights)
    padded = pad_symmetric(images, len(weights) // 2, len(weights) // 2)
    shape = tf.shape(padded)
    # Channel by channel, because TensorFlow 2.16 crashes in depthwise convolutions with long kernels.
    out = tf.reshape(tf.transpose(padded, [0, 3, 1, 2]), [-1, shape[1], shape[2], 1])
    for kernel in (line[:, None, None, None], line[None, :, None, None]):
        out = tf.nn.conv2d(out, kernel, 1, "VALID")
    size = tf.shape(images)
    planes = tf.reshape(out, [size[0], size[3], size[1], size[2]])
    return tf.ensure_shape(tf.transpose(planes, [0, 2, 3, 1]), images.shape)
