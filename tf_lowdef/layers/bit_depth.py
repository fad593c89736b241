"""Bit-depth reduction as a Keras layer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.pixel_layer import PixelLayer
from tf_lowdef.validation import check_integer


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("bits")
class BitDepthLayer(PixelLayer):
    """Leaves every channel only ``2 ** bits`` evenly spaced levels, the first feature squeezer.

    Xu, Evans and Qi 2018 (NDSS, arXiv 1704.01155, section 3.1): black and full stay, values in between go to the
    nearest level. The levels are 8-bit pixels, so that they lie up to half a grey level from the paper's floats. He et
    al. 2017 (arXiv 1706.04701) broke it; the gradient here is BPDA's.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        bits: 1 to 8 bits a channel; 8 only rounds.
        gradient: ``"straight_through"``, ``"smoothed"`` or ``"none"``; see :class:`PixelLayer`.
        value_range: The values that stand for black and full.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.
        tf.errors.InvalidArgumentError: From the call, for NaN or infinity.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import BitDepthLayer
        >>> grey = np.array([0, 100, 200, 255], np.uint8).reshape(1, 1, 4, 1)
        >>> BitDepthLayer(bits=1)(grey).numpy().ravel().tolist()
        [0.0, 0.0, 255.0, 255.0]
    """

    compiles = True

    def __init__(
        self,
        bits: int = 3,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(gradient=gradient, value_range=value_range, **kwargs)
        self.bits = check_integer("bits", bits, 1, 8)

    def transform_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Take every pixel to its level."""
        return tf.cast(self.transform_whole(tf.cast(pixels, tf.float32)), tf.uint8)

    def transform_whole(self, values: tf.Tensor) -> tf.Tensor:
        """Take whole grey levels to the nearest of the levels, and that to the nearest grey level.

        255 is odd and so is the number of steps: no half is ever between two. TensorFlow's quantiser therefore is exact
        here (a test compares all pixels with whole numbers), and faster than looking them up.
        """
        levels = tf.quantization.fake_quant_with_min_max_args(values, 0, 255, self.bits) if self.bits > 1 else None
        if levels is None:  # the operation begins at two bits
            levels = 255 * tf.cast(values > 127.5, tf.float32)
        return tf.round(levels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "bits": self.bits}
