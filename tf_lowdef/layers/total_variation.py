"""Total variation minimisation as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.borders import convolve
from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform
from tf_lowdef.layers.float_layer import STEPPED_GRADIENTS, FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.primal_dual import minimise
from tf_lowdef.validation import check_integer, check_number

TINY = 1e-4
"""The share of the channel's mean in what fills a dropped value; the smallest share of a kept one is 1 / 256."""
START = (1.0, 4.0, 6.0, 4.0, 1.0)
"""A binomial window that is wide enough to fill what was dropped before the first iteration."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("tv")
class TotalVariationLayer(RandomisedLayer, FloatLayer):
    """Drops random values and fills the image again, so that it varies as little as possible.

    Guo et al. 2018 (ICLR, arXiv 1711.00117, section 4.2): of the images z, the one that minimises
    ``sum(kept * (z - x)**2) / 2 + weight * TV(z)``, where `kept` is drawn anew in every call. TV is isotropic and taken
    channel by channel (Rudin, Osher and Fatemi 1992), where the paper takes norms of whole rows and columns. Solved by
    a fixed number of primal-dual iterations (Chambolle and Pock 2011, algorithm 1), which start from the kept values
    smoothed. ``drop=0`` leaves nothing to chance and is Rudin, Osher and Fatemi's denoising. Athalye et al. 2018 (arXiv
    1802.00420, section 5.3) broke the layer with BPDA's identity, the default here; the exact gradient goes through all
    iterations.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        weight: In grey levels, above 0 and at most 255; more smooths more. The paper's 0.03 for values in [0, 1], with
            a square that is not halved, is 3.8.
        drop: The probability with which a value is dropped, 0 or more and below 1; the paper's is 0.5.
        iterations: 1 or more.
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
        >>> from tf_lowdef import TotalVariationLayer
        >>> noisy = np.random.default_rng(0).normal(128, 8, (1, 16, 16, 3))
        >>> smooth = TotalVariationLayer(seed=0)(noisy).numpy()
        >>> bool(abs(np.diff(smooth, axis=1)).sum() < abs(np.diff(noisy, axis=1)).sum())
        True
    """

    compiles = True
    gradients = STEPPED_GRADIENTS

    def __init__(
        self,
        weight: float = 3.8,
        drop: float = 0.5,
        iterations: int = 20,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.weight = check_number("weight", weight, 0, 255, above=True)
        self.drop = check_number("drop", drop, 0, 0.99)
        self.iterations = check_integer("iterations", iterations, 1)
        self.randomised = self.drop > 0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Draw what is kept, and solve."""
        start, kept = images, tf.ones_like(images)
        if self.drop:
            # where a whole window is dropped, the channel's mean stands in
            mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
            kept = tf.cast(draw_uniform(self.keys(images), tf.shape(images)[1:]) >= self.drop, tf.float32)
            start = (convolve(images * kept, START) + TINY * mean) / (convolve(kept, START) + TINY)
        return minimise(start, images, kept, self.weight, self.iterations)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "weight": self.weight, "drop": self.drop, "iterations": self.iterations}
