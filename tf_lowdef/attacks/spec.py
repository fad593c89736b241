"""The grammar of attacks: NAME[:EPSILON][,key=value...], such as ``bim:4,steps=20``; one table."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any, get_args, get_type_hints

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.cleverhans_attacks import BIM, FGSM, MIM, PGD
from tf_lowdef.attacks.deepfool_attack import DeepFool

ATTACKS: dict[str, type[Attack]] = {attack.name: attack for attack in (FGSM, BIM, PGD, MIM, DeepFool)}
"""Every attack under the name that a specification gives it."""

_WORDS = {"true": True, "false": False}


def parse_attack(spec: str) -> Attack:
    """Return the attack that a specification names; `Attack.spec` is the way back.

    Args:
        spec: ``NAME[:EPSILON][,key=value...]``, with epsilon in grey levels: ``fgsm:4``, ``bim:4,steps=20``,
            ``deepfool``, ``deepfool:survive_rounding=false``.

    Raises:
        TypeError: `spec` is not a string.
        ValueError: The name, a key or a value is wrong; the message lists what exists.
    """
    if not isinstance(spec, str):
        raise TypeError(f"An attack is given as a string such as 'bim:4'. Received: {spec!r}")
    name, *arguments = re.split(r"[:,]", "".join(spec.split()).lower(), maxsplit=1)
    if name not in ATTACKS:
        raise ValueError(f"No attack is named {name!r}.{_instead(name, ATTACKS)} Received: {spec!r}")
    attack = ATTACKS[name]
    values: dict[str, Any] = {}
    for position, argument in enumerate(arguments[0].split(",") if arguments else []):
        key, equals, text = argument.partition("=")
        if not equals:
            key, text = _positional(attack, argument, position, spec), argument
        if key in values:
            raise ValueError(f"{key!r} is given twice. Received: {spec!r}")
        values[key] = _value(attack, key, text, spec)
    try:
        return attack(**values)
    except ValueError as error:
        raise ValueError(f"{error} in {spec!r}") from error


def _positional(attack: type[Attack], argument: str, position: int, spec: str) -> str:
    """Return the key of an argument without one: epsilon, where it stands first and the attack has it."""
    keys = _types(attack)
    if position == 0 and "epsilon" in keys:
        return "epsilon"
    has = "its epsilon first, then " if "epsilon" in keys else "no epsilon, but "
    raise ValueError(
        f"The attack {attack.name!r} takes {has}key=value with {', '.join(keys)}; {argument!r} is neither. "
        f"Received: {spec!r}"
    )


def _value(attack: type[Attack], key: str, text: str, spec: str) -> Any:
    """Return the value of a key, in the type of the attack's field of that name."""
    types = _types(attack)
    if key not in types:
        raise ValueError(f"The attack {attack.name!r} has no {key!r}.{_instead(key, types)} Received: {spec!r}")
    allowed = get_args(types[key]) or (types[key],)
    if type(None) in allowed and text == "none":
        return None
    if bool in allowed and text in _WORDS:
        return _WORDS[text]
    for kind in (int, float):
        if kind in allowed:
            try:
                number = kind(text)
            except ValueError:
                break
            if math.isfinite(number):
                return number
    wanted = " or ".join("none" if kind is type(None) else kind.__name__ for kind in allowed)
    raise ValueError(f"{key!r} of {attack.name!r} must be {wanted}, not {text!r}. Received: {spec!r}")


def _types(attack: type[Attack]) -> dict[str, Any]:
    """Return the attack's keys and their types, in order."""
    hints = get_type_hints(attack)
    return {field.name: hints[field.name] for field in fields(attack)}  # type: ignore[arg-type]


def _instead(wrong: str, known: Iterable[str]) -> str:
    """Say what exists, the nearest name first."""
    names = list(known)
    close = difflib.get_close_matches(wrong, names, n=1)
    return (f" Did you mean {close[0]!r}?" if close else "") + f" There are: {', '.join(names)}."
