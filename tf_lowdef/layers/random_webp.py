"""Lossy WebP at a random quality as a Keras layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.codec_scope import choose_codec, jit_compiles
from tf_lowdef.layers.draws import RandomisedLayer, draw_integers
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.grey import through_rgb
from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.layers.pixel_layer import WEBP_GRADIENTS, PixelLayer
from tf_lowdef.layers.surrogates import webp_gradient
from tf_lowdef.specs import Range
from tf_lowdef.threads import for_each
from tf_lowdef.validation import check_integer
from tf_lowdef.webp import pillow


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("webp", hidden=("num_threads",))
class RandomWebPLayer(RandomisedLayer, PixelLayer):
    """Compresses each image with WebP at a quality of its own, drawn anew in every call, and decompresses it again.

    The compression of Yin et al. 2020 (doi 10.1002/int.22258) made random, as Das et al. 2018 (arXiv 1802.06816, their
    SLQ) did with JPEG's quality. Every whole quality of the range is alike likely. The pixels are those of
    :class:`WebPLayer` at that quality, and so is where they are computed: that of its ``codec="auto"``, or as
    ``tf_lowdef.codec_scope`` says.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        quality: The lowest and the highest quality, whole numbers from 0 to 100.
        method: libwebp's effort, 0 (fast) to 6 (slow).
        gradient: ``"straight_through"``, ``"smoothed"``, ``"dct"`` or ``"none"``; see :class:`WebPLayer`.
        value_range: The values that stand for black and full.
        num_threads: Images coded at a time; None means one per core.
        seed: See :class:`RandomisedLayer`.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, sides of 1 to 16,383 pixels.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.
        tf.errors.InvalidArgumentError: From the call, for NaN, infinity, or sides that were unknown before and are out
            of their range.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import RandomWebPLayer, WebPLayer, load_demo
        >>> model, images, labels = load_demo()
        >>> same = np.stack([images[0]] * 8)
        >>> coded = RandomWebPLayer((40, 80), seed=0)(same).numpy()
        >>> len(np.unique(coded, axis=0)) > 1  # not all eight of one quality
        True
        >>> np.array_equal(RandomWebPLayer((60, 60))(same), WebPLayer(60)(same))
        True
    """

    gradients = WEBP_GRADIENTS

    def __init__(
        self,
        quality: Range | Sequence[int] = (40, 80),
        method: int = 4,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        num_threads: int | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, gradient=gradient, value_range=value_range, **kwargs)
        self.quality = Range(*_check_range(quality))
        self.method = pillow.check_method(method)
        self.num_threads = pillow.check_num_threads(num_threads)
        self.randomised = self.quality[0] < self.quality[1]
        self.supports_jit = self._graph_is_able()

    def approximate_gradient(self, images: tf.Tensor, out: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        """Return what stands for the derivative, times `upstream`: that of the middle of the range of qualities."""
        if self.gradient != "dct":
            return super().approximate_gradient(images, out, upstream)
        seen, made = self.to_grey_levels(images), self.to_grey_levels(out)
        return webp_gradient(seen, made, upstream, sum(self.quality) // 2, self.method)

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError unless `shape` can be a batch of RGB images that WebP can hold."""
        super().check_shape(shape)
        pillow.check_side(shape[1] or 1, shape[2] or 1)

    def transform_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Draw each image's quality, then encode and decode it."""
        qualities = draw_integers(self.keys(pixels), (), *self.quality)
        return through_rgb(lambda colours: self.roundtrip(colours, qualities), pixels)

    def roundtrip(self, pixels: tf.Tensor, qualities: tf.Tensor) -> tf.Tensor:
        """Encode and decode each image at its own quality.

        Args:
            pixels: uint8, shape (batch, height, width, 3).
            qualities: int32, shape (batch,).
        """
        if choose_codec("auto", tuple(pixels.shape), self._graph_is_able()) == "graph":
            from tf_lowdef.webp import graph  # its tables and loops are for those who use it

            return graph.roundtrip(pixels, qualities, self.method, jit_compile=jit_compiles())

        def code_all(batch: tf.Tensor, quality: tf.Tensor) -> Any:
            images, out = batch.numpy(), batch.numpy().copy()

            def code(index: int) -> None:
                out[index] = pillow.roundtrip(images[index], int(quality[index]), self.method)

            for_each(code, len(images), self.num_threads)
            return out

        return tf.py_function(code_all, [pixels, qualities], tf.uint8)

    def _graph_is_able(self) -> bool:
        return self.method <= pillow.MAX_GRAPH_METHOD

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {
            **super().get_config(),
            "quality": list(self.quality),
            "method": self.method,
            "num_threads": self.num_threads,
        }


def _check_range(quality: Any) -> tuple[int, int]:
    message = f"`quality` must be two whole numbers from 0 to 100, the lower one first. Received: quality={quality!r}"
    try:
        low, high = (check_integer("quality", each, 0, 100) for each in quality)
    except (TypeError, ValueError) as error:
        raise ValueError(message) from error
    if low > high:
        raise ValueError(message)
    return low, high
