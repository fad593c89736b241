"""Class folders: which classes they are, by their names, and the images in them."""

from __future__ import annotations

import re
from pathlib import Path

from tf_lowdef.data.class_names import class_index
from tf_lowdef.data.image_data import ClassNames
from tf_lowdef.files import image_extensions

_WNID = re.compile(r"n\d{8}")
"""WordNet ids as ImageNet names its classes (Deng et al. 2009): ``n`` and the eight digits of the synset's offset."""

IMAGENET_CLASSES = 1000


_SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"})
"""Names of the parts of a data set, which are no classes."""


def have_known_names(names: list[str]) -> bool:
    """Return whether names say which classes they are without a list of them."""
    return all(map(str.isdecimal, names)) or all(map(_WNID.fullmatch, names))


def class_folders(source: Path, results: Path | None = None) -> list[Path]:
    """Return the folders in `source` and links to folders, by name, as ``keras.utils`` does.

    Without hidden ones, `results`, and links to what `source` itself stands in.
    """
    inside, left_out = source.resolve(), None if results is None else results.resolve()
    return sorted(
        path
        for path in source.iterdir()
        if path.is_dir()
        and not path.name.startswith(".")
        and not inside.is_relative_to(path.resolve())
        and path.resolve() != left_out
    )


def images_of_class(folder: Path) -> list[Path]:
    """Return the image files in a class folder at any depth, sorted; links are followed, each folder once."""
    extensions, found, seen, folders = image_extensions(), [], set[Path](), [folder]
    while folders:
        current = folders.pop()
        if current.resolve() in seen:
            continue
        seen.add(current.resolve())
        for path in current.iterdir():
            if path.name.startswith("."):
                continue
            if path.is_dir():
                folders.append(path)
            elif path.suffix.lower() in extensions and path.is_file():
                found.append(path)
    return sorted(found, key=lambda path: path.parts)


def folder_labels(
    source: Path, folders: list[Path], listed: tuple[str, ...] | None, classes: int | None
) -> tuple[list[int], ClassNames | None]:
    """Return the class of each folder, and the names of the classes where they have any."""
    names = [folder.name for folder in folders]
    if not names:
        raise ValueError(
            f"{source}: expected class folders, named by class, index (0, 1, ...) or wnid (n01440764, ...); "
            "a folder without labels cannot be evaluated"
        )
    if all(name.lower() in _SPLITS for name in names):
        raise ValueError(f"{source}: holds the parts of a data set, {', '.join(names)}; give one of them")
    if all(name.isdecimal() for name in names) and not any(name in (listed or ()) for name in names):
        return [int(name) for name in names], listed
    if listed is not None:
        try:
            return [class_index(name, listed) for name in names], listed
        except ValueError as error:
            raise ValueError(f"{source}: {error}") from error
    if all(map(_WNID.fullmatch, names)) and classes in (None, IMAGENET_CLASSES):
        index = _wnid_index(source, names)
        unknown = [name for name in names if name not in index]
        if unknown:
            raise ValueError(f"{source / unknown[0]}: not one of ImageNet's {IMAGENET_CLASSES} classes")
        return [index[name] for name in names], None
    if classes not in (None, len(names)):
        raise ValueError(
            f"{source}: holds {len(names)} class folders ({', '.join(names[:5])} ...), and the model has {classes} "
            "outputs. Name the classes in the order of the outputs in a file, one a line: --labels FILE"
        )
    return list(range(len(names))), tuple(names)


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
