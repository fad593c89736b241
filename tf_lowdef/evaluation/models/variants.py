"""Defended models as an adaptive attacker takes them: one for each gradient that their layers offer."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras

from tf_lowdef.defences import Defence
from tf_lowdef.layers import RandomCropLayer
from tf_lowdef.layers.gradients import chosen_gradient, offered_gradients, with_gradient


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
    defence = defence.changed(lambda layer: _with_fewer_crops(layer, draws))
    inner = list(base.layers) if isinstance(base, keras.Sequential) else []
    meeting = (*defence.attackable, *inner)
    gradients = list(dict.fromkeys(each for layer in meeting for each in offered_gradients(layer)))
    if not gradients:
        return [defence.in_front_of(base)]
    found, seen = [], set[tuple[str | None, ...]]()
    for gradient in gradients:
        chosen = tuple(chosen_gradient(layer, gradient) for layer in meeting)
        if chosen in seen:  # several layers are at their strongest together
            continue
        seen.add(chosen)
        changed = base
        if any(offered_gradients(layer) for layer in inner):
            start = keras.Input(base.input_shape[1:], dtype="float32")
            changed = keras.Sequential([start, *(with_gradient(layer, gradient) for layer in inner)])
        found.append(defence.changed(partial(with_gradient, gradient=gradient)).in_front_of(changed))
    return found


def _with_fewer_crops(layer: Any, draws: int | None) -> Any:
    """Return the layer, or a new one that makes no more crops of each image than `draws`."""
    if draws is None or not isinstance(layer, RandomCropLayer) or layer.copies <= draws:
        return layer
    return type(layer).from_config({**layer.get_config(), "copies": draws})
