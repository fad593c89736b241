"""The base of layers that see 8-bit pixels: value range, rounding, and the gradient policy."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from tf_lowdef.layers.compiled import call_compiled
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.surrogates import smooth
from tf_lowdef.validation import check_choice

PIXEL_GRADIENTS = ("smoothed", "straight_through", "none")
WEBP_GRADIENTS = ("dct", *PIXEL_GRADIENTS)
"""The strongest first: in this order an attacker tries them."""


class PixelLayer(ImageLayer):
    """Base class of layers that transform 8-bit pixels, such as a codec.

    A subclass implements :meth:`transform_pixels`, uint8 to uint8. This class maps `value_range` to 0..255 and back,
    rounding half to even and clipping what lies outside (as Keras' own image layers clip to their ``value_range``),
    and gives the step, which has no derivative of its own, a gradient.

    Args:
        gradient: ``"straight_through"`` passes the gradient on unchanged, as BPDA does with the identity (Athalye et
            al. 2018, section 4.1); ``"smoothed"`` smooths it, which leaves out the high frequencies that most such
            steps remove (:func:`tf_lowdef.layers.surrogates.smooth`); ``"none"`` stops it.
        value_range: The two values, lower first, that stand for black (0) and full (255).
        **kwargs: ``name``, ``dtype`` and ``trainable``, as every Keras layer has them.

    Input shape:
        ``(batch, height, width, 3)``, floats in `value_range`, or integers, which are pixels 0..255.

    Output shape:
        The same; the pixels in `value_range`, in the compute dtype.

    Raises:
        ValueError: An argument is out of its range, the shape is wrong, or integers, as input or by ``dtype``, meet a
            `value_range` other than (0, 255), in which they could not be told from mistakes.
        tf.errors.InvalidArgumentError: From the call, for NaN or infinity.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import PixelLayer
        >>> class NegativeLayer(PixelLayer):
        ...     def transform_pixels(self, pixels):
        ...         return 255 - pixels
        >>> images = np.array([0.0, 0.2, 1.0], np.float32).reshape(1, 1, 3, 1)
        >>> NegativeLayer(value_range=(0, 1))(images).numpy().ravel().round(2)
        array([1. , 0.8, 0. ], dtype=float32)
    """

    gradients: tuple[str, ...] = PIXEL_GRADIENTS
    """What `gradient` may be."""

    def __init__(
        self,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.gradient = check_choice("gradient", gradient, self.gradients)
        self.value_range = check_value_range(value_range)
        check_dtype(self)

    def transform_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Transform uint8 pixels of shape (batch, height, width, 1 or 3) into uint8 pixels of the same shape."""
        raise NotImplementedError(f"{type(self).__name__} must implement transform_pixels")

    def transform_whole(self, values: tf.Tensor) -> tf.Tensor:
        """Transform whole grey levels in float32 to the same; here by way of :meth:`transform_pixels`."""
        return self.transform_pixels(tf.cast(values, tf.uint8))

    def call(self, inputs: Any) -> tf.Tensor:
        """Apply the transformation, with the gradient that `gradient` names."""
        images = self.to_images(inputs)
        self.check_scale(images, self.value_range)
        if not images.dtype.is_floating:
            return call_compiled(self, "_transform", images)
        if self.gradient == "none":
            return call_compiled(self, "_transform", tf.stop_gradient(images))

        @tf.custom_gradient  # not x + stop_gradient(y - x), whose sum rounds and would change the values
        def approximated(x: tf.Tensor) -> Any:
            out = call_compiled(self, "_transform", x)
            return out, lambda upstream: tf.cast(self.approximate_gradient(x, out, upstream), x.dtype)

        return approximated(images)

    def approximate_gradient(self, images: tf.Tensor, out: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:  # noqa: ARG002
        """Return what stands for the derivative, times `upstream`: the identity, smoothed where that was asked for.

        Args:
            images: What the layer got, in `value_range`.
            out: What it made of that.
            upstream: The gradients at its output.
        """
        return smooth(tf.cast(upstream, tf.float32)) if self.gradient == "smoothed" else upstream

    def to_grey_levels(self, images: tf.Tensor) -> tf.Tensor:
        """Return images in `value_range` as whole grey levels in float32."""
        return tf.cast(self._to_whole(images), tf.float32)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "gradient": self.gradient, "value_range": list(self.value_range)}

    def _transform(self, images: tf.Tensor) -> tf.Tensor:
        whole = self._to_whole(images)
        pixels = self.transform_pixels(whole) if whole.dtype == tf.uint8 else self.transform_whole(whole)
        pixels.set_shape(images.shape)
        low, high = self.value_range
        if self._is_pixel_range:
            return self.to_compute_dtype(pixels)
        return self.to_compute_dtype(tf.cast(pixels, tf.float32) * ((high - low) / 255) + low)

    def _to_whole(self, images: tf.Tensor) -> tf.Tensor:
        """Return uint8 pixels as they are, and everything else as whole grey levels in float32."""
        if not images.dtype.is_floating and not self._is_pixel_range:
            raise ValueError(
                f"{type(self).__name__} {self.name!r} takes integers only with value_range=(0, 255). "
                f"Received: dtype={images.dtype.name}, value_range={self.value_range}"
            )
        if images.dtype == tf.uint8:
            return images
        values = tf.cast(images, tf.float32)
        if images.dtype.is_floating:
            values = tf.debugging.check_numerics(
                values, f"{type(self).__name__} {self.name!r} takes finite pixel values. Received NaN or infinity"
            )
        if not self._is_pixel_range:
            low, high = self.value_range
            values = (values - low) * (255 / (high - low))
        return tf.clip_by_value(tf.round(values), 0, 255)

    @property
    def _is_pixel_range(self) -> bool:
        return self.value_range == (0, 255)


def check_dtype(layer: Any) -> None:
    """Raise ValueError for a layer that gives integers in a range where they would be black and white at best."""
    if tf.as_dtype(layer.compute_dtype).is_integer and layer.value_range != (0, 255):
        raise ValueError(
            f"{type(layer).__name__} {layer.name!r} gives integers only with value_range=(0, 255). "
            f"Received: dtype={layer.compute_dtype!r}, value_range={layer.value_range}"
        )


def check_value_range(value_range: Any) -> tuple[float, float]:
    """Return the two values that stand for black and full as floats.

    Raises:
        ValueError: They are not two finite numbers, the lower one first.
    """
    message = f"`value_range` must be two finite numbers, the lower one first. Received: value_range={value_range!r}"
    try:
        low, high = (float(value) for value in value_range)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(message)
    return low, high
