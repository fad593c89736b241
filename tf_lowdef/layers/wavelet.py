"""Wavelet denoising in stock ops, for the layer that needs it."""

from __future__ import annotations

import tensorflow as tf

LEVELS = 4
"""What the rule below gives for 224 x 224."""
COARSEST = 3
"""Levels that are left out below the deepest one, as in scikit-image's ``denoise_wavelet``."""
TINY = 1e-6
"""Squared grey levels, against a division by zero."""


def denoise(images: tf.Tensor, sigma: float) -> tf.Tensor:
    """Shrink the Haar wavelet coefficients of every channel towards zero (BayesShrink, soft).

    Chang, Yu and Vetterli 2000 (IEEE TIP 9(9), section III): every subband has its threshold, the noise's variance over
    the standard deviation of the signal, that is of what the noise leaves of the subband's own variance. The number of
    levels is log2 of the shorter side less 3, from 1 to 4. Sides that are odd are continued by their last pixel.

    Args:
        images: float32, shape (batch, height, width, channels).
        sigma: The noise's standard deviation, in the images' units.

    Returns:
        The same shape.
    """
    shorter = tf.minimum(tf.shape(images)[1], tf.shape(images)[2])
    approximation, levels = images, []
    for level in range(1, LEVELS + 1):
        used = tf.cast((shorter >= 2 ** (level + COARSEST)) | (level == 1), tf.float32)
        sides = tf.shape(approximation)[1:3]
        approximation, *details = _analyse(approximation)
        levels.append((sides, [_shrink(detail, sigma, used) for detail in details]))
    for sides, details in reversed(levels):
        approximation = _synthesise(approximation, *details)[:, : sides[0], : sides[1]]
    return approximation


def _shrink(detail: tf.Tensor, sigma: float, used: tf.Tensor) -> tf.Tensor:
    variance = tf.reduce_mean(tf.square(detail), axis=(1, 2), keepdims=True)
    threshold = used * sigma**2 / tf.sqrt(tf.maximum(variance - sigma**2, TINY))
    return tf.nn.relu(detail - threshold) - tf.nn.relu(-detail - threshold)


def _analyse(x: tf.Tensor) -> tuple[tf.Tensor, ...]:
    odd = tf.shape(x)[1:3] % 2
    x = tf.concat([x, x[:, tf.shape(x)[1] - odd[0] :]], axis=1)
    x = tf.concat([x, x[:, :, tf.shape(x)[2] - odd[1] :]], axis=2)
    a, b, c, d = x[:, ::2, ::2], x[:, ::2, 1::2], x[:, 1::2, ::2], x[:, 1::2, 1::2]
    return (a + b + c + d) / 2, (a - b + c - d) / 2, (a + b - c - d) / 2, (a - b - c + d) / 2


def _synthesise(s: tf.Tensor, h: tf.Tensor, v: tf.Tensor, d: tf.Tensor) -> tf.Tensor:
    upper = tf.stack([(s + h + v + d) / 2, (s - h + v - d) / 2], axis=3)
    lower = tf.stack([(s + h - v - d) / 2, (s - h - v + d) / 2], axis=3)
    batch, rows, columns, channels = tf.unstack(tf.shape(s))
    return tf.reshape(tf.stack([upper, lower], axis=2), (batch, 2 * rows, 2 * columns, channels))
