"""The grammar in which attacks and defences are written: ``NAME[:VALUE][,KEY=VALUE ...]``."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Spec:
    """One word of the grammar: ``webp:60,method=2`` has the name ``webp``, the value ``60`` and one option."""

    text: str
    name: str
    value: str | None = None
    options: dict[str, str] = field(default_factory=dict)


def parse_spec(text: str, kind: str, known: Iterable[str]) -> Spec:
    """Split one specification.

    Args:
        text: Such as ``"bim:4,steps=20"`` or ``"deepfool:survive_rounding=false"``.
        kind: What it names, for the error's text: ``"attack"`` or ``"defence"``.
        known: The names that there are.

    Raises:
        ValueError: The name is unknown, or the text does not follow the grammar.
    """
    name, _, rest = text.strip().partition(":")
    if name not in set(known):
        raise ValueError(unknown_name(kind, name, known))
    parts = [part.strip() for part in rest.split(",")] if rest else []
    value = parts.pop(0) if parts and "=" not in parts[0] else None
    options: dict[str, str] = {}
    for part in parts:
        key, equals, option = part.partition("=")
        if not (key and equals and option) or key in options:
            raise ValueError(f"{kind} {text!r}: expected NAME[:VALUE][,KEY=VALUE ...]. Received: {part!r}")
        options[key] = option
    return Spec(text.strip(), name, value, options)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> str:
    """Return the text of the error for an unknown name: what was meant, perhaps, and what there is."""
    names = sorted(known)
    close = difflib.get_close_matches(name.lower(), [each.lower() for each in names], n=1)
    hint = next((f" Did you mean {each!r}?" for each in names if close and each.lower() == close[0]), "")
    return f"Unknown {kind} {name!r}.{hint} There are: {', '.join(names)}"


def parse_number(spec: Spec, text: str, what: str) -> float:
    """Return `text` as an int where it is one, else as a float; ValueError names the specification."""
    try:
        number = float(text)
    except ValueError:
        raise ValueError(f"{spec.text!r}: {what} must be a number. Received: {text!r}") from None
    return int(number) if number.is_integer() else number


def parse_flag(spec: Spec, text: str, what: str) -> bool:
    """Return `text` as a truth value; ValueError names the specification."""
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{spec.text!r}: {what} must be true or false. Received: {text!r}")
    return text.lower() == "true"
