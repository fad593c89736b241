"""The base of layers that compute on floats: value range, and a gradient that is exact unless another is asked for."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from tf_lowdef.layers.compiled import call_compiled
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.pixel_layer import check_dtype, check_value_range
from tf_lowdef.layers.surrogates import smooth
from tf_lowdef.validation import check_choice

FLOAT_GRADIENTS = ("exact", "straight_through", "none")
STEPPED_GRADIENTS = ("smoothed", "exact", "straight_through", "none")
"""Of layers whose derivative is not the best guide; the strongest first."""


class FloatLayer(ImageLayer):
    """Base class of layers that transform floating-point images and have a derivative.

    A subclass implements :meth:`transform`, from float32 in grey levels to the same. This class maps `value_range` to
    0..255 and back, and chooses the gradient. Nothing is rounded or clipped on the way, unless the
    layer's dtype is one of integers: a classifier behind it reads floats.

    Args:
        gradient: ``"exact"`` is the transformation's own; ``"straight_through"`` takes the identity in its place, as
            BPDA does (Athalye et al. 2018, section 4.1), which is sometimes the stronger one for an attacker;
            ``"none"`` stops it. Some layers offer ``"smoothed"`` too: the identity without its high frequencies
            (:func:`tf_lowdef.layers.surrogates.smooth`).
        value_range: The two values, lower first, that stand for black (0) and full (255).
        **kwargs: ``name``, ``dtype`` and ``trainable``, as every Keras layer has them.

    Input shape:
        ``(batch, height, width, 3)``, floats in `value_range`, or integers, which are pixels 0..255.

    Output shape:
        The same; in `value_range`, in the compute dtype.

    Raises:
        ValueError: An argument is out of its range, the shape is wrong, or integers, as input or by ``dtype``, meet a
            `value_range` other than (0, 255), in which they could not be told from mistakes.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.layers import FloatLayer
        >>> class DimLayer(FloatLayer):
        ...     def transform(self, images):
        ...         return images / 2
        >>> DimLayer()(np.full((1, 1, 2, 3), 255, np.uint8)).numpy().ravel().tolist()
        [127.5, 127.5, 127.5, 127.5, 127.5, 127.5]
    """

    gradients: tuple[str, ...] = FLOAT_GRADIENTS
    """What `gradient` may be."""

    def __init__(self, gradient: str = "exact", value_range: tuple[float, float] = (0, 255), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gradient = check_choice("gradient", gradient, self.gradients)
        self.value_range = check_value_range(value_range)
        check_dtype(self)

    def transform(self, images: tf.Tensor) -> tf.Tensor:
        """Transform float32 images of shape (batch, height, width, 3), in grey levels 0..255."""
        raise NotImplementedError(f"{type(self).__name__} must implement transform")

    def call(self, inputs: Any) -> tf.Tensor:
        """Apply the transformation, with the gradient that `gradient` names."""
        images = self.to_images(inputs)
        self.check_scale(images, self.value_range)
        if not images.dtype.is_floating and self.value_range != (0, 255):
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes integers only with value_range=(0, 255). "
                f"Received: dtype={images.dtype.name}, value_range={self.value_range}"
            )
        images = tf.cast(images, tf.float32)
        if self.gradient == "none":
            return self.to_compute_dtype(call_compiled(self, "_in_range", tf.stop_gradient(images)))
        if self.gradient == "exact":
            return self.to_compute_dtype(call_compiled(self, "_in_range", images))

        backward = smooth if self.gradient == "smoothed" else tf.identity

        @tf.custom_gradient  # not x + stop_gradient(y - x), whose sum rounds and would change the values
        def approximated(x: tf.Tensor) -> Any:
            return call_compiled(self, "_in_range", x), backward

        return self.to_compute_dtype(approximated(images))

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "gradient": self.gradient, "value_range": list(self.value_range)}

    def _in_range(self, images: tf.Tensor) -> tf.Tensor:
        low, high = self.value_range
        if self.value_range == (0, 255):
            out = self.transform(images)
        else:
            out = self.transform((images - low) * (255 / (high - low))) * ((high - low) / 255) + low
        return tf.ensure_shape(out, self.compute_output_shape(tuple(images.shape)))
