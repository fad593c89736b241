"""The order of a model's classes, from a file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def read_class_names(path: Path) -> tuple[str, ...]:
    """Return the names of the classes in the order of the model's outputs.

    Args:
        path: A text file with one name a line, the first that of class 0; or a ``.json`` file with a list of names, or
            with an object from names to indices, such as Keras' ``class_indices``, or from indices to names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file of class names") from error
    except (UnicodeDecodeError, OSError) as error:
        raise ValueError(f"{path}: is no text file of class names: {error}") from error
    names = _from_json(path, text) if path.suffix.lower() == ".json" else [line.strip() for line in text.splitlines()]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise ValueError(f"{path}: holds no class names")
    for index, name in enumerate(names):
        if not name:
            raise ValueError(f"{path}: class {index} has no name; expected one name a line")
    return tuple(names)


def class_index(name: str, names: Sequence[str]) -> int:
    """Return which class a name means.

    Raises:
        ValueError: It is no class, or several are called so, as two of ImageNet's are called crane.
    """
    found = [index for index, each in enumerate(names) if each == name]
    if len(found) != 1:
        are = f"stands there twice, as class {found[0]} and class {found[1]}" if found else "is not there"
        raise ValueError(
            f"the file of class names ({', '.join(names[:10])} ...) does not say which {name!r} is: it {are}"
        )
    return found[0]


def _from_json(path: Path, text: str) -> list[str]:
    wrong = f"{path}: expected a JSON list of names, or an object of names and indices from 0 on"
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{path}: is no JSON: {error}") from error
    if isinstance(found, dict):
        pairs = list(found.items())
        if all(isinstance(value, str) and str(key).isdecimal() for key, value in pairs):
            pairs = [(value, int(key)) for key, value in pairs]
        if not all(isinstance(index, int) for _, index in pairs) or {i for _, i in pairs} != set(range(len(pairs))):
            raise ValueError(wrong)
        found = [name for name, _ in sorted(pairs, key=lambda pair: pair[1])]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise ValueError(wrong)
    return [name.strip() for name in found]
