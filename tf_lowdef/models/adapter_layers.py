"""The layers that an adapted classifier may need in front and behind, as small Keras layers without weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.layers import ImageLayer
from tf_lowdef.layers.grey import luma

Shape = tuple[int | None, ...]

SMALLEST = float(np.finfo(np.float32).tiny)
"""Probabilities are clipped to this before their logarithm is taken: float32's smallest normal number, 1.2e-38."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
class ReverseChannels(keras.layers.Layer):
    """Turns RGB into BGR, and back.

    Input shape:
        ``(batch, height, width, channels)``.

    Output shape:
        The same.
    """

    def call(self, inputs: Any) -> tf.Tensor:
        """Reverse the last axis."""
        return tf.reverse(inputs, [-1])

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return tuple(input_shape)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class ToGrey(ImageLayer):
    """Makes grey pixels of RGB ones, as Pillow's ``convert("L")`` does; of equal channels it takes one.

    Input shape:
        ``(batch, height, width, 3)``, whole numbers from 0 to 255.

    Output shape:
        ``(batch, height, width, 1)``.
    """

    def call(self, inputs: Any) -> tf.Tensor:
        """Weigh the channels."""
        return self.to_compute_dtype(luma(tf.round(self.to_images(inputs))))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with one channel."""
        return (*super().compute_output_shape(input_shape)[:-1], 1)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class TwoLogits(keras.layers.Layer):
    """Makes the logits of two classes of one, z: -z/2 and z/2.

    The softmax of the two is the sigmoid of the one: softmax([-z/2, z/2])[1] = 1 / (1 + exp(-z)). That of [0, z] is the
    same, but where it rounds to 1, above z = 17, the cross-entropy's gradient would be exactly zero.

    Input shape:
        ``(batch, 1)``.

    Output shape:
        ``(batch, 2)``.
    """

    def call(self, inputs: Any) -> tf.Tensor:
        """Put half of the logit on either side."""
        return tf.concat([-inputs / 2, inputs / 2], axis=-1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with two classes."""
        return (*input_shape[:-1], 2)


@keras.saving.register_keras_serializable(package="tf_lowdef")
class LogProbabilities(keras.layers.Layer):
    """Takes the logarithm of probabilities, which are logits up to a constant.

    They are clipped to float32's smallest normal number before. Where the probability in question is rounded to 1, its
    logarithm is 0 with a gradient of 0: nothing brings back what a softmax has rounded away.

    Args:
        of: ``"softmax"``, or ``"sigmoid"`` for probabilities of which each is that of one class against the rest.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, classes)``, in [0, 1].

    Output shape:
        The same; ``(batch, 2)`` for one class: those of 1 - p and p.

    Raises:
        ValueError: `of` is neither.
    """

    def __init__(self, of: str = "softmax", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if of not in ("softmax", "sigmoid"):
            raise ValueError(f"`of` must be softmax or sigmoid. Received: of={of!r}")
        self.of = of

    def call(self, inputs: Any) -> tf.Tensor:
        """Clip, and take the logarithm; of a sigmoid the logarithm of the odds."""
        outputs = tf.cast(inputs, self.compute_dtype)
        if outputs.shape[-1] == 1:
            outputs = tf.concat([1 - outputs, outputs], axis=-1)
        elif self.of == "sigmoid":
            return _log(outputs) - _log(1 - outputs)
        return _log(outputs)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with two classes for one."""
        return (*input_shape[:-1], 2 if input_shape[-1] == 1 else input_shape[-1])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "of": self.of}


def _log(probabilities: tf.Tensor) -> tf.Tensor:
    return tf.math.log(tf.maximum(probabilities, SMALLEST))
