"""Flipping at random as a Keras layer, in native TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform
from tf_lowdef.layers.forms import grammar


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("flip:random")
class RandomFlipLayer(RandomisedLayer):
    """Flips every image, or leaves it, with probability 1/2 each: the flip of Yin et al. 2020 made random.

    Left and right change places. Unlike ``keras.layers.RandomFlip`` it is active at inference. Its gradient is exact
    for what was drawn; an attack takes the mean over draws (EOT, Athalye et al. 2018, arXiv 1707.07397).

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        seed: See :class:`RandomisedLayer`.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, any values.

    Output shape:
        The same.

    Raises:
        ValueError: `seed` is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import RandomFlipLayer
        >>> images = np.tile(np.array([[[[0], [255]]]], np.uint8), (64, 1, 1, 1))
        >>> drawn = RandomFlipLayer(seed=0)(images).numpy()
        >>> np.unique(drawn[:, 0, :, 0], axis=0).tolist()  # some flipped, some not
        [[0.0, 255.0], [255.0, 0.0]]
    """

    moves = True

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(seed=seed, **kwargs)

    def call(self, inputs: Any) -> tf.Tensor:
        """Draw for each image whether it is flipped."""
        images = self.to_images(inputs)
        flipped = draw_uniform(self.keys(images), (1, 1, 1)) < 0.5
        return self.to_compute_dtype(tf.where(flipped, tf.reverse(images, (2,)), images))
