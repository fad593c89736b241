"""The names of a run's classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def describe_classes(class_names: Sequence[str | None], most: int = 20) -> str:
    """Return on one line which label is which class: ``"0 cat, 1 dog"``; without those that nobody named."""
    named = [f"{index} {name}" for index, name in enumerate(class_names) if name is not None]
    more = len(named) - most
    return ", ".join(named[:most]) + (f", and {more} more" if more > 0 else "")


def read_class_names(run: dict[str, Any]) -> list[str | None]:
    """Return the names of the classes that a run's record holds, by index; none where it holds none."""
    data = run.get("data")
    found = data.get("classes") if isinstance(data, dict) else None
    names = found if isinstance(found, list) else []
    return [name if isinstance(name, str) else None for name in names]
