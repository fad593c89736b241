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


_MAX_LABEL = 2**31 - 1


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
        found = _read_class_folders(source, _class_folders(source))
    elif source.exists():
        found = _read_csv(source)
    else:
        raise FileNotFoundError(f"{source}: no such file or folder of images")
    if not found:
        raise ValueError(f"{source}: holds no labelled images")
    return _with_unique_names(found)


def find_files(source: Path, results: Path, labelled: bool) -> list[SourceFile]:
    """Return the images of a CSV or a folder, with labels where it has them.

    A folder has labels if it holds class folders, named by index or wnid, and no images beside them.

    Args:
        source: The CSV or the folder.
        results: A folder whose images do not count.
        labelled: Whether a folder's labels are wanted.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no images.
    """
    if not source.is_dir():
        return find_labelled_files(source)
    folders = _class_folders(source, results)
    if labelled and _are_classes(folders) and not find_images(source, recursive=False):
        found: list[tuple[str, Path, int | None]] = [*_read_class_folders(source, folders)]
    else:
        inside = results.resolve()
        images = [path for path in find_images(source) if not path.resolve().is_relative_to(inside)]
        found = [(path.relative_to(source).as_posix(), path, None) for path in images]
    if not found:
        raise ValueError(f"{source}: holds no images")
    return _with_unique_names(found)


def _are_classes(folders: list[Path]) -> bool:
    names = [folder.name for folder in folders]
    return bool(names) and (all(map(str.isdecimal, names)) or all(map(_WNID.fullmatch, names)))


def _class_folders(source: Path, results: Path | None = None) -> list[Path]:
    """Return the folders in `source`, without hidden ones, `results`, and links that lead out of `source`."""
    inside, left_out = source.resolve(), None if results is None else results.resolve()
    return sorted(
        path
        for path in source.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and path.resolve().is_relative_to(inside)
        and path.resolve() != left_out
    )


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
        name = _portable(file_name or "")
        if not name:
            raise ValueError(f"{source}, line {line}: no file is named. Received: {file_name!r}")
        if label is None or not label.strip().isdecimal() or int(label) > _MAX_LABEL:
            raise ValueError(f"{source}, line {line}: the label must be a 0-based class index. Received: {label!r}")
        found.append((name, source.parent / file_name, int(label)))
    return found


def _read_class_folders(source: Path, folders: list[Path]) -> list[tuple[str, Path, int]]:
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

    The suffix alone cannot tell apart a file that is listed twice, so a number is added then; also where the image's
    PNG would be called as the folder of another.
    """
    stems = [str(Path(name).with_suffix("")) for name, _, _ in found]
    often = Counter(stems)
    names = [stem if often[stem] == 1 else name for stem, (name, _, _) in zip(stems, found, strict=True)]
    folders = {str(parent) for name in names for parent in Path(name).parents}
    seen: set[str] = set()
    unique = []
    for name in names:
        candidate, number = name, 2
        while candidate in seen or f"{candidate}.png" in folders:
            candidate, number = f"{name}-{number}", number + 1
        seen.add(candidate)
        unique.append(candidate)
    return [SourceFile(name, file, path, label) for name, (file, path, label) in zip(unique, found, strict=True)]
