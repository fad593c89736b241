"""Random resizing and padding as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.draws import RandomisedLayer, draw_uniform, to_integers
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.resample import bilinear, places
from tf_lowdef.validation import check_number


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("resizepad")
class ResizePadLayer(RandomisedLayer, FloatLayer):
    """Shrinks every image to a random size and puts it at a random place on black.

    Xie et al. 2018 (ICLR, arXiv 1711.01991): images of 299 pixels are resized to 299..330 and padded with zeros to 331,
    anew in every call. Here the padded image has the size of the input, which is the size that the classifier behind
    takes; the share of it that the image fills is the paper's. Resizing is bilinear with half-pixel centres, as in
    ``tf.image.resize``. The gradient is exact for what was drawn. Athalye et al. 2018 (arXiv 1802.00420, section 5.4)
    broke it with EOT.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        fraction: The smallest size that is drawn, as a fraction of the input's sides, above 0 and at most 1.
        gradient: ``"exact"`` or ``"none"``; see :class:`FloatLayer`.
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
        >>> from tf_lowdef import ResizePadLayer
        >>> white = np.full((1, 20, 20, 3), 255, np.uint8)
        >>> padded = ResizePadLayer(fraction=0.5, seed=0)(white).numpy()
        >>> padded.shape, float(padded.min())  # smaller, on black
        ((1, 20, 20, 3), 0.0)
    """

    gradients = ("exact", "none")
    compiles = True
    moves = True

    def __init__(
        self,
        fraction: float = 0.9,
        gradient: str = "exact",
        value_range: tuple[float, float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.fraction = check_number("fraction", fraction, 0, 1, above=True)
        self.randomised = self.fraction < 1

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Draw each image's size and place, and look every pixel up."""
        uniform = draw_uniform(self.keys(images), (3,))
        rows, inside_rows = self._axis(tf.shape(images)[1], uniform[:, :1], uniform[:, 1:2])
        columns, inside_columns = self._axis(tf.shape(images)[2], uniform[:, :1], uniform[:, 2:])
        inside = inside_rows[:, :, None, None] & inside_columns[:, None, :, None]
        return tf.where(inside, bilinear(images, rows, columns), 0.0)

    def _axis(self, side: tf.Tensor, of_size: tf.Tensor, of_place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return where each output pixel lies in the input, and whether it is inside; both (batch, side)."""
        smallest = tf.cast(tf.math.ceil(self.fraction * tf.cast(side, tf.float32) - 1e-3), tf.int32)
        size = to_integers(of_size, smallest, side)
        start = to_integers(of_place, 0, side - size)
        scale = tf.cast(side, tf.float32) / tf.cast(size, tf.float32)
        pixel = tf.range(side)
        where = places(-tf.cast(start, tf.float32) * scale, tf.cast(side, tf.float32) * scale, side)
        return where, (pixel >= start) & (pixel < start + size)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "fraction": self.fraction}
