"""What a defence is called, so that equal defences have equal names in every process, and others have others."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from typing import Any

from tf_lowdef.layers import NO_DEFENCE, defence_spec, layer_kind, parse_defence
from tf_lowdef.models.identity import hash_layer

_DIGITS = 6
"""Of a hash: few enough to read, and no two of a thousand layers have the same but in one case of thirty."""


def layers_name(layers: Sequence[Any]) -> str:
    """Return the text of layers; in place of a layer that has none, its class and a hash of its configuration."""
    return "+".join(_layer_name(layer) for layer in layers) or NO_DEFENCE


def check_name(name: str, layers: Sequence[Any]) -> str:
    """Return the name that a user gives to layers, without blanks around it.

    Raises:
        ValueError: It is empty, could not stand in a table, or is the text of other layers.
    """
    name = name.strip()
    if not name or not name.isprintable() or not re.search(r"[A-Za-z0-9]", name) or "|" in name:
        raise ValueError(f"A defence's name must be a line of text with a letter or digit and no |. Received: {name!r}")
    try:
        meant = parse_defence(name)
    except ValueError:
        return name
    if (text := defence_spec(meant)) != layers_name(layers):
        raise ValueError(f"{text!r} means other layers; give them another name. Received: {(name, list(layers))}")
    return text


def _layer_name(layer: Any) -> str:
    try:
        return defence_spec([layer])
    except (ValueError, NotImplementedError):
        _build(layer)
        return f"{layer_kind(layer)}({hash_layer(layer)[:_DIGITS]})"


def _build(layer: Any) -> None:
    """Let a layer make its weights, which are part of what it is."""
    if not layer.built:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                layer.build((None, None, None, 3))
        except Exception:  # noqa: S110 - one that takes no image is found out when one is tried on it
            pass
