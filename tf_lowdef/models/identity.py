"""What makes a model the same model as in an earlier process: its weights and its architecture, by their hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np

from tf_lowdef.keras_compat import all_layers, producer, tensors_backwards
from tf_lowdef.models.heads import is_graph, kept_kind
from tf_lowdef.models.input_range import adapted_range

_INESSENTIAL = ("build_config", "compile_config")
"""Entries of Keras' description of a layer or model that say nothing of its predictions."""

_REFERENCES = ("keras_history", "input_layers", "output_layers")
"""Entries that name layers of the same description."""


def identify(model: Any) -> dict[str, str | None]:
    """Return what tells a model from others; a model that was built again from the same code has the same.

    Besides the hashes of its weights and architecture, what `as_classifier` took its input and outputs for. The layers
    that it puts around a model are in the hash too; but a difference there should be told in words.
    """
    return {
        "weights_sha256": hash_weights(model),
        "config_sha256": hash_config(model),
        "input_range": str(adapted_range(model)),
        "outputs": kept_kind(model),
    }


def hash_weights(model: Any) -> str:
    """Return a SHA-256 of every weight's shape, dtype and bytes, in order.

    Their paths are not among it: Keras numbers the names that it makes up, so that they differ when a model is built a
    second time.
    """
    total = hashlib.sha256()
    for weight in getattr(model, "weights", []):
        values = np.asarray(weight)
        total.update(f"{values.shape}\0{values.dtype}\0".encode())
        total.update(values.tobytes())
    return total.hexdigest()


def hash_config(model: Any) -> str | None:
    """Return a SHA-256 of a model's architecture: defended models of other settings have the same weights.

    How it was built and compiled is left out; predictions do not depend on it. Names of layers count by their order
    only. Every layer in it is described for itself too, since a subclassed model says of what it holds nothing or no
    more than its arguments; what cannot describe itself goes by its class and by how it is wired. None for what is no
    model or layer, which then goes by its weights alone.
    """
    if not isinstance(model, keras.layers.Layer):
        return None
    described = [_describe(each) for each in (model, *all_layers(model))]
    return hashlib.sha256(json.dumps(_essential(described, {}), sort_keys=True).encode()).hexdigest()


def _describe(layer: Any) -> dict[str, Any]:
    """Return a layer's or operation's class and configuration, as far as it tells them."""
    try:
        description: dict[str, Any] = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        wiring = {"wiring": _wiring(layer)} if is_graph(layer) else {}
        return {"class_name": f"{type(layer).__module__}.{type(layer).__qualname__}", **wiring}
    return description


def _wiring(model: Any) -> list[Any]:
    """Return the operations of a graph that are no layers, and which follows which, from the output on."""
    numbers: dict[int, int] = {}
    found = []
    for tensor in tensors_backwards(model):
        operation, inputs = producer(tensor)
        behind = [numbers.setdefault(id(producer(each)[0]), len(numbers)) for each in inputs]
        own = None if isinstance(operation, keras.layers.Layer) else _describe(operation)
        found.append([numbers.setdefault(id(operation), len(numbers)), behind, own])
    return found


def hash_layer(layer: Any) -> str:
    """Return a SHA-256 of a layer's class, configuration and weights; its name is none of it.

    Raises:
        ValueError: It cannot describe itself.
    """
    try:
        description = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    except (NotImplementedError, TypeError, ValueError) as error:
        kind = type(layer).__name__
        raise ValueError(f"{kind} cannot be told from others: its get_config() must return its arguments") from error
    essential = json.dumps(_essential(description, {}), sort_keys=True)
    return hashlib.sha256(f"{essential} {hash_weights(layer)}".encode()).hexdigest()


def _essential(description: Any, names: dict[str, int], config: bool = False) -> Any:
    if isinstance(description, list):
        return [_essential(value, names) for value in description]
    if not isinstance(description, dict):
        return description
    # an operation's configuration, such as that of x * 2, may be its name alone, which Keras numbers too
    named = config or not {"dtype", "layers", "inbound_nodes"}.isdisjoint(description)
    return {
        key: _numbered(value, names)
        if key in _REFERENCES or (key == "name" and named)
        else _essential(value, names, key == "config")
        for key, value in description.items()
        if key not in _INESSENTIAL
    }


def _numbered(value: Any, names: dict[str, int]) -> Any:
    """Replace the names of layers by numbers, in the order of their first appearance."""
    if isinstance(value, list):
        return [_numbered(entry, names) for entry in value]
    return names.setdefault(value, len(names)) if isinstance(value, str) else value
