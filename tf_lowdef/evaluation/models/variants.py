"""Defended models as an adaptive attacker takes them: one for each gradient that their layers offer."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras

from tf_lowdef.defences import Defence
from tf_lowdef.layers import RandomCropLayer

STOPPED = "none"
"""The gradient of a layer that hides it. Whoever asks for that is told so; it is not quietly given another."""


def defended_models(base: Any, defence: Defence, draws: int | None = None) -> list[Any]:
    """Return the models through whose gradients a defence is attacked; all of them classify alike.

    The first is the defended model as it is; where layers offer other gradients (``gradients`` of their class), one
    more for each, with all layers set to it that offer it. A ``keras.Sequential`` as `base` is taken apart likewise.
    A layer of random crops makes no more of them than the draws that an attack averages over, because each is a draw.

    Args:
        base: A Keras model from pixels in [0, 255] to logits.
        defence: With no layers for the bare model.
        draws: That the attack averages over; None leaves the crops as they are.
    """
    layers = tuple(_with_fewer_crops(layer, draws) for layer in defence.layers)
    inner = list(base.layers) if isinstance(base, keras.Sequential) else []
    others = sorted({gradient for layer in (*layers, *inner) for gradient in _other_gradients(layer)})
    found = [dataclasses.replace(defence, layers=layers).in_front_of(base)]
    for gradient in others:
        changed = base
        if any(gradient in _other_gradients(layer) for layer in inner):
            start = keras.Input(base.input_shape[1:], dtype="float32")
            changed = keras.Sequential([start, *(_with_gradient(layer, gradient) for layer in inner)])
        chain = tuple(_with_gradient(layer, gradient) for layer in layers)
        found.append(dataclasses.replace(defence, layers=chain).in_front_of(changed))
    return found


def _other_gradients(layer: Any) -> list[str]:
    offered = getattr(type(layer), "gradients", ())
    current = getattr(layer, "gradient", None)
    return [] if current == STOPPED else [each for each in offered if each not in (STOPPED, current)]


def _with_gradient(layer: Any, gradient: str) -> Any:
    """Return the layer, or a new one with another gradient if it offers that; such layers have no weights."""
    if gradient not in _other_gradients(layer):
        return layer
    return _made_again(layer, gradient=gradient)


def _with_fewer_crops(layer: Any, draws: int | None) -> Any:
    """Return the layer, or a new one that makes no more crops of each image than `draws`."""
    if draws is None or not isinstance(layer, RandomCropLayer) or layer.copies <= draws:
        return layer
    return _made_again(layer, copies=draws)


def _made_again(layer: Any, **changes: Any) -> Any:
    """Return a new layer with some other arguments."""
    return type(layer).from_config({**layer.get_config(), **changes})
