"""``"webp:60+flip"`` and the layers that it means, from one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from tf_lowdef.layers.flip import FlipLayer
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.jpeg import JPEGLayer
from tf_lowdef.layers.webp import WebPLayer
from tf_lowdef.specs import Form, format_value, parse_spec

NO_DEFENCE = "none"


class _Row(NamedTuple):
    """One kind of layer: its class, what may be written of its arguments, and whether the first is always written."""

    layer: type[ImageLayer]
    form: Form
    full: bool = True


_TABLE = {
    "webp": _Row(WebPLayer, Form({"quality": (int, float), "method": (int,), "lossless": (bool,)}, "quality")),
    "flip": _Row(FlipLayer, Form({"mode": (str,)}, "mode"), full=False),
    "jpeg": _Row(JPEGLayer, Form({"quality": (int,)}, "quality")),
}
_NOT_WRITTEN = {"name", "dtype", "trainable", "num_threads", "codec"}
"""Arguments that change no pixel."""

_FORMS = {name: row.form for name, row in _TABLE.items()} | {NO_DEFENCE: Form({})}


def parse_defence(text: str) -> list[ImageLayer]:
    """Return new layers, in the order that the image meets them, for pixels in [0, 255].

    Args:
        text: ``"none"``, or layers joined by ``+``: ``webp[:QUALITY][,method=M][,lossless=true]``,
            ``flip[:horizontal|vertical|both]``, ``jpeg[:QUALITY]``.

    Raises:
        TypeError: `text` is not a string.
        ValueError: A name is unknown, or an argument is out of its range.
    """
    parts = text.split("+") if isinstance(text, str) else [text]
    if len(parts) == 1 and parse_spec(text, "defence", _FORMS)[0] == NO_DEFENCE:
        return []
    return [_make_layer(part, text) for part in parts]


def defence_spec(layers: Sequence[Any]) -> str:
    """Return the text that :func:`parse_defence` makes the same layers of; ``"none"`` for no layers.

    Raises:
        ValueError: A layer is not in the table.
    """
    return "+".join(_layer_spec(layer) for layer in layers) or NO_DEFENCE


def _make_layer(part: str, text: str) -> ImageLayer:
    name, arguments = parse_spec(part, "defence", _FORMS)
    if name == NO_DEFENCE:
        raise ValueError(f"{NO_DEFENCE!r} stands alone, without +. Received: {text!r}")
    try:
        return _TABLE[name].layer(**arguments)
    except ValueError as error:
        raise ValueError(f"{part.strip()!r}: {error}") from error


def _layer_spec(layer: Any) -> str:
    for name, row in _TABLE.items():
        if type(layer) is row.layer:
            config, default = layer.get_config(), row.layer().get_config()
            for key in config.keys() - row.form.keys - _NOT_WRITTEN:
                if config[key] != default[key]:
                    raise ValueError(f"No defence is written with this {key!r}. Received: {key}={config[key]!r}")
            written = [
                format_value(config[key]) if key == row.form.first else f"{key}={format_value(config[key])}"
                for key in row.form.keys
                if config[key] != default[key] or (row.full and key == row.form.first)
            ]
            return name + (":" + ",".join(written) if written else "")
    raise ValueError(f"No defence is written for this layer. Received: {layer!r}")
