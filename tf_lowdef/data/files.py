"""Finding labelled images on disk: a CSV, or a folder of class folders."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tf_lowdef.data.class_folders import class_folders, folder_labels, have_known_names, images_of_class
from tf_lowdef.data.class_names import class_index, read_class_names
from tf_lowdef.data.image_data import ClassNames
from tf_lowdef.files import find_images

_MAX_LABEL = 2**31 - 1

NAME_COLUMNS = ("class_name", "human_label", "name")
"""Columns of a CSV in which the name of the class may stand."""


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


class LabelledFiles(NamedTuple):
    """The images of a source, and what it says of its classes.

    Attributes:
        files: The images; each has a label.
        class_names: The name of each class, by index; None where the source names none.
    """

    files: list[SourceFile]
    class_names: ClassNames | None


def find_labelled_files(source: Path, labels: Path | None = None, classes: int | None = None) -> LabelledFiles:
    """Return the labelled images of a CSV, or of a folder of class folders.

    Args:
        source: The CSV or the folder.
        labels: A file with the names of the classes in the order of the model's outputs; see `read_class_names`.
        classes: How many classes the model tells apart, None where that is not known.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no labelled images, or what it says of the classes does not fit; the text names the line
            or the folder.
    """
    listed = None if labels is None else read_class_names(labels)
    if listed is not None and classes is not None and len(listed) != classes:
        raise ValueError(f"{labels}: names {len(listed)} classes, and the model has {classes} outputs")
    if source.is_dir():
        folders = class_folders(source)
        indices, class_names = folder_labels(source, folders, listed, classes)
        found = _read_class_folders(source, folders, indices)
    elif source.exists():
        found, class_names = _read_csv(source, listed)
    else:
        raise FileNotFoundError(f"{source}: no such file or folder of images")
    if not found:
        raise ValueError(f"{source}: holds no labelled images")
    return LabelledFiles(_with_unique_names(found), class_names)


def find_files(
    source: Path, results: Path, labelled: bool, labels: Path | None = None, classes: int | None = None
) -> tuple[list[SourceFile], ClassNames | None]:
    """Return the images of a CSV or a folder, with labels where it has them, and the names of its classes.

    A folder has labels if it holds class folders and no images beside them. Class folders are named by index or wnid,
    or listed in `labels`; of other names, they count as classes if they are as many as the model has.

    Args:
        source: The CSV or the folder.
        results: A folder whose images do not count.
        labelled: Whether a folder's labels are wanted.
        labels: A file with the names of the classes; see `find_labelled_files`.
        classes: How many classes the model tells apart, None where that is not known.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no images.
    """
    if not source.is_dir():
        return find_labelled_files(source, labels, classes)
    class_names: ClassNames | None
    class_names = listed = None if labels is None else read_class_names(labels)
    folders = class_folders(source, results)
    names = [folder.name for folder in folders]
    are_classes = labels is not None or have_known_names(names) or len(names) == classes
    if labelled and names and are_classes and not find_images(source, recursive=False):
        indices, class_names = folder_labels(source, folders, listed, classes)
        found: list[tuple[str, Path, int | None]] = [*_read_class_folders(source, folders, indices)]
    else:
        inside = results.resolve()
        images = [path for path in find_images(source) if not path.resolve().is_relative_to(inside)]
        found = [(path.relative_to(source).as_posix(), path, None) for path in images]
    if not found:
        raise ValueError(f"{source}: holds no images")
    return _with_unique_names(found), class_names


def _read_csv(source: Path, listed: tuple[str, ...] | None) -> tuple[list[tuple[str, Path, int]], ClassNames | None]:
    """Return the images that a CSV lists, and the names of the classes: those `listed`, or what a column says."""
    try:
        with source.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file)
            columns = list(table.fieldnames or ())
            if not {"file", "label"} <= set(columns):
                raise ValueError(f"{source}: expected a CSV with the columns file,label. Received: {','.join(columns)}")
            column = next((name for name in NAME_COLUMNS if name in columns), None)
            rows = [(table.line_num, row["file"], row["label"], row[column] if column else None) for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{source}: is not a CSV: {error}") from error
    found, names = [], dict[int, set[str]]()
    for line, file_name, label, class_name in rows:
        name = _portable(file_name or "")
        if not name:
            raise ValueError(f"{source}, line {line}: no file is named. Received: {file_name!r}")
        index = _csv_label(f"{source}, line {line}", label, listed)
        found.append((name, source.parent / file_name, index))
        if class_name and class_name.strip():
            names.setdefault(index, set()).add(class_name.strip())
    if listed is None and names and all(len(each) == 1 for each in names.values()):  # else it names images
        return found, tuple(next(iter(names.get(index, ())), None) for index in range(max(names) + 1))
    return found, listed


def _csv_label(where: str, label: str | None, listed: tuple[str, ...] | None) -> int:
    text = "" if label is None else label.strip()
    if listed is not None and text in listed:
        try:
            return class_index(text, listed)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    if not text.isdecimal() or int(text) > _MAX_LABEL:
        also = ", or a name in a file of class names (--labels)" if listed is None else ", or a listed name"
        raise ValueError(f"{where}: the label must be a 0-based class index{also}. Received: {label!r}")
    return int(text)


def _read_class_folders(source: Path, folders: list[Path], labels: list[int]) -> list[tuple[str, Path, int]]:
    return [
        (path.relative_to(source).as_posix(), path, label)
        for folder, label in zip(folders, labels, strict=True)
        for path in images_of_class(folder)
    ]


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
