"""``"webp:60+flip"`` and the layers that it means; what may be written of a layer is declared beside it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_type_hints

import keras

from tf_lowdef.layers.draws import RandomisedLayer
from tf_lowdef.specs import Form, Range, format_value, kinds_of, parse_spec

NO_DEFENCE = "none"
_WORD = "word"
"""The key of a word that stands first, where no layer of that name has an argument there."""
_INESSENTIAL = {"name", "dtype", "trainable"}
"""Arguments of every Keras layer, which change no pixel."""

_Layer = TypeVar("_Layer", bound=type)


@dataclass(frozen=True)
class _Row:
    """One kind of layer, and how it is written.

    Attributes:
        name: Several layers may share one, where their first arguments are of other types.
        word: What must stand first, and is no argument of the layer; None if nothing must.
        layer: Its class.
        form: What may be written of its arguments.
        defaults: Of every argument of its constructor that has one.
        hidden: Arguments that change no pixel, and are not written.
    """

    name: str
    word: str | None
    layer: type
    form: Form
    defaults: Mapping[str, Any]
    hidden: frozenset[str]

    @property
    def marked(self) -> bool:
        """Whether the name alone means another layer: this one needs its word, or its range."""
        return self.word is not None or self.form.keys.get(self.form.first or "") == (Range,)

    @property
    def usage(self) -> str:
        """What may be written."""
        first = self.form.first
        start = f":{self.word}" if self.word else f"[:{first.upper()}]" if first else ""
        start = ":LOW-HIGH" if self.marked and first else start
        return " with ".join(
            [self.name + start, *filter(None, [", ".join(key for key in self.form.keys if key != first)])]
        )

    def same_text(self, other: _Row) -> bool:
        """Return whether a text could mean either layer."""
        ours, theirs = (set(row.form.keys.get(row.form.first or "", ())) for row in (self, other))
        return (self.name, self.word) == (other.name, other.word) and (ours == theirs or not ours.isdisjoint(theirs))


_ROWS: list[_Row] = []


def grammar(name: str, *, first: str | None = None, hidden: Sequence[str] = ()) -> Callable[[_Layer], _Layer]:
    """Let a class of Keras layers be written in specifications: ``NAME[:FIRST][,KEY=VALUE ...]``.

    What may be written is read from its constructor, and from those of its base classes as far as ``**kwargs`` reach:
    every argument whose type hint, or default where there is no hint, is int, float, bool, str, None or ``Range``.

    Args:
        name: In lower case. ``"flip:random"`` is the layer that is meant where the word ``random`` stands first.
        first: The argument that a value without a key is for; None takes the constructor's first.
        hidden: Arguments that change no pixel, such as a number of threads; they are not written.

    Raises:
        ValueError: The name is no name, or a text would mean two layers.

    Example:
        >>> @keras.saving.register_keras_serializable(package="mine")
        ... @tf_lowdef.layers.grammar("darken")
        ... class DarkenLayer(tf_lowdef.layers.ImageLayer):
        ...     def __init__(self, share: float = 0.5, **kwargs): ...
    """
    bare, _, word = name.partition(":")
    if not re.fullmatch(r"[a-z]\w*(:[a-z]\w*)?", name) or bare == NO_DEFENCE:
        raise ValueError(f"`name` must be a word in lower case, or two as in 'flip:random'. Received: name={name!r}")

    def register(layer: _Layer) -> _Layer:
        parameters = dict(_parameters(layer))
        keys = {key: kinds for key, (kinds, _) in parameters.items() if kinds and key not in hidden}
        defaults = {key: default for key, (_, default) in parameters.items() if default is not inspect.Parameter.empty}
        form = Form(keys, None if word else first or next(iter(keys), None))
        row = _Row(bare, word or None, layer, form, defaults, frozenset(hidden))
        again = (layer.__module__, layer.__qualname__)  # a notebook's cell may run twice
        _ROWS[:] = [each for each in _ROWS if (each.layer.__module__, each.layer.__qualname__) != again]
        taken = next((each for each in _ROWS if row.same_text(each)), None)
        if taken is not None:
            raise ValueError(f"{name!r} means {taken.layer.__name__} already. Received: {layer.__name__}")
        _ROWS.append(row)
        return layer

    return register


def _parameters(layer: type) -> Iterator[tuple[str, tuple[tuple[type, ...], Any]]]:
    """Yield each argument of a constructor, with the types it may be written in and its default."""
    seen: set[str] = set()
    for each in layer.__mro__[: layer.__mro__.index(keras.layers.Layer)]:
        if "__init__" not in vars(each):
            continue
        try:
            hints = get_type_hints(each.__init__)  # type: ignore[misc]
        except NameError:  # of what is imported for type checkers alone
            hints = {}
        signature = list(inspect.signature(each.__init__).parameters.values())[1:]  # type: ignore[misc]
        for one in signature:
            if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or one.name in seen | _INESSENTIAL:
                continue
            seen.add(one.name)
            kinds = kinds_of(hints[one.name] if one.name in hints else type(one.default))
            # A whole number is a float too (PEP 484), and stays whole.
            yield one.name, (((int,) if float in kinds and int not in kinds else ()) + kinds, one.default)
        if not any(one.kind is one.VAR_KEYWORD for one in signature):
            return


def _rows(name: str) -> list[_Row]:
    return sorted((row for row in _ROWS if row.name == name), key=lambda row: row.marked)


def _forms() -> dict[str, Form]:
    """Return what may be written behind each name, by any layer of that name."""
    forms = {}
    for name in sorted({row.name for row in _ROWS}):
        keys: dict[str, tuple[type, ...]] = {}
        for row in _rows(name):
            word = {_first(name): (str,)} if row.word else {}
            for key, kinds in [*row.form.keys.items(), *word.items()]:
                keys[key] = tuple(dict.fromkeys((*keys.get(key, ()), *kinds)))
        forms[name] = Form(keys, _first(name) or None)
    return forms | {NO_DEFENCE: Form({})}


def _first(name: str) -> str:
    """Return the key of the value that stands first behind a name; none is empty."""
    row = _rows(name)[0]
    return _WORD if row.word else row.form.first or ""


def grammar_lines() -> list[str]:
    """Return what may be written, a line a kind of layer: ``"median[:SIZE] with gradient"``."""
    return sorted(row.usage for row in _ROWS)


def parse_defence(text: str) -> list[Any]:
    """Return new layers, in the order that the image meets them, for pixels in [0, 255].

    Args:
        text: ``"none"``, or layers joined by ``+``, such as ``"webp:60+flip"``, ``"webp:40-80"`` (a random quality for
            each image), ``"flip:random"`` or ``"tv:3.8,iterations=50"``. :func:`grammar_lines` lists all; what is left
            out is the layer's default.

    Raises:
        TypeError: `text` is not a string.
        ValueError: A name is unknown, an argument is out of its range, or two layers would draw the same numbers.
    """
    parts = text.split("+") if isinstance(text, str) else [text]
    if len(parts) == 1 and parse_spec(text, "defence", _forms())[0] == NO_DEFENCE:
        return []
    layers = [_make_layer(part, text) for part in parts]
    check_draws(layers)
    return layers


def defence_spec(layers: Sequence[Any]) -> str:
    """Return the text that :func:`parse_defence` makes the same layers of; ``"none"`` for no layers.

    Raises:
        ValueError: A layer has no grammar, or an argument that cannot be written.
    """
    return "+".join(_layer_spec(layer) for layer in layers) or NO_DEFENCE


def layer_kind(layer: Any) -> str:
    """Return what a layer is called: by its grammar, or by its class."""
    row = _row_of(layer)
    return type(layer).__name__ if row is None else row.name


def check_draws(layers: Sequence[Any]) -> None:
    """Raise ValueError where two layers would draw the same numbers."""
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


def _row_of(layer: Any) -> _Row | None:
    return next((row for row in _ROWS if row.layer is type(layer)), None)


def _choose(name: str, arguments: Mapping[str, Any]) -> tuple[_Row | None, dict[str, Any]]:
    """Return the kind of layer that the arguments fit, and those of them that are the layer's."""
    first = _first(name)
    for row in reversed(_rows(name)):
        own = {key: value for key, value in arguments.items() if not row.word or key != first}
        marked = first in arguments and row.word in (None, arguments[first])
        if all(isinstance(value, row.form.keys.get(key, ())) for key, value in own.items()) and marked >= row.marked:
            return row, own
    return None, {}


