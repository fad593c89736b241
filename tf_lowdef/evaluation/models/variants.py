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

    One for each gradient that layers offer (``gradients`` of their class, the strongest first), in that order. All
    layers that offer it are set to it, the others to the strongest that they have. A ``keras.Sequential`` as `base` is
    taken apart likewise. Where no layer offers any, the one defended model. A layer of random crops makes no more of
    them than the draws that an attack averages over, because each is a draw.

    Args:
        base: A Keras model from pixels in [0, 255] to logits.
        defence: With no layers for the bare model.
        draws: That the attack averages over; None leaves the crops as they are.
    """
    layers = tuple(_with_fewer_crops(layer, draws) for layer in defence.layers)
    inner = list(base.layers) if isinstance(base, keras.Sequential) else []
    gradients = list(dict.fromkeys(each for layer in (*layers, *inner) for each in _gradients(layer)))
    if not gradients:
        return [dataclasses.replace(defence, layers=layers).in_front_of(base)]
    found = []
    for gradient in gradients:
        changed = base
        if any(_gradients(layer) for layer in inner):
            start = keras.Input(base.input_shape[1:], dtype="float32")
            changed = keras.Sequential([start, *(_with_gradient(layer, gradient) for layer in inner)])
        chain = tuple(_with_gradient(layer, gradient) for layer in layers)
        found.append(dataclasses.replace(defence, layers=chain).in_front_of(changed))
    return found


def _gradients(layer: Any) -> list[str]:
    """Return the gradients that a layer offers an attacker, none of one that hides its gradient."""
    current = getattr(layer, "gradient", None)
    return (
        []
        if current in (None, STOPPED)
        else [each for each in getattr(type(layer), "gradients", ()) if each != STOPPED]
    )


def _with_gradient(layer: Any, gradient: str) -> Any:
    """Return the layer, or a new one with another gradient; such layers have no weights."""
    offered = _gradients(layer)
    if not offered:
        return layer
    wanted = gradient if gradient in offered else offered[0]
    return layer if wanted == layer.gradient else _made_again(layer, gradient=wanted)


def _with_fewer_crops(layer: Any, draws: int | None) -> Any:
    """Return the layer, or a new one that makes no more crops of each image than `draws`."""
    if draws is None or not isinstance(layer, RandomCropLayer) or layer.copies <= draws:
        return layer
    return _made_again(layer, copies=draws)


def _made_again(layer: Any, **changes: Any) -> Any:
    """Return a new layer with some other arguments."""
    return type(layer).from_config({**layer.get_config(), **changes})
