"""``"webp:60+flip"`` and the layers that it means, from one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tf_lowdef.layers.bit_depth import BitDepthLayer
from tf_lowdef.layers.deflection import PixelDeflectionLayer
from tf_lowdef.layers.draws import RandomisedLayer
from tf_lowdef.layers.flip import FlipLayer
from tf_lowdef.layers.gaussian import GaussianLayer
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.layers.jpeg import JPEGLayer
from tf_lowdef.layers.median import MedianLayer
from tf_lowdef.layers.noise import NoiseLayer
from tf_lowdef.layers.non_local_means import NonLocalMeansLayer
from tf_lowdef.layers.random_crop import RandomCropLayer
from tf_lowdef.layers.random_flip import RandomFlipLayer
from tf_lowdef.layers.random_webp import RandomWebPLayer
from tf_lowdef.layers.resize_pad import ResizePadLayer
from tf_lowdef.layers.shift import ShiftLayer
from tf_lowdef.layers.total_variation import TotalVariationLayer
from tf_lowdef.layers.webp import WebPLayer
from tf_lowdef.specs import Form, Range, format_value, parse_spec

NO_DEFENCE = "none"


class _Row(NamedTuple):
    """One kind of layer, and how it is written.

    Attributes:
        name: Several layers may share one; the first row that the arguments fit is taken.
        layer: Its class.
        form: What may be written of its arguments.
        full: Whether the first argument is always written.
        word: What must stand first, and is no argument of the layer; None if nothing must.
    """

    name: str
    layer: type[ImageLayer]
    form: Form
    full: bool = True
    word: str | None = None

    def fits(self, arguments: Mapping[str, Any]) -> bool:
        if self.word is not None and arguments.get(self.form.first or "") != self.word:
            return False
        return all(isinstance(value, self.form.keys.get(key, ())) for key, value in arguments.items())

    def make(self, arguments: Mapping[str, Any]) -> ImageLayer:
        of_layer = {key: value for key, value in arguments.items() if self.word is None or key != self.form.first}
        return self.layer(**of_layer)


_NUMBER = (int, float)
_SEED = (int, type(None))
_GRADIENT = {"gradient": (str,)}
_RANDOM = {**_GRADIENT, "seed": _SEED}

_TABLE = [
    _Row("webp", WebPLayer, Form({"quality": _NUMBER, "method": (int,), "lossless": (bool,)}, "quality")),
    _Row("webp", RandomWebPLayer, Form({"quality": (Range,), "method": (int,), "seed": _SEED}, "quality")),
    _Row("flip", RandomFlipLayer, Form({"mode": (str,), "seed": _SEED}, "mode"), word="random"),
    _Row("flip", FlipLayer, Form({"mode": (str,)}, "mode"), full=False),
    _Row("jpeg", JPEGLayer, Form({"quality": (int,)}, "quality")),
    _Row("bits", BitDepthLayer, Form({"bits": (int,)}, "bits")),
    _Row("median", MedianLayer, Form({"size": (int,), **_GRADIENT}, "size")),
    _Row("gaussian", GaussianLayer, Form({"sigma": _NUMBER, **_GRADIENT}, "sigma")),
    _Row(
        "nlm",
        NonLocalMeansLayer,
        Form({"strength": _NUMBER, "patch": (int,), "search": (int,), **_GRADIENT}, "strength"),
    ),
    _Row(
        "tv",
        TotalVariationLayer,
        Form({"weight": _NUMBER, "drop": _NUMBER, "iterations": (int,), **_RANDOM}, "weight"),
    ),
    _Row("resizepad", ResizePadLayer, Form({"fraction": _NUMBER, "seed": _SEED}, "fraction")),
    _Row(
        "deflection",
        PixelDeflectionLayer,
        Form({"deflections": (int,), "window": (int,), "sigma": _NUMBER, **_RANDOM}, "deflections"),
    ),
    _Row("crops", RandomCropLayer, Form({"copies": (int,), "fraction": _NUMBER, "seed": _SEED}, "copies")),
    _Row("shift", ShiftLayer, Form({"columns": (int,), "rows": (int,)}, "columns")),
    _Row("noise", NoiseLayer, Form({"epsilon": _NUMBER, "seed": _SEED}, "epsilon")),
]
_NOT_WRITTEN = {"name", "dtype", "trainable", "num_threads", "codec"}
"""Arguments that change no pixel."""


def _form(name: str) -> Form:
    """Return what may be written behind a name in any of its rows."""
    rows = [row for row in _TABLE if row.name == name]
    keys: dict[str, tuple[type, ...]] = {}
    for row in rows:
        for key, kinds in row.form.keys.items():
            keys[key] = tuple(dict.fromkeys((*keys.get(key, ()), *kinds)))
    return Form(keys, rows[0].form.first)


_FORMS = {name: _form(name) for name in dict.fromkeys(row.name for row in _TABLE)} | {NO_DEFENCE: Form({})}


def parse_defence(text: str) -> list[ImageLayer]:
    """Return new layers, in the order that the image meets them, for pixels in [0, 255].

    Args:
        text: ``"none"``, or layers joined by ``+``:

            * ``webp[:QUALITY][,method=M][,lossless=true]``, ``webp:LOW-HIGH`` (a random quality for each image);
            * ``flip[:horizontal|vertical|both]``, ``flip:random`` (each image with probability 1/2);
            * ``jpeg[:QUALITY]``, ``bits[:BITS]``;
            * ``median[:SIZE]``, ``gaussian[:SIGMA]``, ``nlm[:STRENGTH][,patch=P][,search=S]``;
            * ``tv[:WEIGHT][,drop=P][,iterations=N]``, ``resizepad[:FRACTION]``;
            * ``deflection[:PIXELS][,window=W][,sigma=S]``, ``crops[:COPIES][,fraction=F]``;
            * ``shift[:COLUMNS][,rows=R]``, ``noise[:EPSILON]``.

            Those that draw take ``seed=N``, those whose own gradient is not the only sensible one
            ``gradient=exact|straight_through``. What is left out is the layer's default.

    Raises:
        TypeError: `text` is not a string.
        ValueError: A name is unknown, an argument is out of its range, or two layers would draw the same numbers.
    """
    parts = text.split("+") if isinstance(text, str) else [text]
    if len(parts) == 1 and parse_spec(text, "defence", _FORMS)[0] == NO_DEFENCE:
        return []
    layers = [_make_layer(part, text) for part in parts]
    _check_seeds(layers, text)
    return layers


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
    rows = [row for row in _TABLE if row.name == name]
    row = next((row for row in rows if row.fits(arguments)), None)
    if row is None:
        kinds = " or ".join(f"with {', '.join(row.form.keys)} ({row.layer.__name__})" for row in rows)
        raise ValueError(f"{part.strip()!r} mixes what does not go together: {name} is written {kinds}")
    try:
        return row.make(arguments)
    except ValueError as error:
        raise ValueError(f"{part.strip()!r}: {error}") from error


def _check_seeds(layers: Sequence[ImageLayer], text: str) -> None:
    seen = set()
    for layer in layers:
        if isinstance(layer, RandomisedLayer):
            drawn = (type(layer), layer.seed or 0)
            if drawn in seen:
                raise ValueError(f"Two layers would draw the same; give each its own seed=N. Received: {text!r}")
            seen.add(drawn)


def _layer_spec(layer: Any) -> str:
    row = next((row for row in _TABLE if type(layer) is row.layer), None)
    if row is None:
        raise ValueError(f"No defence is written for this layer. Received: {layer!r}")
    config, default = layer.get_config(), row.layer().get_config()
    for key in config.keys() - row.form.keys - _NOT_WRITTEN:
        if config[key] != default[key]:
            raise ValueError(f"No defence is written with this {key!r}. Received: {key}={config[key]!r}")
    written = [row.word] if row.word else []
    for key in row.form.keys:
        if key not in config or (config[key] == default[key] and not (row.full and key == row.form.first)):
            continue
        value = format_value(getattr(layer, key))  # its configuration holds a list where the layer has a range
        written.append(value if key == row.form.first else f"{key}={value}")
    return row.name + (":" + ",".join(written) if written else "")