def _make_layer(part: str, text: str) -> Any:
    name, arguments = parse_spec(part, "defence", _forms())
    if name == NO_DEFENCE:
        raise ValueError(f"{NO_DEFENCE!r} stands alone, without +. Received: {text!r}")
    row, own = _choose(name, arguments)
    if row is None:
        kinds = " or as ".join(f"{row.usage} ({row.layer.__name__})" for row in _rows(name))
        raise ValueError(f"{part.strip()!r} mixes what does not go together: {name} is written as {kinds}")
    try:
        return row.layer(**own)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{part.strip()!r}: {error}") from error


def _layer_spec(layer: Any) -> str:
    row = _row_of(layer)
    if row is None:
        raise ValueError(f"No defence is written for this layer. Received: {layer!r}")
    values = {key: getattr(layer, key, value) for key, value in layer.get_config().items()}  # a range is a list there
    changed = {key: value for key, value in values.items() if key not in row.defaults or value != row.defaults[key]}
    for key in changed.keys() - row.form.keys - row.hidden - _INESSENTIAL:
        raise ValueError(f"No defence is written with this {key!r}. Received: {key}={changed[key]!r}")
    first = row.form.first
    own = {  # a number that stands first is always written
        key: values[key]
        for key in row.form.keys
        if key in changed or (key == first and not isinstance(values[key], str))
    }
    words = [row.word or "", *((f"{key}=" if key != first else "") + format_value(value) for key, value in own.items())]
    spec = ":".join(filter(None, [row.name, ",".join(filter(None, words))]))
    if _choose(*parse_spec(spec, "defence", _forms())) != (row, own):  # such as a word in capitals
        raise ValueError(f"No defence is written with these arguments. Received: {own}")
    return spec
