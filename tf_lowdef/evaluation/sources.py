"""Finding labelled images on disk: a CSV, or a folder of class folders."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_lowdef.files import find_images

_WNID = re.compile(r"n\d{8}")
"""WordNet ids as ImageNet names its classes (Deng et al. 2009): ``n`` and the eight digits of the synset's offset."""

IMAGENET_CLASSES = 1000


class SourceFile(NamedTuple):
    """One image file.

    Attributes:
        name: Unique; a relative path without suffix. What its adversarial image is called.
        file: The path as the source has it, relative to the source.
        path: Where it is.
        label: Its 0-based class index; None where the source has no labels.
    """

    name: str
    file: str
    path: Path
    label: int | None


def find_labelled_files(source: Path) -> list[SourceFile]:
    """Return the labelled images of a CSV, or of a folder of class folders.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no labelled images; the text names the line or the folder.
    """
    if source.is_dir():
        found = _read_class_folders(source)
    elif source.exists():
        found = _read_csv(source)
    else:
        raise FileNotFoundError(f"{source}: no such file or folder of images")
    if not found:
        raise ValueError(f"{source}: holds no labelled images")
    return _with_unique_names(found)


def find_files(source: Path) -> list[SourceFile]:
    """Return the images of a CSV or a folder, with labels where it has them.

    A folder has labels if it holds class folders, named by index or wnid, and no images beside them.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no images.
    """
    if source.is_dir() and not _has_class_folders(source):
        found = [(path.relative_to(source).as_posix(), path, None) for path in find_images(source)]
        if not found:
            raise ValueError(f"{source}: holds no images")
        return _with_unique_names(found)
    return find_labelled_files(source)


def _has_class_folders(source: Path) -> bool:
    folders = [path.name for path in source.iterdir() if path.is_dir() and not path.name.startswith(".")]
    named = all(name.isdecimal() for name in folders) or all(_WNID.fullmatch(name) for name in folders)
    return bool(folders) and named and not find_images(source, recursive=False)


def _read_csv(source: Path) -> list[tuple[str, Path, int]]:
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = list(table.fieldnames or ())
            if not {"file", "label"} <= set(columns):
                raise ValueError(f"{source}: expected a CSV with the columns file,label. Received: {','.join(columns)}")
            rows = [(table.line_num, row["file"], row["label"]) for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source}: is not a CSV: {error}") from error
    found = []
    for line, file_name, label in rows:
        if not file_name:
            raise ValueError(f"{source}, line {line}: no file is named")
        if label is None or not label.strip().isdecimal():
            raise ValueError(f"{source}, line {line}: the label must be a 0-based class index. Received: {label!r}")
        found.append((_portable(file_name), source.parent / file_name, int(label)))
    return found


def _read_class_folders(source: Path) -> list[tuple[str, Path, int]]:
    folders = sorted(path for path in source.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not folders:
        raise ValueError(
            f"{source}: expected class folders named by index (0, 1, ...) or wnid (n01440764, ...); "
            "a folder without labels cannot be evaluated"
        )
    labels = _folder_labels(source, [folder.name for folder in folders])
    return [
        (path.relative_to(source).as_posix(), path, label)
        for folder, label in zip(folders, labels, strict=True)
        for path in find_images(folder)
    ]


def _folder_labels(source: Path, names: list[str]) -> list[int]:
    if all(name.isdecimal() for name in names):
        return [int(name) for name in names]
    for name in names:
        if not _WNID.fullmatch(name):
            raise ValueError(
                f"{source / name}: class folders are named by index (0, 1, ...) or wnid (n01440764, ...). "
                f"Received: {name!r}"
            )
    index = _wnid_index(source, names)
    unknown = [name for name in names if name not in index]
    if unknown:
        raise ValueError(f"{source / unknown[0]}: not one of ImageNet's {IMAGENET_CLASSES} classes")
    return [index[name] for name in names]


def _wnid_index(source: Path, names: list[str]) -> dict[str, int]:
    """Return ImageNet's class indices by wnid, from Keras' own table; a whole set needs none, its order says it."""
    if len(names) == IMAGENET_CLASSES:
        return {name: index for index, name in enumerate(sorted(names))}
    import numpy as np
    from keras.applications.imagenet_utils import decode_predictions

    try:
        decoded = decode_predictions(np.eye(IMAGENET_CLASSES, dtype=np.float32), top=1)
    except Exception as error:  # Keras downloads the table once: urllib's errors are of many types
        raise ValueError(
            f"{source}: the class index of a wnid stands in Keras' imagenet_class_index.json, which could not be "
            f"downloaded ({error}). Name the folders by class index, or give a CSV"
        ) from error
    return {entry[0][0]: index for index, entry in enumerate(decoded)}


def _portable(name: str) -> str:
    """Return a CSV's file name as a relative path that cannot lead out of the run's folder."""
    parts = [part for part in Path(name).parts if part not in ("..", ".") and part != Path(name).anchor]
    return "/".join(parts)


def _with_unique_names(found: Sequence[tuple[str, Path, int | None]]) -> list[SourceFile]:
    """Name each image by its path without the suffix; where two would be called the same, the suffix stays.

    The suffix alone cannot tell apart a file that is listed twice, so a number is added then.
    """
    stems = [str(Path(name).with_suffix("")) for name, _, _ in found]
    often = Counter(stems)
    names = [stem if often[stem] == 1 else name for stem, (name, _, _) in zip(stems, found, strict=True)]
    seen: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 2
        while candidate in seen:
            candidate, number = f"{name}-{number}", number + 1
        seen.add(candidate)
        unique.append(candidate)
    return [SourceFile(name, file, path, label) for name, (file, path, label) in zip(unique, found, strict=True)]
