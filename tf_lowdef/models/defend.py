"""A defence in front of a classifier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from tf_lowdef.layers import FlipLayer, MeanOfCopies, WebPLayer, count_copies
from tf_lowdef.models.adapter import as_classifier, range_is_said, say_range


def defend(
    base: Any, quality: float = 60, flip: bool = True, *, input_range: Any = None, outputs: str | None = None
) -> Any:
    """Put WebP, then a left-right flip, in front of a classifier (Yin et al. 2020, doi 10.1002/int.22258).

    A static float32 ``keras.Input`` stands in front, so that fractional pixels reach the defence unchanged under
    ``mixed_float16`` and no batch size is baked in.

    Args:
        base: Any Keras model from images to class scores, see :func:`as_classifier`; such as ``load_application``
            gives.
        quality: WebP's, 0 to 100. 60 is the paper's; 75 costs less clean accuracy.
        flip: Whether to flip.
        input_range: What `base` takes pixels as, such as ``(0, 1)``, see :func:`as_classifier`; None means [0, 255].
        outputs: What `base` gives, see there; None finds it out.

    Returns:
        A ``keras.Sequential``, the defended classifier: from pixels in [0, 255] to logits.

    Raises:
        TypeError: `base` is not a Keras model.
        ValueError: `quality` is out of its range, or `base` takes something else than RGB or grey images.

    Example:
        >>> from tf_lowdef import defend, load_demo
        >>> base, images, labels = load_demo()
        >>> model = defend(base, quality=60)
        >>> [layer.name.split("_layer")[0] for layer in model.layers[:2]]
        ['web_p', 'flip']
        >>> model.predict(images[:4], verbose=0).shape
        (4, 10)
    """
    layers = [WebPLayer(quality), *([FlipLayer()] if flip else [])]
    return defended_sequence(layers, as_classifier(base, input_range, outputs))


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

    Example:
        >>> from tf_lowdef import defended_sequence, load_demo
        >>> from tf_lowdef.layers import parse_defence
        >>> base, images, labels = load_demo()
        >>> model = defended_sequence(parse_defence("crops:3"), base)
        >>> model.predict(images[:2], verbose=0).shape  # of three crops of each image the mean
        (2, 10)
    """
    copies = count_copies(layers)
    head = [MeanOfCopies(copies)] if copies > 1 else []
    defended = keras.Sequential([keras.Input(image_shape(base)[1:], dtype="float32"), *layers, base, *head])
    return say_range(defended) if range_is_said(base) else defended


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
