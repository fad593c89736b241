"""Keras layers that work on images, one file each. Importing this package registers them all with Keras."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "tf_lowdef needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow before the first import of keras. "
        f"Received: {keras.backend.backend()!r}"
    )

from tf_lowdef.layers.codec_scope import codec_scope
from tf_lowdef.layers.flip import FlipLayer
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.jpeg import JPEGLayer
from tf_lowdef.layers.pixel_layer import PixelLayer
from tf_lowdef.layers.spec import defence_spec, parse_defence
from tf_lowdef.layers.webp import WebPLayer

__all__ = [
    "FlipLayer",
    "ImageLayer",
    "JPEGLayer",
    "PixelLayer",
    "WebPLayer",
    "codec_scope",
    "defence_spec",
    "parse_defence",
]
