"""Entries of ``results.json``, each checked: a value that nothing after it will stumble on, or a reason why not.

What may stand in an entry is read off the fields of its class, so that a new one needs nothing here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import cache
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from tf_lowdef.results.comparison import Comparison
from tf_lowdef.results.names import CLEAN
from tf_lowdef.results.row import PER_IMAGE, Row

SETTING_NUMBERS = ("epsilon", "steps", "step_size", "restarts", "doubling_takes")
"""The values of a setting that reports format as numbers."""

ROUNDING = 1e-6
"""By how much ``top1`` may differ from ``correct / n``."""

RUN_PARTS = ("versions", "machine", "model", "data", "arguments")

Note = Callable[[str], None]
"""Is told what is wrong with a run's files, where the rest can be used."""


def as_run(value: Any, note: Note) -> dict[str, Any]:
    """Return what was run, every part of it of the right type; notes each that is not there."""
    if not isinstance(value, dict):
        note("results.json: what was run is not recorded.")
        value = {}
    run = dict(value)
    missing = [part for part in RUN_PARTS if not isinstance(run.get(part), dict)]
    run |= {part: {} for part in missing}
    run["warnings"] = [str(each) for each in _list(run.get("warnings"))]
    skipped = [each for each in _list(run.get("skipped")) if isinstance(each, dict)]
    run["skipped"] = [{"image": str(each.get("image")), "reason": str(each.get("reason"))} for each in skipped]
    if not isinstance(run.get("command"), str):
        run["command"] = None
    if missing and value:
        note(f"results.json: of what was run {', '.join(missing)} is not recorded.")
    return run


def as_row(value: Any, note: Note) -> Row:
    """Return a row; notes what is strange in it.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    entry = _entry(value)
    row = Row(**_values(Row, entry))
    n, correct, top1 = row.n, row.correct, row.top1
    if n < 0 or not 0 <= correct <= n or not 0 <= top1 <= 1:
        raise ValueError(f"impossible numbers: n={n:g}, correct={correct:g}, top1={top1:g}")
    _check_interval(row.ci95, 0.0, 1.0)
    if n and abs(top1 - correct / n) > ROUNDING:
        note(f"results.json: {row.name}: top1 is {top1:g}, but correct / n is {correct / n:g}.")
    if unknown := sorted(str(key) for key in set(entry) - set(row.as_dict())):
        note(f"results.json: {row.name}: not known here and not shown: {', '.join(unknown)}.")
    return row


def as_comparison(value: Any, note: Note) -> Comparison:
    """Return a comparison.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    del note
    found = Comparison(**_values(Comparison, _entry(value)))
    _check_interval((found.difference, found.difference), -1.0, 1.0)
    _check_interval(found.ci95, -1.0, 1.0)
    return found


def _entry(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"it is no object but {type(value).__name__}")
    # Up to version 0.1.0 the entries of clean images named a threat.
    return {**value, "threat": None} if value.get("attack") == CLEAN else value


def _values(kind: type, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a class that an entry holds; one that is missing or null keeps its default."""
    found = {}
    for each in dataclasses.fields(kind):
        value, (expected, optional) = entry.get(each.name), _types(kind)[each.name]
        if each.name == PER_IMAGE:
            continue
        if value is not None:
            found[each.name] = _read(each.name, value, expected)
        elif each.default is each.default_factory is dataclasses.MISSING:
            if not optional:
                raise ValueError(f"{each.name} is missing")
            found[each.name] = None
    return found


@cache
def _types(kind: type) -> dict[str, tuple[Any, bool]]:
    """Return the type of each field, and whether it may be None."""
    found = {}
    for name, hint in get_type_hints(kind).items():
        members = [each for each in get_args(hint) if each is not NoneType]
        optional = NoneType in get_args(hint)
        found[name] = (members[0] if optional else hint, optional)
    return found


def _read(name: str, value: Any, expected: Any) -> Any:
    """Return a value of a JSON file as a field's type.

    Raises:
        ValueError: It is of another one.
    """
    if get_origin(expected) is tuple:
        kinds = get_args(expected)
        if not isinstance(value, list) or len(value) != len(kinds) or None in value:
            raise ValueError(f"{name} is no pair of numbers: {value!r}")
        return tuple(_read(name, each, kind) for each, kind in zip(value, kinds, strict=True))
    if get_origin(expected) is dict:
        if not isinstance(value, dict):
            raise ValueError(f"{name} is no object: {value!r}")
        numbers = {each: value[each] for each in SETTING_NUMBERS if value.get(each) is not None}
        return value | {each: _read(each, number, float) for each, number in numbers.items()}
    if expected is bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} is neither true nor false: {value!r}")
        return value
    if issubclass(expected, str):
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name} is no text: {value!r}")
        return value
    if value == "inf" and expected is float:  # JSON has no infinity
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is no number: {value!r}")
    if expected is int and value != int(value):
        raise ValueError(f"{name} is no whole number: {value!r}")
    return int(value) if expected is int else value


def _check_interval(ends: tuple[float, float], least: float, greatest: float) -> None:
    if not least - ROUNDING <= ends[0] <= ends[1] <= greatest + ROUNDING:
        raise ValueError(f"impossible numbers: {ends[0]:g} to {ends[1]:g}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
