"""What a classifier takes pixels as: a range, or one of Keras' three kinds of preprocessing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import ImageLayer, RandomCropLayer
from tf_lowdef.layers.pixel_layer import check_value_range
from tf_lowdef.models.adapter_layers import ReverseChannels
from tf_lowdef.models.heads import is_graph

WHITE = 255.0

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STDDEV = (0.229, 0.224, 0.225)
CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
"""Source of the three: ``keras/src/applications/imagenet_utils.py``, ``preprocess_input``."""

RESCALING = "pixels_to_range"
"""The name of the layer that makes the model's range of pixels."""

MODES = ("caffe", "torch")
"""Keras' names of preprocessing that is no range: BGR less the mean, and standardised by ImageNet's mean and deviation;
``"tf"`` is (-1, 1)."""


@dataclass(frozen=True)
class InputRange:
    """How a classifier's input follows from pixels in [0, 255]: ``pixels * scale + offset``, channels maybe reversed.

    Attributes:
        said: What a person calls it: two numbers, or one of `MODES`.
        scale: One number, or one a channel.
        offset: One number, or one a channel.
        bgr: Whether the channels come in the order blue, green, red; scale and offset are then in that order.
    """

    said: tuple[float, float] | str
    scale: float | tuple[float, ...]
    offset: float | tuple[float, ...]
    bgr: bool = False

    def __str__(self) -> str:
        if isinstance(self.said, str):
            return self.said
        return ",".join(f"{each:g}" for each in self.said)

    @property
    def is_pixels(self) -> bool:
        """Whether it is [0, 255] itself."""
        return self.said == (0, WHITE)

    def layers(self) -> list[Any]:
        """Return the Keras layers from pixels in [0, 255] to this range, in float32 whatever the policy."""
        if self.is_pixels:
            return []
        rescaling = keras.layers.Rescaling(self.scale, self.offset, dtype="float32", name=RESCALING)
        return [ReverseChannels(dtype="float32", name="rgb_to_bgr"), rescaling] if self.bgr else [rescaling]

    def of(self, pixels: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return pixels in [0, 255], shape (..., channels), as the classifier takes them: float32."""
        values: npt.NDArray[np.float32] = np.asarray(pixels, np.float32)
        values = values[..., ::-1] if self.bgr else values
        return values * np.asarray(self.scale, np.float32) + np.asarray(self.offset, np.float32)


def parse_input_range(input_range: Any) -> InputRange:
    """Return the range that a person names.

    Args:
        input_range: The two values that stand for black and full, such as ``(0, 1)`` or ``"0,1"``; ``"caffe"``,
            ``"torch"`` or ``"tf"``, Keras' names of what ``preprocess_input`` does; or an `InputRange`.

    Raises:
        ValueError: It is none of these.
    """
    if isinstance(input_range, InputRange):
        return input_range
    if isinstance(input_range, str):
        name = input_range.strip().lower()
        if name == "caffe":
            return InputRange("caffe", 1.0, tuple(-mean for mean in CAFFE_MEAN_BGR), bgr=True)
        if name == "torch":
            scale = tuple(1 / (WHITE * deviation) for deviation in IMAGENET_STDDEV)
            offset = tuple(-mean / dev for mean, dev in zip(IMAGENET_MEAN, IMAGENET_STDDEV, strict=True))
            return InputRange("torch", scale, offset)
        input_range = (-1, 1) if name == "tf" else name.strip("()[]").split(",")
    try:
        low, high = check_value_range(input_range)
    except ValueError as error:
        raise ValueError(
            "`input_range` must be the two values that stand for black and full, such as (0, 1), or one of "
            f"{', '.join(MODES)}, tf. Received: input_range={input_range!r}"
        ) from error
    return InputRange((low, high), (high - low) / WHITE, low)


PIXELS = parse_input_range((0, WHITE))

USUAL_RANGES = (PIXELS, *(parse_input_range(each) for each in ((0, 1), (-1, 1), "caffe", "torch")))
"""What classifiers usually take, tried where nobody said it."""


def adapted_range(classifier: Any) -> InputRange:
    """Return what the model within a classifier takes, by the layer that makes it of pixels; [0, 255] without one."""
    for layer in all_layers(classifier) if isinstance(classifier, keras.layers.Layer) else ():
        if layer.name == RESCALING and isinstance(layer, keras.layers.Rescaling):
            return _range_of(layer)
    return PIXELS


def _range_of(rescaling: Any) -> InputRange:
    for usual in USUAL_RANGES:
        pairs = ((usual.scale, rescaling.scale), (usual.offset, rescaling.offset))
        if all(np.shape(mine) == np.shape(its) and np.allclose(mine, its) for mine, its in pairs):
            return usual
    low, scale = float(rescaling.offset), float(rescaling.scale)
    return parse_input_range((low, low + WHITE * scale))


def leading_layers(model: Any) -> list[ImageLayer]:
    """Return the layers of this package that stand in front of everything else in a model, in their order.

    Raises:
        ValueError: They are set to ranges that do not fit one another.
    """
    found = list(_leading(model))
    ranges = {layer.name: tuple(layer.value_range) for layer in found if hasattr(layer, "value_range")}
    if len(set(ranges.values())) > 1:
        received = ", ".join(f"{name}: value_range={value}" for name, value in ranges.items())
        raise ValueError(f"Layers in front of one model must have one `value_range`. Received: {received}")
    return found


def declared_range(model: Any) -> InputRange | None:
    """Return the range that the layers of this package in front of a model are set to; None where there are none.

    Raises:
        ValueError: They are set to ranges that do not fit one another.
    """
    # where its value_range changes nothing, a layer's says nothing
    said = [layer for layer in leading_layers(model) if hasattr(layer, "value_range")]
    said = [layer for layer in said if not isinstance(layer, RandomCropLayer)] or said
    return parse_input_range(tuple(said[0].value_range)) if said else None


def _leading(model: Any) -> Iterator[ImageLayer]:
    if not is_graph(model):  # whose layers are in no order
        return
    for layer in model.layers:
        if isinstance(layer, ImageLayer):
            yield layer
        elif isinstance(layer, keras.Model):
            yield from _leading(layer)
            return
        elif not isinstance(layer, keras.layers.InputLayer):
            return
