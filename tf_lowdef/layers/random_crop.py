"""Random crops, and the mean of what a classifier says of them, as two Keras layers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.draws import RandomisedLayer, draw_integers
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.validation import check_integer, check_number


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("crops")
class RandomCropLayer(RandomisedLayer, FloatLayer):
    """Makes several random crops of every image, each resized to the image's size.

    The ensemble of Guo et al. 2018 (ICLR, arXiv 1711.00117, section 4.1): 30 crops of 90 x 90 out of 224 x 224, whose
    predictions are averaged. The copies of an image follow one another; :class:`MeanOfCopies` behind the classifier
    averages them. Resizing is bilinear with half-pixel centres, as in ``tf.image.resize``. The gradient is exact for
    what was drawn. Athalye et al. 2018 (arXiv 1802.00420, section 5.3) broke it with EOT.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        copies: Crops of each image, at least 1.
        fraction: A crop's sides as a fraction of the image's, above 0 and at most 1.
        gradient: ``"exact"`` or ``"none"``; see :class:`FloatLayer`.
        value_range: The values that stand for black and full; here they change nothing.
        seed: See :class:`RandomisedLayer`.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        ``(batch * copies, height, width, 3)``.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.

    Example:
        >>> import keras
        >>> from tf_lowdef import MeanOfCopies, RandomCropLayer, load_demo
        >>> base, images, labels = load_demo()
        >>> RandomCropLayer(3)(images[:2]).shape.as_list()
        [6, 96, 96, 3]
        >>> model = keras.Sequential([keras.Input((96, 96, 3)), RandomCropLayer(3), base, MeanOfCopies(3)])
        >>> model.output_shape
        (None, 10)
    """

    gradients = ("exact", "none")
    compiles = True
    moves = True

    def __init__(
        self,
        copies: int = 30,
        fraction: float = 90 / 224,
        gradient: str = "exact",
        value_range: tuple[float, float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.copies = check_integer("copies", copies, 1)
        self.fraction = check_number("fraction", fraction, 0, 1, above=True)
        self.randomised = self.fraction < 1

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape with `copies` times the batch."""
        batch, *rest = super().compute_output_shape(input_shape)
        return (None if batch is None else batch * self.copies, *rest)

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Draw each crop's place, cut it out and resize it."""
        count, sides = tf.shape(images)[0], tf.shape(images)[1:3]
        crop = tf.maximum(tf.cast(tf.round(self.fraction * tf.cast(sides, tf.float32)), tf.int32), 1)
        keys = self.keys(tf.repeat(images[:, :1, :1], self.copies, axis=0))
        start = draw_integers(keys, (2,), 0, sides - crop)
        rows = tf.reshape(start[:, 0], (count, self.copies, 1)) + tf.range(crop[0])
        strips = tf.gather(images, rows, axis=1, batch_dims=1)
        strips = tf.reshape(strips, (count * self.copies, crop[0], sides[1], images.shape[-1]))
        crops = tf.gather(strips, start[:, 1:] + tf.range(crop[1]), axis=2, batch_dims=1)
        return tf.image.resize(crops, sides)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "copies": self.copies, "fraction": self.fraction}


@keras.saving.register_keras_serializable(package="tf_lowdef")
class MeanOfCopies(keras.layers.Layer):
    """Averages a classifier's probabilities over the copies of each image.

    Logits come in, and logits go out: the logarithms of the averaged probabilities.

    Args:
        copies: How many outputs that follow one another belong to one image, at least 1.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch * copies, classes)``, logits.

    Output shape:
        ``(batch, classes)``.

    Raises:
        ValueError: `copies` is out of its range, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import MeanOfCopies
        >>> probabilities = np.array([[0.9, 0.1], [0.5, 0.5]], np.float32)  # of two copies of one image
        >>> np.exp(MeanOfCopies(2)(np.log(probabilities))).round(3)
        array([[0.7, 0.3]], dtype=float32)
    """

    def __init__(self, copies: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.copies = check_integer("copies", copies, 1)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape with one row an image."""
        if len(input_shape) != 2 or (input_shape[0] or 0) % self.copies:
            raise ValueError(
                f"MeanOfCopies {self.name!r} takes logits of shape (batch * {self.copies}, classes). "
                f"Received: shape={tuple(input_shape)}"
            )
        return (None if input_shape[0] is None else input_shape[0] // self.copies, input_shape[1])

    def call(self, inputs: Any) -> tf.Tensor:
        """Take the mean of the softmax, and its logarithm."""
        logits = tf.convert_to_tensor(inputs)
        shape = self.compute_output_shape(tuple(logits.shape))
        images = tf.shape(logits)[0] // self.copies
        of_each = tf.reshape(tf.nn.log_softmax(logits), (images, self.copies, tf.shape(logits)[1]))
        mean = tf.reduce_logsumexp(of_each, axis=1) - tf.math.log(tf.cast(self.copies, of_each.dtype))
        return tf.ensure_shape(mean, shape)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "copies": self.copies}


def count_copies(layers: Iterable[Any]) -> int:
    """Return how many random crops of each image come out of some layers, one behind the other.

    Example:
        >>> from tf_lowdef import FlipLayer, RandomCropLayer
        >>> from tf_lowdef.layers import count_copies
        >>> count_copies([FlipLayer(), RandomCropLayer(30)])
        30
    """
    return math.prod(layer.copies for layer in layers if isinstance(layer, RandomCropLayer))
