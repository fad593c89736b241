"""What makes a model the same model as in an earlier process: its weights and its architecture, by their hashes."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import keras
import numpy as np

_INESSENTIAL = ("build_config", "compile_config")
"""Entries of Keras' description of a layer or model that say nothing of its predictions."""

_REFERENCES = ("keras_history", "input_layers", "output_layers")
"""Entries that name layers of the same description."""


def identify(model: Any) -> dict[str, str | None]:
    """Return the hashes that tell a model from others; a model that was built again from the same code has the same."""
    return {"weights_sha256": hash_weights(model), "config_sha256": hash_config(model)}


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
    only. None for a model that has no description of itself, which then goes by its weights alone.
    """
    try:
        description = json.loads(model.to_json())
    except (AttributeError, NotImplementedError, TypeError, ValueError):
        return None
    return hashlib.sha256(json.dumps(_essential(description, {}), sort_keys=True).encode()).hexdigest()


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


def _essential(description: Any, names: dict[str, int]) -> Any:
    if isinstance(description, list):
        return [_essential(value, names) for value in description]
    if not isinstance(description, dict):
        return description
    of_layer = not {"dtype", "layers", "inbound_nodes"}.isdisjoint(description)
    return {
        key: _numbered(value, names) if key in _REFERENCES or (key == "name" and of_layer) else _essential(value, names)
        for key, value in description.items()
        if key not in _INESSENTIAL
    }


def _numbered(value: Any, names: dict[str, int]) -> Any:
    """Replace the names of layers by numbers, in the order of their first appearance."""
    if isinstance(value, list):
        return [_numbered(entry, names) for entry in value]
    return names.setdefault(value, len(names)) if isinstance(value, str) else value
