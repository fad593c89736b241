"""Labelled images, whatever names or holds them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tf_lowdef.data.arrays import VALUE_RANGE, ValueRange, from_arrays
from tf_lowdef.data.class_names import read_class_names
from tf_lowdef.data.files import SourceFile, find_labelled_files
from tf_lowdef.data.image_data import RGB, ClassNames, ImageData, Pixels, Size, Wanted
from tf_lowdef.data.rows import from_rows, is_rows
from tf_lowdef.data.tf_data import from_dataset, is_dataset
from tf_lowdef.data.tfds import TFDS, load_tfds
from tf_lowdef.files import read_rgb


def load_data(
    data: Any,
    size: Size | None = None,
    channels: int = RGB,
    classes: int | None = None,
    labels: str | os.PathLike[str] | None = None,
    value_range: ValueRange | None = None,
    *,
    range_option: str = VALUE_RANGE,
) -> ImageData:
    """Return the images that `data` names.

    Args:
        data: One of

            - a CSV with the columns ``file,label``, and maybe ``class_name`` (or ``human_label``, or ``name``);
            - a folder of class folders, at any depth and through links: named by class, which are then numbered in
              alphabetical order as ``keras.utils.image_dataset_from_directory`` does; by index; or by ImageNet's wnid;
            - ``"tfds:NAME/SPLIT"`` for TensorFlow Datasets;
            - a ``tf.data.Dataset`` of (images, labels), batched or not;
            - a split of Hugging Face's ``datasets``, or other rows with ``"image"`` and ``"label"``;
            - a pair of arrays (images, labels): images of shape (n, height, width, channels), uint8, or floats in
              `value_range`, which are rounded to 8 bits; labels as class indices or one-hot.

        size: Height and width that files are resized to with Pillow's bicubic filter, so that images are attacked at
            the size at which the defence and the model see them; None leaves them as they are.
        channels: 3 for RGB, 1 for grey: coloured files are then converted as Pillow's ``convert("L")`` does.
        classes: How many classes the model tells apart: class folders must be as many; None leaves that open.
        labels: A file with the names of the classes in the order of the model's outputs, one a line; or JSON.
        value_range: The values that stand for black and full in float images; None takes [0, 255].
        range_option: What the caller's own argument for that is called, for errors' texts.

    Returns:
        The images; with the names of their classes where the data or `labels` tell them.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no labelled images, or is of another kind.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from tf_lowdef.data.load import load_data
        >>> from tf_lowdef.files import write_png
        >>> for name in ("cat", "dog"):
        ...     Path("photos", name).mkdir(parents=True)
        ...     write_png(Path("photos", name, "a.png"), np.zeros((8, 8, 3), np.uint8))
        >>> data = load_data("photos", size=(16, 16))
        >>> len(data), data.class_names
        (2, ('cat', 'dog'))
    """
    wanted = Wanted(size, channels, classes)
    if isinstance(data, ImageData):
        found = data
    elif isinstance(data, str | os.PathLike):
        if not str(data).startswith(TFDS):
            return _from_files(Path(data), None if labels is None else Path(labels), wanted)
        found = load_tfds(str(data), wanted)
    elif is_dataset(data):
        found = from_dataset(data, wanted, value_range, range_option)
    elif isinstance(data, tuple | list) and len(data) == 2 and not isinstance(data[0], Mapping):
        found = from_arrays(data[0], data[1], wanted, value_range, range_option)
    elif is_rows(data):
        found = from_rows(data, wanted)
    else:
        raise ValueError(_unknown(data))
    return found if labels is None else replace(found, class_names=_listed(Path(labels), classes))


def image_shape_of(data: Any) -> tuple[int, int, int] | None:
    """Return (height, width, channels) of the images in arrays or a ``tf.data.Dataset``; None where they do not tell.

    Args:
        data: What `load_data` takes.
    """
    shape: Any = None
    if isinstance(data, ImageData):
        shape = data.read(0).shape if len(data) else None
    elif is_dataset(data):
        spec = data.element_spec
        image = spec.get("image") if isinstance(spec, dict) else spec[0] if isinstance(spec, tuple) else None
        shape = tuple(getattr(image, "shape", ()))[-3:]
    elif isinstance(data, tuple | list) and len(data) == 2 and not isinstance(data[0], Mapping):
        array = np.asarray(data[0])
        shape = (*array.shape[1:], 1) if array.ndim == 3 else array.shape[1:]
    if shape is None or len(shape) != 3 or None in shape:
        return None
    return int(shape[0]), int(shape[1]), int(shape[2])


def _unknown(data: Any) -> str:
    if isinstance(data, Mapping) and data and all(is_dataset(part) or is_rows(part) for part in data.values()):
        return f"`data` holds the parts of a data set, {', '.join(map(str, data))}; give one of them"
    return (
        "`data` must be a CSV, a folder of class folders, a tf.data.Dataset, rows with image and label, or a pair of "
        f"arrays (images, labels). Received: {type(data).__name__}"
    )


def _listed(path: Path, classes: int | None) -> ClassNames:
    names = read_class_names(path)
    if classes is not None and len(names) != classes:
        raise ValueError(f"{path}: names {len(names)} classes, and the model has {classes} outputs")
    return names


def _from_files(source: Path, labels: Path | None, wanted: Wanted) -> ImageData:
    files, class_names = find_labelled_files(source, labels, wanted.classes)
    return from_files(str(source), files, wanted, class_names)


def from_files(
    source: str, files: Sequence[SourceFile], wanted: Wanted, class_names: ClassNames | None = None
) -> ImageData:
    """Return files, each with a label, as labelled images; the other arguments are as in `ImageData`."""

    def read(index: int) -> Pixels:
        return wanted.fit(read_rgb(files[index].path))

    indices = np.array([file.label for file in files], np.int64)
    names = [file.name for file in files]
    return ImageData(source, names, indices, read, lambda some: _digest(files, some), class_names=class_names)


def _digest(files: Sequence[SourceFile], indices: Sequence[int]) -> str:
    total = hashlib.sha256()
    for file in (files[index] for index in indices):
        total.update(f"{file.name}\0{file.label}\0".encode("utf-8", "surrogateescape"))
        try:
            total.update(hashlib.sha256(file.path.read_bytes()).digest())
        except OSError:
            total.update(b"unreadable")
    return total.hexdigest()
