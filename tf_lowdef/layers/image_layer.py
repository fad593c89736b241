"""The base of every layer here: what an image batch must look like, and which dtype comes out."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.scale import scale_mistake

Shape = tuple[int | None, ...]

CHANNELS = (1, 3)
"""Grey and RGB."""


class ImageLayer(keras.layers.Layer):
    """Base class of layers from a batch of RGB or grey images to a batch of images of the same shape.

    A subclass's ``call`` starts with ``self.to_images(inputs)`` and returns ``self.to_compute_dtype(...)``. Inputs are
    never cast on the way in (``autocast=False``), so that fractional pixels arrive unchanged under ``mixed_float16``
    if an explicit float32 ``keras.Input`` stands in front of the model; a ``Sequential`` without one casts them before
    its first layer.

    Input shape:
        ``(batch, height, width, 3)``, or 1 for grey in place of 3; batch, height and width may be unknown, the batch
        may be empty. uint8 or any other integer or floating dtype.

    Output shape:
        The same, in the layer's compute dtype. Under an integer dtype, such as ``dtype="uint8"``, what the layer
        computes is rounded half to even.

    Raises:
        ValueError: From ``build``, ``compute_output_shape`` and the call, for another rank or number of channels.

    Example:
        >>> import numpy as np, tensorflow as tf
        >>> from tf_lowdef.layers import ImageLayer
        >>> class RotateLayer(ImageLayer):
        ...     def call(self, inputs):
        ...         return self.to_compute_dtype(tf.reverse(self.to_images(inputs), [1, 2]))
        >>> RotateLayer()(np.arange(4, dtype=np.uint8).reshape(1, 2, 2, 1)).numpy().ravel().tolist()
        [3.0, 2.0, 1.0, 0.0]
    """

    compiles: bool = False
    """Whether eager calls go through a compiled function: where nothing but configuration, draws and images counts."""

    moves: bool = False
    """Whether it moves pixels without mixing in others' values, as a flip does; maps of its output are brought back."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)
        self._scale_was_doubted = False

    def build(self, input_shape: Shape) -> None:
        """Check the shape; there are no weights."""
        self.check_shape(input_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape after checking it, because Keras skips the symbolic call where this exists."""
        self.check_shape(input_shape)
        return tuple(input_shape)

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError unless `shape` can be ``(batch, height, width, 1 or 3)``. Unknown sides pass."""
        channels = shape[-1] if len(shape) == 4 else None
        if len(shape) != 4 or channels not in (None, *CHANNELS):
            cure = "Lay RGBA images on a background first, as PIL.Image.alpha_composite does. " if channels == 4 else ""
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes RGB or grey images of shape (batch, height, width, 3) or "
                f"(batch, height, width, 1). {cure}Received: shape={tuple(shape)}"
            )

    def to_images(self, inputs: Any) -> tf.Tensor:
        """Return `inputs` as a tensor after checking its shape, which Keras leaves out once a layer is built."""
        images = tf.convert_to_tensor(inputs)
        if images.shape.rank is not None:
            self.check_shape(tuple(images.shape))
        known = images.shape[-1] if images.shape.rank is not None else None
        return tf.ensure_shape(images, (None, None, None, known or CHANNELS[-1]))  # where it is known at run time alone

    def check_scale(self, images: tf.Tensor, value_range: tuple[float, float]) -> None:
        """Warn, once, of images that are of another scale than they are read in; in eager mode, where it can be seen.

        Args:
            images: Any dtype.
            value_range: The two values that stand for black and full here.
        """
        if tf.executing_eagerly() and tf.size(images):
            lowest, highest = float(tf.reduce_min(images)), float(tf.reduce_max(images))
            self.warn_of_scale(lowest, highest, value_range)

    def warn_of_scale(self, lowest: float, highest: float, value_range: tuple[float, float]) -> None:
        """Warn, once, of a batch of values that seems to be of another scale than it is read in."""
        mistake = None if self._scale_was_doubted else scale_mistake(lowest, highest, value_range)
        if mistake is not None:
            self._scale_was_doubted = True
            cure = "Give the layer the value_range of its images, such as value_range=(0, 1), or multiply them by 255"
            warnings.warn(f"{type(self).__name__} {self.name!r}: {mistake}. {cure}", UserWarning, stacklevel=5)

    def to_compute_dtype(self, images: tf.Tensor) -> tf.Tensor:
        """Cast to the dtype that the layer's policy computes in; to integers by rounding half to even, and clipping."""
        dtype = tf.as_dtype(self.compute_dtype)
        if not dtype.is_integer:
            return tf.cast(images, dtype)
        return tf.saturate_cast(tf.round(images) if images.dtype.is_floating else images, dtype)
