"""Entries of a run's JSON files, each checked: a value that nothing after it will stumble on, or a reason why not.

What may stand in an entry is read off the fields of its class, so that a new one needs nothing here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from tf_lowdef.results.certificate import Certificate
from tf_lowdef.results.comparison import Comparison
from tf_lowdef.results.names import CLEAN
from tf_lowdef.results.row import PER_IMAGE, Row

SETTING_NUMBERS = ("epsilon", "steps", "step_size", "restarts", "doubling_takes", "another_takes")
"""The values of a setting that reports format as numbers."""

ROUNDING = 1e-6
"""By how much ``top1`` may differ from ``correct / n``."""

RUN_PARTS = ("versions", "machine", "model", "data", "arguments")

LARGEST = 2**53
"""The greatest whole number that is read: up to it a float holds each (IEEE 754)."""

T = TypeVar("T")

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
    row = read_as(Row, _without_threat(value))
    if not row.name.isprintable():
        raise ValueError(f"its names hold characters that cannot be shown: {row.name!r}")
    n, correct, top1 = row.n, row.correct, row.top1
    if n < 0 or not 0 <= correct <= n or not 0 <= top1 <= 1:
        raise ValueError(f"impossible numbers: n={n:g}, correct={correct:g}, top1={top1:g}")
    _check_interval(row.ci95, 0.0, 1.0)
    if n and abs(top1 - correct / n) > ROUNDING:
        note(f"results.json: {row.name}: top1 is {top1:g}, but correct / n is {correct / n:g}.")
    if unknown := sorted(str(key) for key in set(value) - set(row.as_dict())):
        note(f"results.json: {row.name}: not known here and not shown: {', '.join(unknown)}.")
    return row


def as_comparison(value: Any, note: Note) -> Comparison:
    """Return a comparison.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    del note
    found = read_as(Comparison, _without_threat(value))
    _check_interval((found.difference, found.difference), -1.0, 1.0)
    _check_interval(found.ci95, -1.0, 1.0)
    return found


def as_certificate(value: Any, note: Note) -> Certificate:
    """Return what a smoothed classifier is certified for.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    del note
    found = read_as(Certificate, value)
    if not found.name.isprintable():
        raise ValueError(f"its name holds characters that cannot be shown: {found.name!r}")
    for point in found.points:
        _check_interval(point.ci95, 0.0, 1.0)
        if not point.ci95[0] - ROUNDING <= point.share <= point.ci95[1] + ROUNDING:
            raise ValueError(f"impossible numbers: {point.share:g} outside of its interval")
    return found


def read_as(kind: type[T], value: Any, **known: Any) -> T:
    """Return an object of a dataclass; a field that is missing or null keeps its default.

    Args:
        kind: The dataclass.
        value: What a JSON file holds of it.
        **known: Fields that do not come from there.

    Raises:
        ValueError: A field without a default is missing, or one has another type.
    """
    if not isinstance(value, dict):
        raise ValueError(f"it is no object but {type(value).__name__}")
    found = dict(known)
    for name, (expected, optional, default) in _fields(kind).items():  # type: ignore[arg-type] # a class is hashable
        if name in known:
            continue
        if value.get(name) is not None:
            found[name] = _read(name, value[name], expected)
        elif not default:
            if not optional:
                raise ValueError(f"{name} is missing")
            found[name] = None
    return kind(**found)


@cache
def _fields(kind: Any) -> dict[str, tuple[Any, bool, bool]]:
    """Return of each field its type, whether it may be None, and whether it has a default."""
    found, hints = {}, get_type_hints(kind)
    for each in dataclasses.fields(kind):
        members = get_args(hints[each.name])
        optional = NoneType in members
        default = each.default is not dataclasses.MISSING or each.default_factory is not dataclasses.MISSING
        if each.name != PER_IMAGE:
            found[each.name] = (members[0] if optional else hints[each.name], optional, default)
    return found


def _read(name: str, value: Any, expected: Any) -> Any:
    """Return a value of a JSON file as a field's type.

    Raises:
        ValueError: It is of another one.
    """
    origin, parts = get_origin(expected) or expected, get_args(expected)
    if dataclasses.is_dataclass(origin):
        return read_as(expected, value)
    if origin is Sequence and isinstance(value, list):
        return tuple(_read(name, each, parts[0]) for each in value)
    if origin is tuple and isinstance(value, list) and len(value) == len(parts):
        return tuple(_read(name, each, kind) for each, kind in zip(value, parts, strict=True))
    if origin is dict and isinstance(value, dict):
        numbers = {each: value[each] for each in SETTING_NUMBERS if value.get(each) is not None}
        return value | {each: _read(each, number, float) for each, number in numbers.items()}
    if origin is bool and isinstance(value, bool):
        return value
    if issubclass(origin, str) and isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) > LARGEST:
        raise ValueError(f"{name} is no number that anything here could be: {len(str(value))} digits")
    if origin is float and value == "inf":  # JSON has no infinity
        return math.inf
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        if origin is float:
            return value
        if origin is int and value == int(value):
            return int(value)
    raise ValueError(f"{name} is no {_KINDS.get(origin, 'text')}: {value!r}")


_KINDS = {
    Sequence: "list", tuple: "pair of numbers", dict: "object", bool: "truth value", int: "whole number",
    float: "number",
}  # fmt: skip


def _without_threat(value: Any) -> Any:
    """Return the entry of a row or comparison; up to version 0.1.0 those of clean images named a threat."""
    clean = isinstance(value, dict) and value.get("attack") == CLEAN
    return {**value, "threat": None} if clean else value


def _check_interval(ends: tuple[float, float], least: float, greatest: float) -> None:
    if not least - ROUNDING <= ends[0] <= ends[1] <= greatest + ROUNDING:
        raise ValueError(f"impossible numbers: {ends[0]:g} to {ends[1]:g}")


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
