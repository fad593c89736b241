"""Any Keras model as a network of one float32 image tensor in and one tensor out."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from tf_lowdef.layers import ImageLayer
from tf_lowdef.models.heads import is_graph

Shape = tuple[int | None, int | None, int | None]

GREY, RGB, RGBA = 1, 3, 4


def as_network(model: Any, input_shape: Any = None) -> Any:
    """Return a model of one float32 input and one output, both plain tensors.

    Args:
        model: A Keras model or layer. A graph of layers is returned as it is where it fits; another one is called once,
            symbolically, which builds it as its first call would.
        input_shape: (height, width, channels), None for what the model says; a side that is None stays open.

    Returns:
        A functional or Sequential model of the same layers.

    Raises:
        ValueError: It takes or gives several tensors, takes no images, or its input's shape is nowhere said.
    """
    shape = None if input_shape is None else check_input_shape(input_shape)
    if not is_graph(model):
        return _call_once(model, shape or _known_shape(model))
    _check_one("input", [each.name for each in model.inputs], model)
    _check_one("output", list(getattr(model, "output_names", ())) or [each.name for each in model.outputs], model)
    own = _check_images(model, model.inputs[0].shape[1:])
    shape = own if shape is None else _agree(model, own, shape)
    if model.inputs[0].dtype == "float32" and shape == own:
        return model if _is_plain(model) else keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return _again(model, keras.Input(shape, dtype="float32", name="pixels"))


def knows_shape(model: Any) -> bool:
    """Return whether a model or layer says what shape of images it takes, be it that any size will do."""
    if is_graph(model):
        return True
    return any(isinstance(shape, tuple | list) and len(shape) == 4 for shape in _shapes(model))


def check_input_shape(input_shape: Any) -> Shape:
    """Return `input_shape` as (height, width, channels).

    Raises:
        ValueError: It is none of a grey or an RGB image.
    """
    try:
        height, width, channels = (None if side is None else int(side) for side in input_shape)
    except (TypeError, ValueError):
        height = width = channels = 0
    if channels not in (GREY, RGB, None) or 0 in (height, width) or min(height or 1, width or 1) < 1:
        raise ValueError(
            f"`input_shape` must be (height, width, channels) of 1 or 3 channels. {cure_for(channels)}"
            f"Received: input_shape={input_shape!r}"
        )
    return height, width, channels or RGB


def cure_for(channels: int | None) -> str:
    """Return what to do with images of so many channels, with a blank behind it."""
    if channels == RGBA:
        return (
            "RGBA is no input here: a defence has no meaning for transparency. Give the model a head that takes RGB "
            "and adds an opaque alpha channel, and lay images on a background first (Image.alpha_composite). "
        )
    if channels == 2:
        return "Grey with transparency is no input here; drop the alpha channel first. "
    return ""


def _check_one(what: str, names: list[str], model: Any) -> None:
    if len(names) != 1:
        places = "model.inputs, model.outputs[0]" if what == "output" else "one_input, model.outputs[0]"
        raise ValueError(
            f"{model.name!r} has {len(names)} {what}s: {', '.join(names)}. A classifier here has one; make a model of "
            f"one first, such as keras.Model({places})"
        )


def _is_plain(model: Any) -> bool:
    """Return whether a graph model takes a tensor, as one of a list of one does too, and gives one."""
    if isinstance(model, keras.Sequential):
        last = model.layers[-1]
        return not isinstance(last.compute_output_spec(last.input), list | tuple | dict)
    return not isinstance(model.input, dict) and not isinstance(model.output, list | tuple | dict)


def _check_images(model: Any, shape: Any) -> Shape:
    if len(shape) != 3:
        raise ValueError(
            f"{model.name!r} must take images of shape (batch, height, width, channels). Put a layer in front that "
            "makes of them what it takes, such as keras.layers.Reshape or Flatten. "
            f"Received: input_shape={(None, *shape)}"
        )
    height, width, channels = shape
    if channels not in (GREY, RGB, None):
        first = height in (GREY, RGB)
        cure = "Its channels seem to come first: put keras.layers.Permute((3, 1, 2)) in front of it. " if first else ""
        raise ValueError(
            f"{model.name!r} must take grey or RGB images: 1 or 3 channels, the last axis. {cure}{cure_for(channels)}"
            f"Received: input_shape={(None, *shape)}"
        )
    return height, width, channels


def _agree(model: Any, own: Shape, said: Shape) -> Shape:
    if any(mine not in (None, side) for mine, side in zip(own, said, strict=True) if side is not None):
        raise ValueError(
            f"{model.name!r} takes images of another shape. Received: input_shape={said}, the model's is {own}"
        )
    height, width, channels = (mine or side for mine, side in zip(own, said, strict=True))
    return height, width, channels


def _again(model: Any, inputs: Any) -> Any:
    """Return a graph model of the same layers behind another input; no integers are cut off on the way."""
    if isinstance(model, keras.Sequential):
        return keras.Sequential([inputs, *model.layers], name=model.name)

    def same(layer: Any) -> Any:
        if is_graph(layer) and layer.inputs[0].dtype != "float32":
            return _again(layer, keras.Input(layer.inputs[0].shape[1:], dtype="float32"))
        return layer

    flat = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
    return keras.models.clone_model(flat, input_tensors=inputs, clone_function=same)


def _call_once(model: Any, shape: Shape) -> Any:
    """Return a functional model around one that is no graph."""
    inputs = keras.Input(_check_images(model, shape), dtype="float32", name="pixels")
    if isinstance(model, keras.Sequential):
        model = keras.Sequential([inputs, *model.layers], name=model.name)
        if is_graph(model):
            return as_network(model)
    outputs = model(inputs)
    if isinstance(outputs, dict):
        _check_one("output", list(outputs), model)
        outputs = next(iter(outputs.values()))
    elif isinstance(outputs, list | tuple):
        _check_one("output", [f"number {number}" for number in range(len(outputs))], model)
        outputs = outputs[0]
    return keras.Model(inputs, outputs, name=f"{model.name}_called")


def _known_shape(model: Any) -> Shape:
    """Return what a model without a graph knows of its input's shape.

    Raises:
        ValueError: It knows nothing.
    """
    for shape in _shapes(model):
        if isinstance(shape, tuple | list) and len(shape) == 4:
            return _check_images(model, tuple(shape[1:]))
    raise ValueError(
        f"{model.name!r} was never called, so that its input's shape is not known. "
        "Pass input_shape=(height, width, channels)"
    )


def _shapes(model: Any) -> Any:
    """Yield the input shapes, batch included, that a model or what stands first in it remembers."""
    yield getattr(model, "input_shape", None)
    yield (model.get_build_config() or {}).get("input_shape")
    if isinstance(model, keras.layers.TFSMLayer):
        yield _signature_shape(model)
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            yield from _shapes(layer)
            if not isinstance(layer, ImageLayer | keras.layers.Rescaling | keras.layers.Normalization):
                return  # what stands behind it may be of another shape


def _signature_shape(layer: Any) -> Any:
    """Return the shape of the one tensor that a SavedModel's function takes."""
    function = layer.call_endpoint_fn
    for concrete in getattr(function, "concrete_functions", [function]):
        arguments, named = concrete.structured_input_signature
        specs = [each for each in (*arguments, *named.values()) if hasattr(each, "shape")]
        if len(specs) == 1 and specs[0].shape.rank is not None:
            return tuple(specs[0].shape)
    return None


def sample_images(shape: Shape, side: int = 64) -> Any:
    """Return a few images that differ much: noise, fine and coarse, black and white; float32 in [0, 255].

    Args:
        shape: (height, width, channels); open sides become `side`.
        side: In pixels.
    """
    height, width, channels = shape[0] or side, shape[1] or side, shape[2] or RGB
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 256, (3, height, width, channels))
    coarse = rng.integers(0, 256, (3, 1, 1, channels)) + np.zeros((1, height, width, 1), int)
    ends = np.array([0, 255]).reshape(2, 1, 1, 1) + np.zeros((1, height, width, channels), int)
    return np.concatenate([fine, coarse, ends]).astype(np.float32)
