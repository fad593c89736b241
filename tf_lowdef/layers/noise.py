"""Uniform noise as a Keras layer: a control for every randomised defence."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.validation import check_number


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("noise")
class NoiseLayer(RandomisedLayer, FloatLayer):
    """Adds uniform noise to every value, at inference too.

    A control: noise as large as the perturbation, with nothing else done to the image, is the least that a defence must
    beat (the baseline of Xie et al. 2018, arXiv 1711.01991, and of Guo et al. 2018, arXiv 1711.00117). Nothing is
    clipped, so that the gradient, the identity, is exact at black and full too.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        epsilon: Half the noise's width, in grey levels, 0 to 255.
        gradient: ``"exact"``, the identity, or ``"none"``; see :class:`FloatLayer`.
        value_range: The values that stand for black and full.
        seed: See :class:`RandomisedLayer`.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        The same; values up to `epsilon` grey levels outside `value_range`.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import NoiseLayer
        >>> grey = np.full((1, 8, 8, 3), 128, np.uint8)
        >>> noisy = NoiseLayer(epsilon=4, seed=0)(grey).numpy()
        >>> bool(0 < abs(noisy - 128).max() <= 4)
        True
    """

    gradients = ("exact", "none")
    compiles = True

    def __init__(
        self,
        epsilon: float = 4.0,
        gradient: str = "exact",
        value_range: tuple[float, float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.epsilon = check_number("epsilon", epsilon, 0, 255)
        self.randomised = self.epsilon > 0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Draw a number for every value and add it."""
        noise = draw_uniform(self.keys(images), tf.shape(images)[1:]) * 2 - 1
        return images + self.epsilon * noise

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "epsilon": self.epsilon}
