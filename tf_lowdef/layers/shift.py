"""Translation by a few pixels as a Keras layer: a control for the flip."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.validation import check_integer

MAX_SHIFT = 10_000
"""Pixels; longer than any image here, and far from the largest int32."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("shift")
class ShiftLayer(ImageLayer):
    """Moves every image a few pixels to the right, or down, and repeats its border behind it.

    A control: like a flip it takes a perturbation to other places and changes no value, so that what a flip gains over
    it is due to the mirror image. Translation alone is known to undo some adversarial images (Luo et al. 2015, arXiv
    1511.06292). Its gradient is exact.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        columns: Pixels to the right; negative to the left.
        rows: Pixels down; negative up.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, any values.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is no integer, or the shape is wrong.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import ShiftLayer
        >>> row = np.array([1, 2, 3, 4], np.uint8).reshape(1, 1, 4, 1)
        >>> ShiftLayer(columns=1)(row).numpy().ravel().tolist()
        [1.0, 1.0, 2.0, 3.0]
    """

    moves = True

    def __init__(self, columns: int = 3, rows: int = 0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.columns = check_integer("columns", columns, -MAX_SHIFT, MAX_SHIFT)
        self.rows = check_integer("rows", rows, -MAX_SHIFT, MAX_SHIFT)

    def call(self, inputs: Any) -> tf.Tensor:
        """Look each row and each column up where it was."""
        images = self.to_images(inputs)
        for axis, shift in ((1, self.rows), (2, self.columns)):
            side = tf.shape(images)[axis]
            images = tf.gather(images, tf.clip_by_value(tf.range(side) - shift, 0, side - 1), axis=axis)
        return self.to_compute_dtype(images)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "columns": self.columns, "rows": self.rows}
