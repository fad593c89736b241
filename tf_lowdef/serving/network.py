"""A classifier taken apart for export: its defence in front, what stands behind it, and its static size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import GateHead, ImageLayer, WebPLayer
from tf_lowdef.layers.gate_head import LOGITS
from tf_lowdef.webp.graph import MAX_METHOD

Size = tuple[int, int]

CHANNELS = 3


@dataclass(frozen=True)
class Network:
    """A model as it is traced.

    Attributes:
        model: What was given.
        size: Height and width in pixels of the images that it takes.
        head: The layers of the defence in front, in the order that the image meets them; empty where they cannot be
            told apart.
        body: The layers behind it; empty where there is no head.
        call: From float32 pixels in [0, 255], shape (batch, height, width, 3), to the pixels behind `head`, or
            None where there is none, and the scores (batch, classes).
        gate: Of a gate, from the same to its ``logits``, ``suspicion`` and ``defended``; None for another model.
    """

    model: Any
    size: Size
    head: tuple[Any, ...]
    body: tuple[Any, ...]
    call: Any
    gate: Any = None

    def run(self, pixels: tf.Tensor) -> tuple[tf.Tensor | None, tf.Tensor, dict[str, tf.Tensor]]:
        """Return the defended pixels, float32, or None, the scores, float32, and what else a gate says, at inference.

        Args:
            pixels: float32, shape (batch, height, width, 3), in [0, 255].
        """
        if self.gate is not None:
            said = dict(self.gate(pixels))
            return None, said.pop(LOGITS), said
        defended, scores = self.call(pixels)
        scores = tf.cast(tf.convert_to_tensor(scores), tf.float32)
        return None if defended is None else tf.cast(defended, tf.float32), scores, {}


def take_apart(model: Any, size: Size | None = None) -> Network:
    """Return a model's network, without changing the model.

    The defence is told apart in a ``keras.Sequential`` (nested ones are looked into) that begins with image layers.
    In functional and subclassed models it cannot be: they are called whole.

    Args:
        model: A Keras model from pixels in [0, 255] to one row of class scores each.
        size: Height and width, for models that do not say them.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: It does not take RGB images of a static size, or has a WebP layer that cannot be exported.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"`model` must be a Keras model or a .keras file. Received: {type(model).__name__}")
    layers = tuple(layer for layer in _walk(model) if not _is_sequential(layer))
    check_webp_layers(model)
    found = _size_to_serve(model, size)
    head = tuple(_leading(layers))
    if isinstance(layers[-1], GateHead):
        return Network(model, found, (), (), lambda images: (None, call_whole(model, images)), _whole_gate(layers))
    if not head:
        return Network(model, found, (), (), lambda images: (None, call_whole(model, images)))
    return Network(model, found, head, layers[len(head) :], _split(model, layers, len(head), found))


