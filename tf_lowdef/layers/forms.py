"""What may be written of each layer in a specification; it is declared beside the layer."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, TypeVar, get_type_hints

import keras

from tf_lowdef.specs import Form, Range, kinds_of

NO_DEFENCE = "none"
INESSENTIAL = {"name", "dtype", "trainable"}
"""Arguments of every Keras layer, which change no pixel."""
WORD = "word"
"""The key of a word that stands first, where no layer of that name has an argument there."""

_Layer = TypeVar("_Layer", bound=type)


@dataclass(frozen=True)
class GrammarRow:
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

    def same_text(self, other: GrammarRow) -> bool:
        """Return whether a text could mean either layer."""
        ours, theirs = (set(row.form.keys.get(row.form.first or "", ())) for row in (self, other))
        return (self.name, self.word) == (other.name, other.word) and (ours == theirs or not ours.isdisjoint(theirs))


_ROWS: list[GrammarRow] = []


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
        >>> import keras
        >>> from tf_lowdef.layers import FloatLayer, grammar, parse_defence
        >>> @keras.saving.register_keras_serializable(package="mine")
        ... @grammar("darken")
        ... class DarkenLayer(FloatLayer):
        ...     def __init__(self, share: float = 0.5, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.share = share
        ...     def transform(self, images):
        ...         return images * self.share
        ...     def get_config(self):
        ...         return {**super().get_config(), "share": self.share}
        >>> parse_defence("darken:0.25+flip")[0].share
        0.25
    """
    bare, _, word = name.partition(":")
    if not re.fullmatch(r"[a-z][a-z0-9_]*(:[a-z][a-z0-9_]*)?", name) or bare == NO_DEFENCE:
        raise ValueError(f"`name` must be a word in lower case, or two as in 'flip:random'. Received: name={name!r}")

    def register(layer: _Layer) -> _Layer:
        parameters = dict(_parameters(layer))
        keys = {key: kinds for key, (kinds, _) in parameters.items() if kinds and key not in hidden}
        defaults = {key: default for key, (_, default) in parameters.items() if default is not inspect.Parameter.empty}
        form = Form(keys, None if word else first or next(iter(keys), None))
        row = GrammarRow(bare, word or None, layer, form, defaults, frozenset(hidden))
        again = (layer.__module__, layer.__qualname__)  # a notebook's cell may run twice
        others = [each for each in _ROWS if (each.layer.__module__, each.layer.__qualname__) != again]
        taken = next((each for each in others if row.same_text(each)), None)
        if taken is not None:
            raise ValueError(f"{name!r} means {taken.layer.__name__} already. Received: {layer.__name__}")
        _ROWS[:] = [*others, row]
        return layer

    return register


def _parameters(layer: type) -> Iterator[tuple[str, tuple[tuple[type, ...], Any]]]:
    """Yield each argument of a constructor, with the types it may be written in and its default."""
    seen: set[str] = set()
    for each in layer.__mro__[: layer.__mro__.index(keras.layers.Layer)]:
        if "__init__" not in vars(each):
            continue
        signature = list(inspect.signature(each.__init__).parameters.values())[1:]  # type: ignore[misc]
        for one in signature:
            if one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) or one.name in seen | INESSENTIAL:
                continue
            seen.add(one.name)
            kinds = kinds_of(_hint(one, each))
            # A whole number is a float too (PEP 484), and stays whole.
            yield one.name, (((int,) if float in kinds and int not in kinds else ()) + kinds, one.default)
        if not any(one.kind is one.VAR_KEYWORD for one in signature):
            return


def _hint(one: inspect.Parameter, layer: type) -> Any:
    """Return the type hint of an argument; the type of its default where it has none."""
    hint = None if one.annotation is one.empty else one.annotation
    if isinstance(hint, str):
        try:
            named = SimpleNamespace(__annotations__={one.name: hint})
            hint = get_type_hints(named, vars(sys.modules[layer.__module__]))[one.name]
        except Exception:  # of what is imported for type checkers alone
            hint = None
    return type(one.default) if hint is None else hint


def rows_of(name: str) -> list[GrammarRow]:
    """Return the layers of one name, those last that need a word or a range."""
    return sorted((row for row in _ROWS if row.name == name), key=lambda row: row.marked)


def forms() -> dict[str, Form]:
    """Return what may be written behind each name, by any layer of that name."""
    forms = {}
    for name in sorted({row.name for row in _ROWS}):
        keys: dict[str, tuple[type, ...]] = {}
        for row in rows_of(name):
            word = {first_of(name): (str,)} if row.word else {}
            for key, kinds in [*row.form.keys.items(), *word.items()]:
                keys[key] = tuple(dict.fromkeys((*keys.get(key, ()), *kinds)))
        forms[name] = Form(keys, first_of(name) or None)
    return forms | {NO_DEFENCE: Form({})}


def first_of(name: str) -> str:
    """Return the key of the value that stands first behind a name; none is empty."""
    row = rows_of(name)[0]
    return WORD if row.word else row.form.first or ""


def grammar_lines() -> list[str]:
    """Return what may be written, a line a kind of layer: ``"median[:SIZE] with gradient"``.

    Example:
        >>> from tf_lowdef.layers import grammar_lines
        >>> [line for line in grammar_lines() if line.startswith("median")]
        ['median[:SIZE] with gradient']
    """
    return sorted(row.usage for row in _ROWS)


def row_of(layer: Any) -> GrammarRow | None:
    """Return how a layer is written, None if it has no grammar."""
    return next((row for row in _ROWS if row.layer is type(layer)), None)


def choose(name: str, arguments: Mapping[str, Any]) -> tuple[GrammarRow | None, dict[str, Any]]:
    """Return the kind of layer that the arguments fit, and those of them that are the layer's."""
    first = first_of(name)
    for row in reversed(rows_of(name)):
        own = {key: value for key, value in arguments.items() if not row.word or key != first}
        marked = first in arguments and row.word in (None, arguments[first])
        if all(isinstance(value, row.form.keys.get(key, ())) for key, value in own.items()) and marked >= row.marked:
            return row, own
    return None, {}
