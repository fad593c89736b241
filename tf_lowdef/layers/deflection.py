"""Pixel deflection as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers import wavelet
from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform, to_integers
from tf_lowdef.layers.float_layer import STEPPED_GRADIENTS, FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.grey import GREY
from tf_lowdef.layers.ycbcr import RGB, YCBCR
from tf_lowdef.validation import check_integer, check_number


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("deflection")
class PixelDeflectionLayer(RandomisedLayer, FloatLayer):
    """Replaces some pixels by random ones near them, then denoises luma and chroma with wavelets.

    Prakash et al. 2018 (CVPR, arXiv 1801.08926): 200 pixels a picture, each replaced by one that is drawn from a window
    around it; then BayesShrink with Haar wavelets in YCbCr. Left out is the paper's weighting by a class activation
    map, which spares the object and needs the classifier: here every pixel is alike likely. All replacements read the
    original picture. Athalye and Carlini 2018 (arXiv 1804.03286) broke it with BPDA's
    identity, the default here, because the exact gradient is zero for every coefficient below its threshold.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        deflections: Pixels to replace, 0 or more.
        window: How far the replacement may be, in pixels along each axis, at least 1.
        sigma: The noise's standard deviation for the wavelets, in grey levels; the paper's is 0.04 of 255. 0 leaves the
            wavelets out.
        gradient: ``"straight_through"``, ``"smoothed"``, ``"exact"`` or ``"none"``; see :class:`FloatLayer`.
        value_range: The values that stand for black and full.
        seed: See :class:`RandomisedLayer`.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import PixelDeflectionLayer
        >>> images = np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3), np.uint8)
        >>> moved = PixelDeflectionLayer(deflections=5, sigma=0, seed=0)(images).numpy()
        >>> int((moved != images).any(axis=-1).sum()) <= 5
        True
    """

    compiles = True
    gradients = STEPPED_GRADIENTS

    def __init__(
        self,
        deflections: int = 200,
        window: int = 10,
        sigma: float = 10.2,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.deflections = check_integer("deflections", deflections, 0)
        self.window = check_integer("window", window, 1, 10_000)
        self.sigma = check_number("sigma", sigma, 0, 255)
        self.randomised = self.deflections > 0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Deflect, then denoise."""
        out = self._deflect(images) if self.deflections else images
        if not self.sigma:
            return out
        if images.shape[-1] == GREY:  # which is its own luma
            return wavelet.denoise(out, self.sigma)
        return tf.tensordot(wavelet.denoise(tf.tensordot(out, tf.constant(YCBCR), 1), self.sigma), tf.constant(RGB), 1)

    def _deflect(self, images: tf.Tensor) -> tf.Tensor:
        batch, height, width, channels = tf.unstack(tf.shape(images))
        uniform = draw_uniform(self.keys(images), (self.deflections, 4))
        sides = tf.stack([height, width])
        targets = to_integers(uniform[..., :2], 0, sides - 1)
        # alike likely among what of the window lies inside the image
        lowest = tf.maximum(targets - self.window, 0)
        sources = to_integers(uniform[..., 2:], lowest, tf.minimum(targets + self.window, sides - 1))
        targets, sources = (each[..., 0] * width + each[..., 1] for each in (targets, sources))
        # Where two deflections meet, the later one counts.
        image = tf.repeat(tf.range(batch)[:, None], self.deflections, axis=1)
        number = tf.repeat(tf.range(self.deflections)[None], batch, axis=0)
        place = tf.stack([image, targets], axis=-1)
        latest = tf.tensor_scatter_nd_max(tf.fill((batch, height * width), -1), place, number)
        replaced = tf.gather(sources, tf.maximum(latest, 0), batch_dims=1)
        taken = tf.where(latest >= 0, replaced, tf.range(height * width)[None])
        flat = tf.reshape(images, (batch, height * width, channels))
        return tf.reshape(tf.gather(flat, taken, batch_dims=1), tf.shape(images))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {
            **super().get_config(),
            "deflections": self.deflections,
            "window": self.window,
            "sigma": self.sigma,
        }