def _whole_gate(layers: tuple[Any, ...]) -> Any:
    """Return a gate, given as the layers of its logits, as a function to all that it says."""
    head = GateHead(**{**layers[-1].get_config(), "answer": "all"})

    def call(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        found = pixels
        for layer in layers[:-1]:
            found = layer(found, training=False)
        said: dict[str, tf.Tensor] = head(found)
        return said

    return call


def call_whole(model: Any, images: Any) -> Any:
    """Return a model's scores of pixels in [0, 255], at inference."""
    return one_output(model, model(_as_input(model, tf.convert_to_tensor(images, tf.float32)), training=False))


def one_output(model: Any, outputs: Any) -> Any:
    """Return a model's output, out of a list or dict that holds nothing else.

    Raises:
        ValueError: There are several.
    """
    if not isinstance(outputs, (list, tuple, dict)):
        return outputs
    if len(outputs) == 1:
        return next(iter(outputs.values())) if isinstance(outputs, dict) else outputs[0]
    named = outputs.items() if isinstance(outputs, dict) else enumerate(outputs)
    described = ", ".join(f"{name!r} of shape {tuple(each.shape)}" for name, each in named)
    key = repr(next(iter(outputs))) if isinstance(outputs, dict) else "0"
    raise ValueError(
        f"A model to serve must have one output, the class scores, and {model.name!r} has {len(outputs)}: {described}. "
        f"Export a model of the one that is meant, such as keras.Model(model.inputs, model.output[{key}])"
    )


def check_webp_layers(model: Any) -> None:
    """Raise ValueError for a WebP layer that has no counterpart in stock operations, and say what to change."""
    for layer in all_layers(model):
        if not isinstance(layer, WebPLayer):
            continue
        if layer.lossless:
            raise ValueError(
                f"WebPLayer {layer.name!r} cannot be exported: lossless=True has no counterpart in stock TensorFlow "
                "operations. Leave the layer out of the model to serve: it changes no 8-bit pixel"
            )
        if layer.method > MAX_METHOD:
            raise ValueError(
                f"WebPLayer {layer.name!r} cannot be exported: stock TensorFlow operations do libwebp's methods 0 to "
                f"{MAX_METHOD}. Build it with method={MAX_METHOD} and evaluate that defence, whose pixels are others. "
                f"Received: method={layer.method}"
            )


def _walk(layer: Any) -> Iterator[Any]:
    """Yield a layer, and if it is a Sequential those in it, in the order that an image meets them."""
    yield layer
    if _is_sequential(layer):
        for inner in layer.layers:
            yield from _walk(inner)


def _is_sequential(layer: Any) -> bool:
    return type(layer) is keras.Sequential  # a subclass may call its layers otherwise


def _leading(layers: tuple[Any, ...]) -> Iterator[Any]:
    for layer in layers[:-1]:
        if not isinstance(layer, ImageLayer):
            return
        yield layer


def _size_to_serve(model: Any, size: Size | None) -> Size:
    known = static_size(model)
    if known is None:
        if size is not None:
            return size
        raise ValueError(
            f"The height and width of {model.name!r} are not known, and a graph needs them: put "
            "keras.Input((height, width, 3)) in front of the model, or pass `samples` of the size to serve"
        )
    if size in (None, known):
        return known
    raise ValueError(f"{model.name!r} takes images of {known[0]}x{known[1]} pixels. Received: {size}")


def static_size(model: Any) -> Size | None:
    """Return the height and width that a model takes, or None; image layers hand them on from what follows them."""
    for layer in _walk(model):
        shape = _input_shape(layer)
        if shape is not None:
            if len(shape) != 4 or shape[3] not in (None, CHANNELS):
                raise ValueError(
                    f"{model.name!r} must take RGB images of shape (batch, height, width, {CHANNELS}). "
                    f"Received: shape={shape} at {layer.name!r}"
                )
            height, width = shape[1:3]
            if height is not None and width is not None:
                return height, width
        if not _is_sequential(layer) and not isinstance(layer, ImageLayer):
            return None
    return None


def _input_shape(layer: Any) -> tuple[int | None, ...] | None:
    try:
        shape = layer.input_shape
    except (AttributeError, ValueError):  # never called; a subclassed model has none at all
        return None
    shape = one_of(shape)
    if isinstance(shape, tuple) and all(side is None or isinstance(side, int) for side in shape):
        return shape
    raise ValueError(f"{layer.name!r} must have one input, images. Received: input_shape={shape}")


def one_of(shape: Any) -> Any:
    """Return what a list or dict of one entry holds, and everything else as it is."""
    if isinstance(shape, (list, dict)) and len(shape) == 1:
        return next(iter(shape.values())) if isinstance(shape, dict) else shape[0]
    return shape


def _as_input(model: Any, pixels: tf.Tensor) -> tf.Tensor:
    """Return float32 pixels as the model's input; rounded where it takes integers, which Keras would truncate to."""
    inputs = getattr(model, "inputs", None)
    dtype = tf.as_dtype(inputs[0].dtype) if inputs else tf.float32
    return tf.saturate_cast(tf.round(pixels), dtype) if dtype.is_integer else pixels


def _split(model: Any, layers: tuple[Any, ...], count: int, size: Size) -> Any:
    """Return one Keras model of the same layers with two outputs: behind the first `count` of them, and the last's."""
    inputs = keras.Input((*size, CHANNELS), dtype="float32", name="pixels")
    images = inputs
    for layer in layers[:count]:
        images = layer(images)
    scores = images
    for layer in layers[count:]:
        scores = layer(scores)
    split = keras.Model(inputs, [images, one_output(model, scores)])
    return lambda given: split(given, training=False)
