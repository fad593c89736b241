"""The base of every layer here: what an image batch must look like, and which dtype comes out."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

Shape = tuple[int | None, ...]

CHANNELS = 3


class ImageLayer(keras.layers.Layer):
    """Base class of layers from a batch of RGB images to a batch of RGB images of the same shape.

    A subclass's ``call`` starts with ``self.to_images(inputs)`` and returns ``self.to_compute_dtype(...)``. Inputs are
    never cast on the way in (``autocast=False``), so that fractional pixels arrive unchanged under ``mixed_float16``
    if an explicit float32 ``keras.Input`` stands in front of the model; a ``Sequential`` without one casts them before
    its first layer.

    Input shape:
        ``(batch, height, width, 3)``; batch, height and width may be unknown, the batch may be empty. uint8 or any
        other integer or floating dtype.

    Output shape:
        The same, in the layer's compute dtype. Under an integer dtype, such as ``dtype="uint8"``, what the layer
        computes is rounded half to even.

    Raises:
        ValueError: From ``build``, ``compute_output_shape`` and the call, for another rank or number of channels.
    """

    compiles: bool = False
    """Whether eager calls go through a compiled function: where nothing but configuration, draws and images counts."""

    moves: bool = False
    """Whether it moves pixels without mixing in others' values, as a flip does; maps of its output are brought back."""

    kept_bytes: int = 0
    """About what its gradient keeps of every value of a batch, besides the output."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(autocast=False, **kwargs)

    def build(self, input_shape: Shape) -> None:
        """Check the shape; there are no weights."""
        self.check_shape(input_shape)
        super().build(input_shape)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape after checking it, because Keras skips the symbolic call where this exists."""
        self.check_shape(input_shape)
        return tuple(input_shape)

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError unless `shape` can be ``(batch, height, width, 3)``. Unknown sides pass."""
        channels = shape[-1] if len(shape) == 4 else None
        if len(shape) != 4 or channels not in (None, CHANNELS):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes RGB images of shape (batch, height, width, {CHANNELS}). "
                f"Received: shape={tuple(shape)}"
            )

    def to_images(self, inputs: Any) -> tf.Tensor:
        """Return `inputs` as a tensor after checking its shape, which Keras leaves out once a layer is built."""
        images = tf.convert_to_tensor(inputs)
        if images.shape.rank is not None:
            self.check_shape(tuple(images.shape))
        return tf.ensure_shape(images, (None, None, None, CHANNELS))  # where it is known only at run time

    def to_compute_dtype(self, images: tf.Tensor) -> tf.Tensor:
        """Cast to the dtype that the layer's policy computes in; to integers by rounding half to even, and clipping."""
        dtype = tf.as_dtype(self.compute_dtype)
        if not dtype.is_integer:
            return tf.cast(images, dtype)
        return tf.saturate_cast(tf.round(images) if images.dtype.is_floating else images, dtype)
