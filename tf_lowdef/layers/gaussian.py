"""Gaussian smoothing as a Keras layer."""

from __future__ import annotations

import math
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.borders import convolve
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.validation import check_number

TRUNCATE = 4.0
"""Where the kernel ends, in standard deviations, as in ``scipy.ndimage.gaussian_filter``."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("gaussian")
class GaussianLayer(FloatLayer):
    """Smooths every channel with a Gaussian, one of the local smoothing filters of Xu et al. 2018 (arXiv 1704.01155).

    A depthwise convolution along each axis; images are mirrored at their borders and the kernel ends at 4 standard
    deviations, as in ``scipy.ndimage.gaussian_filter``. It is linear, and its gradient exact.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        sigma: The Gaussian's standard deviation in pixels, above 0 and at most 32.
        gradient: ``"exact"``, ``"straight_through"`` or ``"none"``; see :class:`FloatLayer`.
        value_range: The values that stand for black and full; here they change nothing.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import GaussianLayer
        >>> dot = np.zeros((1, 15, 15, 1), np.uint8)
        >>> dot[0, 7, 7] = 255
        >>> smoothed = GaussianLayer(sigma=1)(dot).numpy()
        >>> bool(smoothed.max() < 255 / 6), round(float(smoothed.sum()))
        (True, 255)
    """

    compiles = True

    def __init__(
        self,
        sigma: float = 1.0,
        gradient: str = "exact",
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(gradient=gradient, value_range=value_range, **kwargs)
        self.sigma = check_number("sigma", sigma, 0, 32, above=True)

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Convolve along the height, then along the width."""
        radius = int(TRUNCATE * self.sigma + 0.5)
        weights = [math.exp(-0.5 * (place / self.sigma) ** 2) for place in range(-radius, radius + 1)]
        return convolve(images, weights)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "sigma": self.sigma}
