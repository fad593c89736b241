"""What a model that begins with preprocessing of its own makes of pixels, before its first weights see them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tf_lowdef.keras_compat import all_layers, producer, tensors_backwards
from tf_lowdef.layers import ImageLayer
from tf_lowdef.models.heads import is_graph
from tf_lowdef.models.input_range import WHITE

USUAL = 16.0
"""How far from 0 what networks are trained on may lie: a Normalization of dark or flat images goes beyond 4, and one of
images in [0, 1] or [-1, 1], fed with [0, 255], beyond 250."""

CAFFE_BLACK, CAFFE_WHITE = (-129.0, -90.0), (120.0, 153.0)
"""Grey levels less a mean: what black and white become."""

LEAST_SPAN = 0.5
"""How far apart black and white must at least end up: less is what images in [0, 255] are not scaled to."""

MOST_AT_ONE = 0.1
"""The share of the way from black to white that grey level 1 of 255 may cover: a model of [0, 1] clips there."""

_OWN = (keras.layers.Rescaling, keras.layers.Normalization)
_PASSING = (ImageLayer, keras.layers.InputLayer, keras.layers.Identity)

Values = npt.NDArray[np.float64]


def makes_usual_of_pixels(model: Any) -> bool:
    """Return whether a model's own preprocessing takes pixels in [0, 255] to what networks usually work on.

    All ``Rescaling``, ``Normalization`` and arithmetic that stand one behind the other at its beginning count, and only
    together: ``Rescaling(2, offset=-1)`` is for images in [0, 1], and says nothing for [0, 255].
    """
    grey = [np.full(_image_shape(model), level, np.float32) for level in (0, 1, WHITE)]
    found, _ = _through(model, grey)
    black, one, white = (np.asarray(each, np.float64) for each in found)
    span = np.abs(white - black)
    if not (np.isfinite(span).all() and span.min() >= LEAST_SPAN and (np.abs(one - black) <= MOST_AT_ONE * span).all()):
        return False
    return _within(np.stack([black, white]), (-USUAL, USUAL)) or (
        _within(black, CAFFE_BLACK) and _within(white, CAFFE_WHITE)
    )


def _through(model: Any, values: list[Any]) -> tuple[list[Any], bool]:
    """Return what preprocessing at a model's beginning makes of images, and whether all of the model is that."""
    if type(model) is keras.Sequential:
        return _through_layers(model.layers, values)
    return _through_graph(model, values) if is_graph(model) else (values, False)


def _through_layers(layers: Sequence[Any], values: list[Any]) -> tuple[list[Any], bool]:
    for layer in layers:
        if not _prepares(layer):
            return _through(layer, values)[0] if isinstance(layer, keras.Model) else values, False
        values = values if _passes(layer) else [layer(each) for each in values]
    return values, True


def _through_graph(model: Any, values: list[Any]) -> tuple[list[Any], bool]:
    """Follow a graph as far as all that goes into an operation is preprocessed images: ``caffe`` parts the channels."""
    ways = [(tensor, *producer(tensor)) for tensor in tensors_backwards(model)]
    start, end = model.inputs[0], model.outputs[0]
    known = {id(start): start}
    while fresh := {id(way[0]): way[0] for way in ways if id(way[0]) not in known and _follows(way, known)}:
        known |= fresh
    if id(end) in known:
        return _at(start, end, values), True
    beyond = [way for way in ways if id(way[0]) not in known and any(id(each) in known for each in way[2])]
    last = {id(each) for _, _, inputs in beyond for each in inputs if id(each) in known}
    if len(last) != 1:  # the image goes several ways, and there is no telling which of them counts
        return values, False
    found, inner = _at(start, known[last.pop()], values), beyond[0][1]
    return _through(inner, found)[0] if len(beyond) == 1 and isinstance(inner, keras.Model) else found, False


def _follows(way: tuple[Any, Any, list[Any]], known: Mapping[int, Any]) -> bool:
    _, operation, inputs = way
    return all(id(each) in known for each in inputs) and _prepares(operation)


def _at(start: Any, tensor: Any, values: list[Any]) -> list[Any]:
    """Return what images that go in at one place of a graph are at another."""
    part = None if tensor is start else keras.Model(start, tensor)
    return values if part is None else [part(each) for each in values]


def _passes(operation: Any) -> bool:
    """Return whether an operation leaves values in their range."""
    return isinstance(operation, _PASSING) or type(operation).__name__.startswith("Random")


def _prepares(operation: Any) -> bool:
    """Return whether an operation is preprocessing or passes: layers, arithmetic in a graph, or a model of such."""
    if _passes(operation) or isinstance(operation, _OWN):
        return True
    if type(operation) is keras.Sequential:
        return all(map(_prepares, operation.layers))
    if is_graph(operation):
        return all(_prepares(producer(tensor)[0]) for tensor in tensors_backwards(operation))
    return not isinstance(operation, keras.Layer)


def _within(values: Values, bounds: tuple[float, float]) -> bool:
    return bool(bounds[0] <= values.min() and values.max() <= bounds[1])


def _image_shape(model: Any) -> tuple[int, ...]:
    """Return the shape of a batch of one image, by a model or the first in it that says it; any size otherwise."""
    told = (getattr(each, "input_shape", None) for each in (model, *all_layers(model)) if isinstance(each, keras.Model))
    shape = next((each for each in told if each), (None, None, None, 3))
    return (1, *(each or 8 for each in shape[1:]))
