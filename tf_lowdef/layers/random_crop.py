"""Random crops, and the mean of what a classifier says of them, as two Keras layers."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.draws import RandomisedLayer, draw_integers
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.layers.numbers import check_integer, check_number
from tf_lowdef.layers.resample import bilinear, places


@keras.saving.register_keras_serializable(package="tf_lowdef")
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
        >>> model = keras.Sequential([RandomCropLayer(30), base, MeanOfCopies(30)])
    """

    gradients = ("exact", "none")

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
        """Draw each crop's place and look every pixel up."""
        copied = tf.repeat(images, self.copies, axis=0)
        sides = tf.shape(images)[1:3]
        crop = tf.maximum(tf.cast(tf.round(self.fraction * tf.cast(sides, tf.float32)), tf.int32), 1)
        start = tf.cast(draw_integers(self.keys(copied), (2,), 0, sides - crop), tf.float32)
        length = tf.cast(crop, tf.float32)
        rows = places(start[:, :1], length[0], sides[0])
        columns = places(start[:, 1:], length[1], sides[1])
        # a crop ends at its own border, although the image goes on
        rows = tf.clip_by_value(rows, start[:, :1], start[:, :1] + length[0] - 1)
        columns = tf.clip_by_value(columns, start[:, 1:], start[:, 1:] + length[1] - 1)
        return bilinear(copied, rows, columns)

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
