"""The order of a model's classes, from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tf_lowdef.data.image_data import ClassNames


def read_class_names(path: Path) -> ClassNames:
    """Return the names of the classes in the order of the model's outputs.

    Args:
        path: A text file with one name a line, the first that of class 0; or a ``.json`` file with a list of names, or
            with an object from names to indices, such as Keras' ``class_indices``, or from indices to names.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It holds something else, or a name twice.
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
        if name in names[:index]:
            raise ValueError(f"{path}: {name!r} stands there twice, as class {names.index(name)} and class {index}")
    return tuple(names)


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
