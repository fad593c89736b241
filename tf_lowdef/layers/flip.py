"""Flipping as a Keras layer, in native TensorFlow."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.validation import check_choice

FLIP_AXES = {"horizontal": (2,), "vertical": (1,), "both": (1, 2)}


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("flip")
class FlipLayer(ImageLayer):
    """Flips every image, which takes the structure of an adversarial perturbation away from the classifier.

    The second half of the defence of Yin et al. 2020 (doi 10.1002/int.22258). Unlike ``keras.layers.RandomFlip`` it is
    active at inference and never random. Its gradient is exact.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        mode: ``"horizontal"`` (left and right change places), ``"vertical"`` or ``"both"``.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, any values.

    Output shape:
        The same.

    Raises:
        ValueError: `mode` is another one, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import FlipLayer
        >>> images = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
        >>> flipped = FlipLayer()(images).numpy()
        >>> np.array_equal(flipped, images[:, :, ::-1])
        True
    """

    moves = True

    def __init__(self, mode: str = "horizontal", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mode = check_choice("mode", mode, FLIP_AXES)

    def call(self, inputs: Any) -> tf.Tensor:
        """Reverse the axes that `mode` names."""
        return self.to_compute_dtype(tf.reverse(self.to_images(inputs), FLIP_AXES[self.mode]))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "mode": self.mode}
