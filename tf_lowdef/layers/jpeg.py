"""JPEG as a Keras layer, in native TensorFlow: the defence that WebP is compared with."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.forms import grammar
from tf_lowdef.layers.image_layer import Shape
from tf_lowdef.layers.pixel_layer import PixelLayer

MAX_SIDE = 65500
"""The longest side in pixels that libjpeg encodes (JPEG_MAX_DIMENSION in its jmorecfg.h)."""


@keras.saving.register_keras_serializable(package="tf_lowdef")
@grammar("jpeg")
class JPEGLayer(PixelLayer):
    """Compresses images with JPEG and decompresses them again.

    The defence of Dziugaite et al. 2016 (arXiv 1608.00853) and Das et al. 2017 (arXiv 1705.02900), with libjpeg's
    quality scale, 4:2:0 chroma and the accurate integer transform, through TensorFlow's own codec. TensorFlow has no
    XLA kernel for it (``supports_jit`` is False). Athalye et al. 2018 (arXiv 1802.00420, section 5.3) broke it with
    BPDA.

    This layer is safe to use in a `tf.data` pipeline, on batches.

    Args:
        quality: 0 (smallest file) to 100, an integer.
        gradient: ``"straight_through"``, ``"smoothed"`` or ``"none"``; see :class:`PixelLayer`.
        value_range: The values that stand for black and full.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Input shape:
        ``(batch, height, width, 3)``, sides of 1 to 65,500 pixels.

    Output shape:
        The same.

    Raises:
        ValueError: An argument is out of its range, or the shape is wrong.
        tf.errors.InvalidArgumentError: From the call, for NaN or infinity.

    Example:
        >>> import keras
        >>> from tf_lowdef import FlipLayer, JPEGLayer, load_demo
        >>> base, images, labels = load_demo()
        >>> model = keras.Sequential([JPEGLayer(60), FlipLayer(), base])
        >>> model.predict(images[:4], verbose=0).shape
        (4, 10)
    """

    compiles = True

    def __init__(
        self,
        quality: int = 60,
        gradient: str = "straight_through",
        value_range: tuple[float, float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(gradient=gradient, value_range=value_range, **kwargs)
        number = isinstance(quality, (int, float)) and not isinstance(quality, bool)
        if not number or not 0 <= quality <= 100 or int(quality) != quality:
            raise ValueError(f"`quality` must be an integer from 0 to 100. Received: quality={quality!r}")
        self.quality = int(quality)
        self.supports_jit = False

    def check_shape(self, shape: Shape) -> None:
        """Raise ValueError unless `shape` can be a batch of RGB images that JPEG can hold."""
        super().check_shape(shape)
        if max(shape[1] or 1, shape[2] or 1) > MAX_SIDE:
            raise ValueError(f"JPEG images have sides of at most {MAX_SIDE} pixels. Received: shape={tuple(shape)}")

    def transform_pixels(self, pixels: tf.Tensor) -> tf.Tensor:
        """Encode and decode each image."""

        def roundtrip(image: tf.Tensor) -> tf.Tensor:
            encoded = tf.io.encode_jpeg(image, quality=self.quality)
            return tf.io.decode_jpeg(encoded, channels=pixels.shape[-1], dct_method="INTEGER_ACCURATE")

        def every() -> tf.Tensor:
            return tf.map_fn(roundtrip, pixels, fn_output_signature=tf.TensorSpec(pixels.shape[1:], tf.uint8))

        # map_fn cannot stack nothing of an unknown size
        return tf.cond(tf.shape(pixels)[0] > 0, every, lambda: pixels)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "quality": self.quality}
