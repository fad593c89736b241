"""``"webp:60+flip"`` and the layers that it means, from one table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from tf_lowdef.layers.flip import FlipLayer
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.jpeg import JPEGLayer
from tf_lowdef.layers.webp import WebPLayer
from tf_lowdef.specs import Spec, parse_flag, parse_number, parse_spec

NO_DEFENCE = "none"


class _Row(NamedTuple):
    """One kind of layer: its class, the argument that the value sets, and how each argument is read from text."""

    layer: type[ImageLayer]
    value: str
    read: dict[str, Callable[[Spec, str, str], Any]]


def _read_text(_: Spec, text: str, __: str) -> str:
    return text


_TABLE = {
    "webp": _Row(WebPLayer, "quality", {"quality": parse_number, "method": parse_number, "lossless": parse_flag}),
    "flip": _Row(FlipLayer, "mode", {"mode": _read_text}),
    "jpeg": _Row(JPEGLayer, "quality", {"quality": parse_number}),
}


def parse_defence(text: str) -> list[ImageLayer]:
    """Return new layers, in the order that the image meets them, for pixels in [0, 255].

    Args:
        text: ``"none"``, or layers joined by ``+``: ``webp[:QUALITY][,method=M][,lossless=true]``,
            ``flip[:horizontal|vertical|both]``, ``jpeg[:QUALITY]``.

    Raises:
        ValueError: A name is unknown, or an argument is out of its range.
    """
    if text.strip() == NO_DEFENCE:
        return []
    return [_make_layer(part) for part in text.split("+")]


def defence_spec(layers: Sequence[Any]) -> str:
    """Return the text that :func:`parse_defence` makes the same layers of; ``"none"`` for no layers.

    Raises:
        ValueError: A layer is not in the table.
    """
    return "+".join(_layer_spec(layer) for layer in layers) or NO_DEFENCE


def _make_layer(text: str) -> ImageLayer:
    spec = parse_spec(text, "defence", [*_TABLE, NO_DEFENCE])
    if spec.name == NO_DEFENCE:
        raise ValueError(f"'{NO_DEFENCE}' stands alone, without +. Received: {text!r}")
    row = _TABLE[spec.name]
    given = {**({} if spec.value is None else {row.value: spec.value}), **spec.options}
    for name in given:
        if name not in row.read:
            raise ValueError(f"{text.strip()!r}: unknown option {name!r}. There are: {', '.join(row.read)}")
    arguments = {name: row.read[name](spec, value, name) for name, value in given.items()}
    try:
        return row.layer(**arguments)
    except ValueError as error:
        raise ValueError(f"{text.strip()!r}: {error}") from error


def _layer_spec(layer: Any) -> str:
    for name, row in _TABLE.items():
        if type(layer) is row.layer:
            config, default = layer.get_config(), row.layer().get_config()
            value = "" if config[row.value] == default[row.value] and name == "flip" else f":{config[row.value]}"
            options = [
                f",{key}={str(config[key]).lower()}"
                for key in row.read
                if key != row.value and config[key] != default[key]
            ]
            return name + value + "".join(options)
    raise ValueError(f"No defence is written for this layer. Received: {layer!r}")
