"""Backward passes for steps without a useful derivative of their own: what an attacker puts in the derivative's place.

BPDA (Athalye et al. 2018, section 4.1) replaces a step's derivative by that of a function that resembles it. The
identity is the simplest one; it also passes on the high frequencies that a codec or a quantiser removes, so that a walk
spends its steps on noise that never arrives. The ones here pass on what the step passes on.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.layers.borders import convolve
from tf_lowdef.layers.ycbcr import RGB, YCBCR

SIGMA = 0.7
"""Of the Gaussian, in pixels."""
REACH = 3
"""Where it ends, in pixels: at four standard deviations."""

DEFAULT_QUALITY = 60
"""Whose steps stand in for those of drawn qualities where images have no static size."""

BLOCK = 4
"""Side of the blocks that VP8 transforms (RFC 6386, section 14)."""


def smooth(upstream: tf.Tensor) -> tf.Tensor:
    """Return gradients, float32 of shape (batch, height, width, 3), smoothed by the Gaussian of `SIGMA`."""
    weights = [math.exp(-0.5 * (place / SIGMA) ** 2) for place in range(-REACH, REACH + 1)]
    return convolve(upstream, weights)


@tf.function(autograph=False, reduce_retracing=True)  # traced once for all attacks
def soft_rounding(upstream: tf.Tensor, lost: tf.Tensor, steps: tf.Tensor) -> tf.Tensor:
    """Return gradients behind a codec that rounds 4x4 luma coefficients and halves the chroma's sides.

    A coefficient c that is rounded to a multiple of q is taken for ``c - q / (2 pi) sin(2 pi c / q)``, whose derivative
    is ``1 - cos(2 pi c / q)``: nothing where rounding holds it fast, twice the identity's where the next multiple is as
    near. A codec rounds what its prediction leaves over; that differs from what it loses by multiples of q, so that the
    loss will do for c. Chroma is averaged over 2x2 pixels, and its rounding left out.

    Args:
        upstream: Gradients at the codec's output, float32, (batch, height, width, 3).
        lost: What the codec changed, input less output, in grey levels; the same shape.
        steps: float32, broadcast against (batch, rows, columns, 4, 4): of every 4x4 block's orthonormal coefficients in
            grey levels.
    """
    height, width = tf.shape(upstream)[1], tf.shape(upstream)[2]
    luma = tf.tensordot(lost, tf.constant([row[0] for row in YCBCR]), 1)[..., None]
    planes = tf.tensordot(upstream, tf.transpose(tf.constant(RGB)), 1)
    coefficients = to_blocks(pad_to_blocks(luma))
    weights = 1 - tf.cos(2 * math.pi / steps * coefficients)
    first = from_blocks(weights * to_blocks(pad_to_blocks(planes[..., :1])))[:, :height, :width]
    found = tf.concat([first, halved(planes[..., 1:])], axis=3)
    return tf.ensure_shape(tf.tensordot(found, tf.transpose(tf.constant(YCBCR)), 1), upstream.shape)


def webp_gradient(images: tf.Tensor, out: tf.Tensor, upstream: tf.Tensor, quality: Any, method: int) -> tf.Tensor:
    """Return what stands for the derivative of lossy WebP, times `upstream`: :func:`soft_rounding` at its own steps.

    Args:
        images: Grey levels as the encoder gets them, whole numbers in float32, (batch, height, width, 3 or 1).
        out: What the codec made of them.
        upstream: Gradients at its output.
        quality: A number, or int32 of shape (batch,).
        method: libwebp's.
    """
    if images.shape[-1] == 1:  # grey, which the codec sees as three channels alike
        seen, made, each = (tf.repeat(tf.cast(part, tf.float32), 3, axis=3) for part in (images, out, upstream))
        found = webp_gradient(seen, made, each / 3, quality, method)
        return tf.reduce_sum(found, axis=3, keepdims=True)
    from tf_lowdef.webp.graph import steps  # its tables are for those who use it

    if None in images.shape[1:3]:  # a macroblock's segment is known for static sizes alone
        middle = quality if isinstance(quality, (int, float)) else DEFAULT_QUALITY
        found = steps.base_steps(middle)
    else:
        whole = tf.cast(quality, tf.int32) if isinstance(quality, tf.Tensor) else int(quality)
        each = tf.broadcast_to(whole, [tf.shape(images)[0]])
        found = steps.luma_steps(tf.cast(images, tf.uint8), each, method)
    return soft_rounding(tf.cast(upstream, tf.float32), images - tf.cast(out, tf.float32), found)


def halved(planes: tf.Tensor) -> tf.Tensor:
    """Return planes of shape (batch, height, width, channels), each 2x2 pixels replaced by their mean."""
    shape = tf.shape(planes)
    means = tf.nn.avg_pool2d(planes, 2, 2, "SAME")
    return tf.repeat(tf.repeat(means, 2, axis=1), 2, axis=2)[:, : shape[1], : shape[2]]


def transform_matrix() -> tf.Tensor:
    """Return the orthonormal transform of four values (DCT-II), which VP8's integers approximate, shape (4, 4)."""
    frequency, place = np.mgrid[:BLOCK, :BLOCK]
    matrix = np.cos(np.pi * frequency * (2 * place + 1) / (2 * BLOCK)) * np.sqrt(2 / BLOCK)
    matrix[0] /= np.sqrt(2)
    return tf.constant(matrix, tf.float32)


def pad_to_blocks(plane: tf.Tensor) -> tf.Tensor:
    """Return planes (batch, height, width, 1) whose last rows and columns are repeated up to whole blocks."""
    for axis in (1, 2):
        side = tf.shape(plane)[axis]
        plane = tf.gather(plane, tf.minimum(tf.range(-(-side // BLOCK) * BLOCK), side - 1), axis=axis)
    return plane


def to_blocks(plane: tf.Tensor) -> tf.Tensor:
    """Return the coefficients of each block of planes (batch, height, width, 1): (batch, rows, columns, 4, 4)."""
    shape, matrix = tf.shape(plane), transform_matrix()
    cut = tf.reshape(plane, [shape[0], shape[1] // BLOCK, BLOCK, shape[2] // BLOCK, BLOCK])
    return tf.einsum("ui,bricj,vj->brcuv", matrix, cut, matrix)


def from_blocks(coefficients: tf.Tensor) -> tf.Tensor:
    """Return what :func:`to_blocks` took apart."""
    shape, matrix = tf.shape(coefficients), transform_matrix()
    cut = tf.einsum("ui,brcuv,vj->bricj", matrix, coefficients, matrix)
    return tf.reshape(cut, [shape[0], shape[1] * BLOCK, shape[2] * BLOCK, 1])
