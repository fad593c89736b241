"""The grammar in which attacks and defences are written: ``NAME[:VALUE][,KEY=VALUE ...]``."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

_WORDS = {"true": True, "false": False}


class Range(NamedTuple):
    """Whole numbers from `low` to `high`, both included, written ``40-80``."""

    low: int
    high: int


@dataclass(frozen=True)
class Form:
    """What may stand behind one name.

    Attributes:
        keys: Each key with the types that its value may have: int, float, bool, str, Range, NoneType.
        first: The key that a value without one is for, where it stands first; None if there is none.
        words: Words that may stand before everything else, with a colon behind them, and the key of each: ``l2:0.5``.
    """

    keys: Mapping[str, tuple[type, ...]]
    first: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)


GATE = "gate"
"""The name of a gate: ``gate(webp:60+flip)``, with its rule ``gate:0.02(webp:60+flip)``."""

GATE_FORM = Form(
    {"false_positive_rate": (int, float), "max_clean_drop": (int, float), "arbitrate": (bool,)}, "false_positive_rate"
)


class GateText(NamedTuple):
    """A gate as it is written.

    Attributes:
        values: Of its rule, and `arbitrate`, by key.
        squeezers: The texts of its defences; the first one answers.
    """

    values: dict[str, Any]
    squeezers: list[str]


def split_gate(text: str) -> GateText | None:
    """Return what ``gate[:RULE](DEFENCE[;SQUEEZER ...])`` says; None where a text is no gate.

    Raises:
        ValueError: It begins as one, or holds one, and is not written so.
    """
    bare = "".join(text.split()).lower()
    if not re.search(rf"\b{GATE}(?=[:(]|$)", bare):
        return None
    found = re.fullmatch(rf"({GATE}(?::[^()]*)?)\((.+)\)", bare)
    squeezers = found[2].split(";") if found else []
    if not found or not all(squeezers) or re.search(r"[()]", found[2]):
        raise ValueError(
            "A gate is written gate(DEFENCE), gate(DEFENCE;SQUEEZER;...) or, with the share of clean images that it "
            f"may suspect, gate:0.05(DEFENCE), around a whole defence such as webp:60+flip. Received: {text!r}"
        )
    return GateText(parse_spec(found[1], "defence", {GATE: GATE_FORM})[1], squeezers)


def kinds_of(hint: Any) -> tuple[type, ...]:
    """Return those types of a type hint that a value may be written in."""
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return tuple(kind for kind in kinds if kind in (int, float, bool, str, Range, NoneType))


def parameters(kind: Any) -> list[Field[Any]]:
    """Return the fields of a dataclass in the order in which it takes them, those by keyword alone last."""
    found = fields(kind)
    return [field for field in found if not field.kw_only] + [field for field in found if field.kw_only]


def field_kinds(kind: Any) -> dict[str, tuple[type, ...]]:
    """Return what the parameters of a dataclass may be written as, by name, in that order."""
    hints = get_type_hints(kind)
    return {field.name: kinds_of(hints[field.name]) for field in parameters(kind)}


def make_from(text: str, kind: str, classes: Mapping[str, Any], form: Callable[[Any], Form]) -> Any:
    """Return an object of the class that a specification names.

    Args:
        text: The specification.
        kind: What it names, as for `parse_spec`.
        classes: By name.
        form: From a class to what may be written behind its name.

    Raises:
        TypeError: `text` is not a string.
        ValueError: The name, a key or a value is wrong; the message lists what exists.
    """
    name, values = parse_spec(text, kind, {name: form(each) for name, each in classes.items()})
    try:
        return classes[name](**values)
    except ValueError as error:
        raise ValueError(f"{error} in {text!r}") from error


def parse_spec(text: str, kind: str, forms: Mapping[str, Form]) -> tuple[str, dict[str, Any]]:
    """Return the name in a specification, and its values by key.

    Args:
        text: Such as ``"bim:4,steps=20"``, ``"deepfool:survive_rounding=false"``; case and blanks do not matter.
        kind: What it names, for the errors' text: ``"attack"`` or ``"defence"``.
        forms: The names that there are.

    Raises:
        TypeError: `text` is not a string.
        ValueError: The name, a key or a value is wrong; the message lists what exists.
    """
    if not isinstance(text, str):
        raise TypeError(f"The {kind} must be a string, such as {next(iter(forms))!r}. Received: {text!r}")
    name, *rest = re.split(r"[:,]", "".join(text.split()).lower(), maxsplit=1)
    if name not in forms:
        raise ValueError(f"Unknown {kind} {name!r}.{_instead(name, forms)} Received: {text!r}")
    form = forms[name]
    values: dict[str, Any] = {}
    arguments = rest[0].split(",") if rest else []
    word, colon, behind = arguments[0].partition(":") if rest else ("", "", "")
    if word in form.words:
        values[form.words[word]] = word
        arguments = [behind, *arguments[1:]] if colon else arguments[1:]
    for position, argument in enumerate(arguments):
        key, equals, value = argument.partition("=")
        if not equals:
            if position or form.first is None:
                raise ValueError(_not_a_pair(kind, name, form, argument, text))
            key, value = form.first, argument
        if key in values:
            raise ValueError(f"{key!r} is given twice. Received: {text!r}")
        if key not in form.keys:
            raise ValueError(f"The {kind} {name!r} has no {key!r}.{_instead(key, form.keys)} Received: {text!r}")
        values[key] = _read(value, form.keys[key], f"{key!r} of {name!r}", text)
    return name, values


def format_value(value: object) -> str:
    """Return a value as a specification spells it: 4 for 4.0, 40-80 for a range, lower case for words."""
    if isinstance(value, Range):
        return f"{value.low}-{value.high}"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).lower()


def _read(value: str, kinds: tuple[type, ...], what: str, text: str) -> Any:
    if type(None) in kinds and value == "none":
        return None
    if bool in kinds and value in _WORDS:
        return _WORDS[value]
    if Range in kinds and (ends := re.fullmatch(r"(\d+)-(\d+)", value)):
        return Range(int(ends[1]), int(ends[2]))
    for kind in (int, float):
        if kind in kinds:
            try:
                number = kind(value)
            except ValueError:
                continue
            if math.isfinite(number):
                return number
    if str in kinds and value:
        return value
    wanted = " or ".join("none" if kind is type(None) else kind.__name__.lower() for kind in kinds)
    raise ValueError(f"{what} must be {wanted}, not {value!r}. Received: {text!r}")


def _not_a_pair(kind: str, name: str, form: Form, argument: str, text: str) -> str:
    first = f"{form.first} first, then " if form.first else ""
    return (
        f"The {kind} {name!r} takes {first}key=value with {', '.join(form.keys)}; not {argument!r}. Received: {text!r}"
    )


def _instead(wrong: str, known: Iterable[str]) -> str:
    """Say what exists, the nearest name first."""
    names = list(known)
    close = difflib.get_close_matches(wrong, names, n=1)
    return (f" Did you mean {close[0]!r}?" if close else "") + f" There are: {', '.join(names)}."
