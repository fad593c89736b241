"""The range of values in which a model takes its images, from the layers that it begins with."""

from __future__ import annotations

from typing import Any

import keras

from tf_lowdef.layers import ImageLayer
from tf_lowdef.layers.pixel_layer import PixelLayer

Range = tuple[float, float]

PIXEL_RANGE: Range = (0.0, 255.0)


def range_of(model: Any) -> Range:
    """Return the ``value_range`` of the image layers that a model's input goes through first.

    Layers behind another one, such as a ``Rescaling``, say nothing about the input. Layers that round to pixels count
    before the others, which mostly do the same in every range.

    Returns:
        The two values that stand for black and full; (0, 255) where no layer says otherwise.

    Raises:
        ValueError: Two layers differ, or the model is a subclass, whose order of layers cannot be known, and has image
            layers of another range.
    """
    if _is_subclassed(model):
        layers = [each for each in model._flatten_layers(include_self=False) if _range(each) not in (None, PIXEL_RANGE)]
        if not layers:
            return PIXEL_RANGE
        raise ValueError(
            f"{layers[0].name!r} has value_range={_range(layers[0])}, and whether the input of {model.name!r} reaches "
            "it as it is cannot be known of a subclassed model. Pass `input_range`, or put the layer in front of the "
            "model in a keras.Sequential"
        )
    layers = [layer for layer in _first_layers(model)[0] if _range(layer) is not None]
    layers = [layer for layer in layers if isinstance(layer, PixelLayer)] or layers
    for layer in layers:
        if _range(layer) != _range(layers[0]):
            raise ValueError(
                f"The layers that {model.name!r} begins with must agree in their value_range. Received: "
                f"{_range(layers[0])} in {layers[0].name!r}, {_range(layer)} in {layer.name!r}"
            )
    return _range(layers[0]) or PIXEL_RANGE if layers else PIXEL_RANGE


def _range(layer: Any) -> Range | None:
    found = getattr(layer, "value_range", None)
    return found if found is None or not isinstance(layer, ImageLayer) else (float(found[0]), float(found[1]))


def _is_subclassed(model: Any) -> bool:
    return type(model) is not keras.Sequential and not hasattr(type(model), "operations")  # which functional ones have


def _first_layers(model: Any) -> tuple[list[Any], bool]:
    """Return the image layers that a model's input goes through first, and whether there are no others behind them."""
    if type(model) is keras.Sequential:
        return _in_sequence(model.layers)
    found: list[Any] = []
    ends = True
    reached = {id(tensor) for tensor in model.inputs}
    for operation in model.operations:  # in the order that they are called
        for node in operation._inbound_nodes:
            if not any(id(tensor) in reached for tensor in node.input_tensors):
                continue
            layers, through = _of_layer(operation)
            found += layers
            ends &= through
            if through:
                reached.update(id(tensor) for tensor in node.output_tensors)
    return found, ends


def _in_sequence(layers: list[Any]) -> tuple[list[Any], bool]:
    found: list[Any] = []
    for layer in layers:
        inner, through = _of_layer(layer)
        found += inner
        if not through:
            return found, False
    return found, True


def _of_layer(layer: Any) -> tuple[list[Any], bool]:
    if isinstance(layer, ImageLayer):
        return [layer], True
    if isinstance(layer, keras.Model) and not _is_subclassed(layer):
        return _first_layers(layer)
    return [], isinstance(layer, keras.layers.InputLayer)
