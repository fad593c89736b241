"""``"webp:60+flip"`` and the layers that it means."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tf_lowdef.layers.draws import RandomisedLayer
from tf_lowdef.layers.forms import INESSENTIAL, NO_DEFENCE, choose, forms, row_of, rows_of
from tf_lowdef.specs import format_value, parse_spec


def parse_defence(text: str) -> list[Any]:
    """Return new layers, in the order that the image meets them, for pixels in [0, 255].

    Args:
        text: ``"none"``, or layers joined by ``+``, such as ``"webp:60+flip"``, ``"webp:40-80"`` (a random quality for
            each image), ``"flip:random"`` or ``"tv:3.8,iterations=50"``. :func:`grammar_lines` lists all; what is left
            out is the layer's default.

    Raises:
        TypeError: `text` is not a string.
        ValueError: A name is unknown, an argument is out of its range, or two layers would draw the same numbers.

    Example:
        >>> from tf_lowdef.layers import parse_defence
        >>> [type(layer).__name__ for layer in parse_defence("webp:60+flip")]
        ['WebPLayer', 'FlipLayer']
        >>> parse_defence("webp:40-80")[0].quality
        Range(low=40, high=80)
        >>> parse_defence("none")
        []
    """
    parts = text.split("+") if isinstance(text, str) else [text]
    if len(parts) == 1 and parse_spec(text, "defence", forms())[0] == NO_DEFENCE:
        return []
    layers = [_make_layer(part, text) for part in parts]
    check_draws(layers)
    return layers


def defence_spec(layers: Sequence[Any]) -> str:
    """Return the text that :func:`parse_defence` makes the same layers of; ``"none"`` for no layers.

    Raises:
        ValueError: A layer has no grammar, or an argument that cannot be written.

    Example:
        >>> from tf_lowdef import FlipLayer, WebPLayer
        >>> from tf_lowdef.layers import defence_spec
        >>> defence_spec([WebPLayer(60, method=0), FlipLayer()])
        'webp:60,method=0+flip'
    """
    return "+".join(_layer_spec(layer) for layer in layers) or NO_DEFENCE


def layer_kind(layer: Any) -> str:
    """Return what a layer is called: by its grammar, or by its class.

    Example:
        >>> import keras
        >>> from tf_lowdef import WebPLayer
        >>> from tf_lowdef.layers import layer_kind
        >>> layer_kind(WebPLayer(60)), layer_kind(keras.layers.GaussianNoise(1.0))
        ('webp', 'GaussianNoise')
    """
    row = row_of(layer)
    return type(layer).__name__ if row is None else row.name


def check_draws(layers: Sequence[Any]) -> None:
    """Raise ValueError where two layers would draw the same numbers.

    Example:
        >>> from tf_lowdef import NoiseLayer
        >>> from tf_lowdef.layers import check_draws
        >>> check_draws([NoiseLayer(4, seed=1), NoiseLayer(4, seed=2)])
        >>> check_draws([NoiseLayer(4), NoiseLayer(4)])
        Traceback (most recent call last):
        ValueError: Two layers would draw the same; give each its own seed=N. Received: two noise of seed 0
    """
    seen = set()
    for layer in layers:
        if isinstance(layer, RandomisedLayer):
            drawn = (type(layer), layer.seed or 0)
            if drawn in seen:
                raise ValueError(
                    "Two layers would draw the same; give each its own seed=N. "
                    f"Received: two {layer_kind(layer)} of seed {drawn[1]}"
                )
            seen.add(drawn)


def _make_layer(part: str, text: str) -> Any:
    name, arguments = parse_spec(part, "defence", forms())
    if name == NO_DEFENCE:
        raise ValueError(f"{NO_DEFENCE!r} stands alone, without +. Received: {text!r}")
    row, own = choose(name, arguments)
    if row is None:
        kinds = " or as ".join(f"{row.usage} ({row.layer.__name__})" for row in rows_of(name))
        raise ValueError(f"{part.strip()!r} mixes what does not go together: {name} is written as {kinds}")
    try:
        return row.layer(**own)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{part.strip()!r}: {error}") from error


def _layer_spec(layer: Any) -> str:
    row = row_of(layer)
    if row is None:
        raise ValueError(f"No defence is written for this layer. Received: {layer!r}")
    values = {key: getattr(layer, key, value) for key, value in layer.get_config().items()}  # a range is a list there
    changed = {key: value for key, value in values.items() if key not in row.defaults or value != row.defaults[key]}
    for key in changed.keys() - row.form.keys - row.hidden - INESSENTIAL:
        raise ValueError(f"No defence is written with this {key!r}. Received: {key}={changed[key]!r}")
    first = row.form.first
    own = {  # a number that stands first is always written
        key: values[key]
        for key in row.form.keys
        if key in changed or (key == first and not isinstance(values[key], str))
    }
    words = [row.word or "", *((f"{key}=" if key != first else "") + format_value(value) for key, value in own.items())]
    spec = ":".join(filter(None, [row.name, ",".join(filter(None, words))]))
    with suppress(ValueError):
        if choose(*parse_spec(spec, "defence", forms())) == (row, own):  # not so with a word in capitals
            return spec
    raise ValueError(f"No defence is written with these arguments. Received: {own}")
