"""Keras' private names that this package cannot do without, each behind a function of its own.

All of them are in every Keras 3 from 3.12.1, the oldest that is taken, to 3.15.1. Whether a layer takes ``training`` is
nothing private: Keras drops the argument from a call of one that does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any


def all_layers(layer: Any) -> list[Any]:
    """Return the layers in a model or layer, nested and wrapped ones too, the outer before the inner.

    `_flatten_layers`, since the public `Model.layers` ends at the first level, and a layer that wraps another, such as
    ``TimeDistributed``, has no `layers`.
    """
    return list(layer._flatten_layers(include_self=False))


def output_shapes(layer: Any) -> list[tuple[Any, ...]]:
    """Return the shapes of a layer's outputs, without the batch, for each time that it is called in a model.

    `_inbound_nodes`, since the public `Layer.output` is that of the first call alone.
    """
    return [tuple(output.shape[1:]) for node in layer._inbound_nodes for output in node.outputs]


def producer(tensor: Any) -> tuple[Any, list[Any]]:
    """Return the layer or operation that a symbolic tensor comes out of, and the tensors that go into it there.

    `_keras_history` and `_inbound_nodes`, since the public `Layer.input` and `Layer.output` are those of the first call
    alone, which may be one in another model.
    """
    operation, node, _ = tensor._keras_history
    return operation, list(operation._inbound_nodes[node].input_tensors)


def tensors_backwards(model: Any) -> Iterator[Any]:
    """Yield the symbolic tensors of a functional or built Sequential model, from the output on, inputs left out.

    They are those of this model, where ``Layer.output`` may be another's.
    """
    waiting, seen = [model.outputs[0]], set[int]()
    while waiting:
        tensor = waiting.pop(0)
        _, inputs = producer(tensor)
        if id(tensor) not in seen and inputs:
            seen.add(id(tensor))
            yield tensor
            waiting += inputs


def name_for_scopes(variables: Iterable[Any]) -> None:
    """Take the colons out of the paths of variables.

    `_path`: a SavedModel's variables are called ``kernel:0``, and an optimizer names what it keeps of a variable after
    its path, as TensorFlow lets no scope be named.
    """
    for variable in variables:
        variable._path = variable.path.replace(":", "_")
