"""Which backward passes a layer offers an attacker, and the same layer with another one."""

from __future__ import annotations

from typing import Any

STOPPED = "none"
"""The gradient of a layer that hides it. Whoever asks for that is told so; it is not quietly given another."""


def offered_gradients(layer: Any) -> list[str]:
    """Return the gradients that a layer offers an attacker, the strongest first; none where it hides its own."""
    current = getattr(layer, "gradient", None)
    if current in (None, STOPPED):
        return []
    return [each for each in getattr(type(layer), "gradients", ()) if each != STOPPED]


def with_gradient(layer: Any, gradient: str) -> Any:
    """Return the layer, or a new one with another gradient: the strongest that it offers, where it lacks that one.

    Layers that offer a choice have no weights.
    """
    offered = offered_gradients(layer)
    if not offered:
        return layer
    wanted = gradient if gradient in offered else offered[0]
    return layer if wanted == layer.gradient else type(layer).from_config({**layer.get_config(), "gradient": wanted})
