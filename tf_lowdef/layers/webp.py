"""Lossy WebP as a Keras layer, through Pillow or in stock TensorFlow operations."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.layers.codec_scope import check_codec, choose_codec, jit_compiles
from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.grey import through_rgb
from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.layers.pixel_layer import WEBP_GRADIENTS, PixelLayer
from tf_lowdef.layers.surrogates import webp_gradient
from tf_lowdef.validation import check_flag
from tf_lowdef.webp import pillow


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("webp", hidden=("codec", "num_threads"))
class WebPLayer(PixelLayer):
    """Compresses images with WebP and decompresses them again, which removes small adversarial noise.

    The first half of the defence of Yin et al. 2020 (doi 10.1002/int.22258). The pixels are exactly those that Pillow's
    own save and open give, with either codec.

    - ``codec="auto"`` takes Pillow on a CPU, and the graph where a GPU is there, where XLA compiles, and where a
      SavedModel is traced; Pillow too for what the graph codec cannot do. XLA can compile such a layer
      (``supports_jit``), and Keras' ``jit_compile="auto"`` does so where there is a GPU.
    - ``codec="pillow"`` encodes and decodes in Python, one thread per core over the batch. A model with it cannot be
      compiled by XLA (``supports_jit`` is False), nor does its SavedModel run outside this Python process:
      ``model.export`` does not notice.
    - ``codec="graph"`` says the same round trip in stock TensorFlow operations, for lossy WebP of methods 0 to 4 and
      images of a static size. It is several times slower on a CPU, can be compiled and exported, and matches libwebp
      1.6.0.
      ``tf_lowdef.codec_scope("graph")`` uses it for layers that were made with the other one.

    Against an attacker who knows of it, the layer is worth nothing: its gradient is easily approximated
    (``gradient="straight_through"``).

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        quality: 0 (smallest file) to 100. 100 is still lossy.
        method: libwebp's effort, 0 (fast) to 6 (slow). It is part of the result: two methods differ by almost as much
            as each from the source. 4 is what cwebp and Pillow use.
        lossless: Whether to use the lossless codec, which leaves every 8-bit pixel as it is.
        codec: ``"auto"``, ``"pillow"`` or ``"graph"``.
        gradient: ``"straight_through"``, ``"smoothed"`` or ``"none"``, see :class:`PixelLayer`; or ``"dct"``: soft
            rounding in the codec's own transform (:func:`tf_lowdef.layers.surrogates.webp_gradient`).
        value_range: The values that stand for black and full, such as (-1, 1) in front of a plain
            ``keras.applications.MobileNetV2``.
        num_threads: Images coded at a time; None means one per core.
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
        >>> import keras, numpy as np
        >>> from tf_lowdef import FlipLayer, WebPLayer, load_demo
        >>> base, images, labels = load_demo()
        >>> model = keras.Sequential([WebPLayer(60), FlipLayer(), base])
        >>> model.predict(images[:4], verbose=0).shape
        (4, 10)

        The pixels are Pillow's:

        >>> from tf_lowdef import webp
        >>> np.array_equal(WebPLayer(60)(images[:4]), webp.roundtrip(images[:4], quality=60))
        True
    """

    gradients = WEBP_GRADIENTS

    def __init__(
        self,
        quality: float = 60,
        method: int = 4,
        lossless: bool = False,
        codec: str = "auto",
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        num_threads: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(gradient=gradient, value_range=value_range, **kwargs)
        self.quality = pillow.check_quality(quality)
        self.method = pillow.check_method(method)
        self.lossless = check_flag("lossless", lossless)
        self.codec = check_codec(codec)
        self.num_threads = pillow.check_num_threads(num_threads)
        if codec == "graph":
            self._check_graph()
        self.supports_jit = codec == "graph" or (codec == "auto" and self._graph_is_able())

    def approximate_gradient(self, images: tf.Tensor, out: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
        """Return what stands for the derivative, times `upstream`; see :class:`PixelLayer`."""
        if self.gradient != "dct" or self.lossless:
            return super().approximate_gradient(images, out, upstream)
        seen, made = self.to_grey_levels(images), self.to_grey_levels(out)
        return webp_gradient(seen, made, upstream, self.quality, self.method)

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError unless `shape` can be a batch of RGB images that WebP can hold."""
        super().check_shape(shape)
        pillow.check_side(shape[1] or 1, shape[2] or 1)
        if self.codec == "graph" and None in shape[1:3]:
            raise ValueError(
                f"The graph codec of {self.name!r} needs a static height and width. Received: shape={tuple(shape)}"
            )

    def transform_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Encode and decode each image."""
        if choose_codec(self.codec, tuple(pixels.shape), self._graph_is_able()) == "graph":
            return through_rgb(self._transform_in_graph, pixels)
        return through_rgb(self._transform_with_pillow, pixels)

    def _transform_with_pillow(self, pixels: tf.Tensor) -> tf.Tensor:
        def roundtrip(batch: tf.Tensor) -> Any:
            images = np.asarray(memoryview(batch))  # where `batch.numpy()` copies
            if images.size and self._is_pixel_range:  # here it can be seen in a graph too
                self.warn_of_scale(0, float(images.max()), self.value_range)
            return pillow.roundtrip(images, self.quality, self.method, self.lossless, self.num_threads)

        return tf.py_function(roundtrip, [pixels], tf.uint8)

    def _transform_in_graph(self, pixels: tf.Tensor) -> tf.Tensor:
        from tf_lowdef.webp import graph  # its tables and loops are for those who use it

        self._check_graph()
        return graph.roundtrip(pixels, self.quality, self.method, jit_compile=jit_compiles())

    def _graph_is_able(self) -> bool:
        return not self.lossless and self.method <= pillow.MAX_GRAPH_METHOD

    def _check_graph(self) -> None:
        """Raise ValueError where the graph codec cannot do what this layer is set to."""
        from tf_lowdef.webp.graph import check_graph_method

        if self.lossless:
            raise ValueError(
                f"The graph codec does lossy WebP only. Received: lossless=True of {self.name!r}; use codec='pillow', "
                "or leave the layer out, which changes no 8-bit pixel"
            )
        check_graph_method(self.method)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {
            **super().get_config(),
            "quality": self.quality,
            "method": self.method,
            "lossless": self.lossless,
            "codec": self.codec,
            "num_threads": self.num_threads,
        }
