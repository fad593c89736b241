"""Entries of ``results.json``, each checked: a value that nothing after it will stumble on, or a reason why not."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from tf_lowdef.results.results import Comparison, Row

TEXTS = ("threat", "attack", "defence")
COUNTS = ("attacked", "left_out", "zero_gradient")
MEASURES = ("success_rate", "l2_mean", "linf_max", "ssim_mean", "median_minimal_l2", "attack_seconds")
SETTING_NUMBERS = ("epsilon", "steps", "step_size", "restarts", "doubling_takes")
"""The values of a setting that reports format as numbers."""

ROUNDING = 1e-6
"""By how much ``top1`` may differ from ``correct / n``."""

RUN_PARTS = ("versions", "machine", "model", "data", "arguments")


def as_run(value: Any, notes: list[str]) -> dict[str, Any]:
    """Return what was run, every part of it of the right type; adds a note for each that is not there."""
    if not isinstance(value, dict):
        notes.append("results.json: what was run is not recorded.")
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
        notes.append(f"results.json: of what was run {', '.join(missing)} is not recorded.")
    return run


def as_row(value: Any, notes: list[str]) -> Row:
    """Return a row; adds a note where one of its values is dropped.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    entry = _entry(value)
    threat, attack, defence = (_text(entry, name) for name in TEXTS)
    n, correct, top1 = (_number(entry, name) for name in ("n", "correct", "top1"))
    if n is None or correct is None or top1 is None:
        raise ValueError("n, correct or top1 is missing")
    if n != int(n) or n < 0 or not 0 <= correct <= n or not 0 <= top1 <= 1:
        raise ValueError(f"impossible numbers: n={n:g}, correct={correct:g}, top1={top1:g}")
    name = f"{threat} {attack} {defence}"
    if n and abs(top1 - correct / n) > ROUNDING:
        notes.append(f"results.json: {name}: top1 is {top1:g}, but correct / n is {correct / n:g}.")
    unreliable = entry.get("unreliable")
    more: dict[str, Any] = {each: _number(entry, each) for each in MEASURES}
    counts = {each: _number(entry, each) for each in COUNTS}
    more |= {each: None if count is None else int(count) for each, count in counts.items()}
    known = {field.name for field in dataclasses.fields(Row)}
    if unknown := sorted(str(key) for key in set(entry) - known):
        notes.append(f"results.json: {name}: not known here and not shown: {', '.join(unknown)}.")
    return Row(
        threat,
        attack,
        defence,
        n=int(n),
        correct=correct,
        top1=top1,
        ci95=_interval(entry, 0.0, 1.0),
        setting=_setting(entry.get("setting")),
        resolution=_size(entry.get("resolution")),
        seconds=_number(entry, "seconds") or 0.0,
        conditional=entry.get("conditional") is True,
        unreliable=None if unreliable is None else str(unreliable),
        draws=max(1, int(_number(entry, "draws") or 1)),
        **more,
    )


def as_comparison(value: Any, notes: list[str]) -> Comparison:
    """Return a comparison.

    Raises:
        ValueError: It cannot be used; the text says why.
    """
    del notes
    entry = _entry(value)
    difference, p, p_holm = (_number(entry, name) for name in ("difference", "p", "p_holm"))
    if difference is None or p is None or p_holm is None or not -1 <= difference <= 1:
        raise ValueError("difference, p or p_holm is missing or impossible")
    names = {name: _text(entry, name) for name in ("threat", "attack", "first", "second", "method")}
    return Comparison(**names, difference=difference, ci95=_interval(entry, -1.0, 1.0), p=p, p_holm=p_holm)


def _entry(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"it is no object but {type(value).__name__}")
    return value


def _text(entry: Mapping[str, Any], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing or no text")
    return value


def _number(entry: Mapping[str, Any], name: str) -> float | None:
    """Return a number, None where there is none; infinity is written as ``"inf"``."""
    value = entry.get(name)
    if value is None:
        return None
    if value == "inf":
        return math.inf
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{name} is no number: {value!r}")
    return float(value)


def _interval(entry: Mapping[str, Any], least: float, greatest: float) -> tuple[float, float]:
    ends = entry.get("ci95")
    if not isinstance(ends, list) or len(ends) != 2:
        raise ValueError("ci95 is no pair of numbers")
    low, high = (_number({"ci95": end}, "ci95") for end in ends)
    if low is None or high is None or not least - ROUNDING <= low <= high <= greatest + ROUNDING:
        raise ValueError(f"ci95 is no interval: {ends}")
    return low, high


def _setting(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        return {}
    return value | {name: _number(value, name) for name in SETTING_NUMBERS if name in value}


def _size(value: Any) -> tuple[int, int] | None:
    if isinstance(value, list) and len(value) == 2 and all(isinstance(each, int) for each in value):
        return value[0], value[1]
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
