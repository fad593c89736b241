"""A network in two: the layers of this package in front of it, and what stands behind them."""

from __future__ import annotations

from typing import Any

import keras

from tf_lowdef.keras_compat import producer, tensors_backwards
from tf_lowdef.layers import RandomCropLayer
from tf_lowdef.models.heads import is_graph
from tf_lowdef.models.input_range import leading_layers


def split_defence(network: Any) -> tuple[list[Any], Any]:
    """Return the layers of this package in front of a network, and what stands behind them.

    Where they cannot be parted, the network counts as having none in front.
    """
    front = leading_layers(network)
    if not front or any(isinstance(layer, RandomCropLayer) for layer in front):
        return [], network
    try:
        return list(front), _behind(network, len(front))
    except ValueError:  # their outputs are not in this network's graph
        return [], network


def _behind(network: Any, count: int) -> Any:
    """Return a network without its first `count` layers.

    Raises:
        ValueError: It cannot be cut there.
    """
    if count == 0:
        return network
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    if not isinstance(network, keras.Sequential):
        last = [tensor for tensor in tensors_backwards(network) if producer(tensor)[0] is layers[count - 1]]
        if len(last) != 1:
            raise ValueError(f"{layers[count - 1].name!r} is called {len(last)} times")
        return keras.Model(last[0], network.outputs[0])
    while count and not is_graph(layers[0]):
        layers, count = layers[1:], count - 1
    shape = network.inputs[0].shape[1:]
    return keras.Sequential([keras.Input(shape, dtype="float32"), _behind(layers[0], count), *layers[1:]])
