"""Keras layers that work on images, one file each. Importing this package registers them all with Keras."""

import keras

if keras.backend.backend() != "tensorflow":
    raise ImportError(
        "tf_lowdef needs Keras on TensorFlow: set KERAS_BACKEND=tensorflow before the first import of keras. "
        f"Received: {keras.backend.backend()!r}"
    )

from tf_lowdef.layers.bit_depth import BitDepthLayer
from tf_lowdef.layers.codec_scope import codec_scope
from tf_lowdef.layers.deflection import PixelDeflectionLayer
from tf_lowdef.layers.draws import RandomisedLayer, draw_scope, is_randomised
from tf_lowdef.layers.flip import FlipLayer
from tf_lowdef.layers.float_layer import FloatLayer
from tf_lowdef.layers.forms import NO_DEFENCE, grammar, grammar_lines
from tf_lowdef.layers.gate_head import GateHead
from tf_lowdef.layers.gaussian import GaussianLayer
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.jpeg import JPEGLayer
from tf_lowdef.layers.median import MedianLayer
from tf_lowdef.layers.noise import NoiseLayer
from tf_lowdef.layers.non_local_means import NonLocalMeansLayer
from tf_lowdef.layers.pixel_layer import PixelLayer
from tf_lowdef.layers.random_crop import MeanOfCopies, RandomCropLayer, count_copies
from tf_lowdef.layers.random_flip import RandomFlipLayer
from tf_lowdef.layers.random_webp import RandomWebPLayer
from tf_lowdef.layers.resize_pad import ResizePadLayer
from tf_lowdef.layers.shift import ShiftLayer
from tf_lowdef.layers.spec import check_draws, defence_spec, layer_kind, parse_defence
from tf_lowdef.layers.squeezers import SqueezersLayer
from tf_lowdef.layers.total_variation import TotalVariationLayer
from tf_lowdef.layers.webp import WebPLayer

__all__ = [
    "NO_DEFENCE",
    "BitDepthLayer",
    "FlipLayer",
    "FloatLayer",
    "GateHead",
    "GaussianLayer",
    "ImageLayer",
    "JPEGLayer",
    "MeanOfCopies",
    "MedianLayer",
    "NoiseLayer",
    "NonLocalMeansLayer",
    "PixelDeflectionLayer",
    "PixelLayer",
    "RandomCropLayer",
    "RandomFlipLayer",
    "RandomWebPLayer",
    "RandomisedLayer",
    "ResizePadLayer",
    "ShiftLayer",
    "SqueezersLayer",
    "TotalVariationLayer",
    "WebPLayer",
    "check_draws",
    "codec_scope",
    "count_copies",
    "defence_spec",
    "draw_scope",
    "grammar",
    "grammar_lines",
    "is_randomised",
    "layer_kind",
    "parse_defence",
]
