"""Defended models as an adaptive attacker takes them: one for each gradient that their layers offer."""

from __future__ import annotations

from typing import Any

import keras

STOPPED = "none"
"""The gradient of a layer that hides it. Whoever asks for that is told so; it is not quietly given another."""


def defended_models(base: Any, layers: tuple[Any, ...]) -> list[Any]:
    """Return the models through whose gradients a defence is attacked; all of them classify alike.

    The first is the defended model as it is; where layers offer other gradients (``gradients`` of their class), one
    more for each, with all layers set to it that offer it. A ``keras.Sequential`` as `base` is taken apart likewise.

    Args:
        base: A Keras model from pixels in [0, 255] to logits.
        layers: The defence; none for the bare model.
    """
    inner = list(base.layers) if isinstance(base, keras.Sequential) else [base]
    chain = [*layers, *inner]
    plain = base if not layers else _chain(base, [*layers, base])
    others = {gradient for layer in chain for gradient in _other_gradients(layer)}
    return [plain, *(_chain(base, [_with_gradient(layer, gradient) for layer in chain]) for gradient in sorted(others))]


def _chain(base: Any, layers: list[Any]) -> Any:
    # A static float32 Input, so that fractional pixels reach the defence unchanged under mixed_float16.
    return keras.Sequential([keras.Input(base.input_shape[1:], dtype="float32"), *layers])


def _other_gradients(layer: Any) -> list[str]:
    offered = getattr(type(layer), "gradients", ())
    current = getattr(layer, "gradient", None)
    return [] if current == STOPPED else [each for each in offered if each not in (STOPPED, current)]


def _with_gradient(layer: Any, gradient: str) -> Any:
    """Return the layer, or a new one with another gradient if it offers that; such layers have no weights."""
    if gradient not in _other_gradients(layer):
        return layer
    return type(layer).from_config({**layer.get_config(), "gradient": gradient})
