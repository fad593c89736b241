"""A model that computes in half precision, computing in float32 for a while."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from tf_lowdef.keras_compat import all_layers

_HALVES = ("float16", "bfloat16")
_LOCK = threading.RLock()


@contextmanager
def full_precision(model: Any) -> Iterator[None]:
    """Let a model's layers compute in float32, as long as the block lasts; in a graph, what is traced inside stays so.

    Gradients with respect to pixels are small numbers: in float16 many of them are 0, and an attack that follows them
    finds less than there is. Weights are float32 under ``mixed_float16`` anyway.

    Args:
        model: A Keras model; anything else is left alone.
    """
    layers = [model, *all_layers(model)] if isinstance(model, keras.layers.Layer) else []
    half = [layer for layer in layers if layer.compute_dtype in _HALVES and layer.variable_dtype == "float32"]
    if not half:
        yield
        return
    with _LOCK:
        policies = [layer.dtype_policy for layer in half]
        try:
            for layer in half:
                layer.dtype_policy = "float32"
            yield
        finally:
            for layer, policy in zip(half, policies, strict=True):
                layer.dtype_policy = policy
