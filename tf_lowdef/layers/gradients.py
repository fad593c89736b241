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
    return [each for each in getattr(layer, "gradients", ()) if each != STOPPED]


def chosen_gradient(layer: Any, gradient: str) -> str | None:
    """Return what a layer is set to where a gradient is asked for: the strongest that it offers if it lacks that one.

    None for a layer that offers none.
    """
    offered = offered_gradients(layer)
    return None if not offered else gradient if gradient in offered else offered[0]


def with_gradient(layer: Any, gradient: str) -> Any:
    """Return the layer, or a new one with another gradient: the strongest that it offers, where it lacks that one.

    Layers that offer a choice have no weights; one that holds others, which may have some, knows a way of its own.
    """
    wanted = chosen_gradient(layer, gradient)
    if wanted is None or wanted == layer.gradient:
        return layer
    if hasattr(layer, "with_gradient"):
        return layer.with_gradient(wanted)
    return type(layer).from_config({**layer.get_config(), "gradient": wanted})
