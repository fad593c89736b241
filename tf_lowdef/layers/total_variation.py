"""Total variation minimisation as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.borders import convolve
from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform
from tf_lowdef.layers.float_layer import STEPPED_GRADIENTS, FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.parts import in_parts
from tf_lowdef.validation import check_integer, check_number

PRODUCT = 1 / 8
"""Of both variables' steps: times the difference operator's squared norm, at most 8 (Chambolle 2004), it is 1."""
STEP = 2 * PRODUCT**0.5
"""Of the image, four times the other variable's, because grey levels differ by more than `weight`: after 20 iterations
the embedded images are nearer to the minimum, by the root of the mean square, than after 30 with equal steps (1.5 and
1.6 grey levels)."""
TINY = 1e-4
"""The share of the channel's mean in what fills a dropped value; the smallest share of a kept one is 1 / 256."""
KEPT = 25
"""Bytes that the exact gradient keeps of every value and iteration (measured)."""
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
    iterations and keeps them in memory (`kept_bytes`).

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
        self.kept_bytes = KEPT * self.iterations if gradient == "exact" else 0

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Draw what is kept, and solve."""
        start, kept = images, tf.ones_like(images)
        if self.drop:
            # where a whole window is dropped, the channel's mean stands in
            mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
            kept = tf.cast(draw_uniform(self.keys(images), tf.shape(images)[1:]) >= self.drop, tf.float32)
            start = (convolve(images * kept, START) + TINY * mean) / (convolve(kept, START) + TINY)
        return in_parts(self._solve, start, images, kept)

    def _solve(self, start: tf.Tensor, images: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
        """Iterate; the dual variables are kept times the step, which makes an operation less of each iteration."""
        shrink = 1 / (1 + STEP * kept)
        known, bound = STEP * kept * images * shrink, STEP * self.weight
        below, beside = (_step_inside(images, axis) for axis in (1, 2))

        def iterate(z: tf.Tensor, ahead: tf.Tensor, down: tf.Tensor, right: tf.Tensor) -> Any:
            down += (tf.roll(ahead, -1, axis=1) - ahead) * below
            right += (tf.roll(ahead, -1, axis=2) - ahead) * beside
            longer = bound * tf.math.rsqrt(tf.maximum(down * down + right * right, bound**2))
            down, right = down * longer, right * longer
            # In the last place they are 0, which the roll brings to the first: the transpose of the differences.
            spread = tf.roll(down, 1, axis=1) - down + (tf.roll(right, 1, axis=2) - right)
            new = (z - spread) * shrink + known
            return new, 2 * new - z, down, right

        zeros = tf.zeros_like(images)
        variables = (start, start, zeros, zeros)
        loop = tf.while_loop(lambda *_: True, iterate, variables, maximum_iterations=self.iterations)
        return loop[0]

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "weight": self.weight, "drop": self.drop, "iterations": self.iterations}


def _step_inside(images: tf.Tensor, axis: int) -> tf.Tensor:
    """Return the product of the steps, 0 in the last place along an axis, shaped as `images`."""
    side = tf.shape(images)[axis]
    inside = tf.cast(tf.range(side) < side - 1, tf.float32) * PRODUCT
    inside = tf.reshape(inside, [1, -1, 1, 1] if axis == 1 else [1, 1, -1, 1])
    return tf.broadcast_to(inside, tf.shape(images))  # once, because multiplying by it is two to seven times as fast
