"""A defence in front of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tf_lowdef.layers import FlipLayer, MeanOfCopies, WebPLayer, count_copies


def defend(base: Any, quality: float = 60, flip: bool = True) -> Any:
    """Put WebP, then a left-right flip, in front of a classifier (Yin et al. 2020, doi 10.1002/int.22258).

    A static float32 ``keras.Input`` stands in front, so that fractional pixels reach the defence unchanged under
    ``mixed_float16`` and no batch size is baked in.

    Args:
        base: A Keras model from pixels in [0, 255], shape (batch, height, width, 3), to class scores, such as
            ``load_application`` gives.
        quality: WebP's, 0 to 100. 60 is the paper's; 75 costs less clean accuracy.
        flip: Whether to flip.

    Returns:
        A ``keras.Sequential``: the defended classifier.

    Raises:
        TypeError: `base` is not a Keras model.
        ValueError: `quality` is out of its range, or `base` takes something else than RGB images.
    """
    return defended_sequence([WebPLayer(quality), *([FlipLayer()] if flip else [])], base)


def defended_sequence(layers: Sequence[Any], base: Any) -> Any:
    """Put layers in front of a classifier, and behind it what they need there.

    A :class:`RandomCropLayer` gives several copies of each image; a :class:`MeanOfCopies` behind the classifier makes
    one output of theirs.

    Args:
        layers: In the order that the image meets them, such as ``parse_defence`` gives; none is as well.
        base: A Keras model from pixels in [0, 255], shape (batch, height, width, 3), to logits.

    Returns:
        A ``keras.Sequential`` with a static float32 ``keras.Input``: the defended classifier.

    Raises:
        TypeError: `base` is not a Keras model.
        ValueError: `base` takes something else than RGB images.
    """
    copies = count_copies(layers)
    head = [MeanOfCopies(copies)] if copies > 1 else []
    return keras.Sequential([keras.Input(image_shape(base)[1:], dtype="float32"), *layers, base, *head])


def image_shape(base: Any) -> tuple[int | None, ...]:
    """Return the shape of the images that a classifier takes: (batch, height, width, 3), None where it is open.

    Raises:
        TypeError: `base` is not a Keras model.
        ValueError: `base` takes something else.
    """
    if not isinstance(base, keras.Model):
        raise TypeError(f"`base` must be a Keras model. Received: {type(base).__name__}")
    shape = base.input_shape if base.built else None
    if not isinstance(shape, tuple) or len(shape) != 4:
        raise ValueError(f"`base` must take images of shape (batch, height, width, 3). Received: input_shape={shape}")
    return shape
