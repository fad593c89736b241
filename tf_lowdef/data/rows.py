"""Labelled images as rows with a picture and a label each, as Hugging Face's ``datasets`` have them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from tf_lowdef.data.image_data import ClassNames, ImageData, Pixels, Wanted, numbered
from tf_lowdef.files import ImageReadError, to_rgb
from tf_lowdef.validation import check_labels

_IMAGES = ("image", "img", "picture")
_LABELS = ("label", "labels", "fine_label", "class")


def is_rows(data: Any) -> bool:
    """Return whether `data` is a sequence of rows, each a mapping from column names."""
    if isinstance(data, str | bytes | Mapping) or not hasattr(data, "__getitem__") or not hasattr(data, "__len__"):
        return False
    return len(data) > 0 and isinstance(data[0], Mapping)


def from_rows(data: Any, wanted: Wanted) -> ImageData:
    """Return rows as labelled images, each decoded when it is read.

    Args:
        data: A split of Hugging Face's ``datasets``, or any sequence of mappings: a column ``"image"`` or ``"img"``
            with Pillow images, or arrays of uint8, and a column ``"label"`` with class indices. The names of its
            classes are kept where ``data.features["label"].names`` has them.
        wanted: What the model takes.

    Raises:
        ValueError: There are no such columns.
    """
    columns = list(data[0])
    image, label = _column(columns, _IMAGES, "Pillow images"), _column(columns, _LABELS, "class indices")
    labels = check_labels("labels", list(_values(data, label)), len(data))

    def read(index: int) -> Pixels:
        picture = data[index][image]
        try:
            if not isinstance(picture, Image.Image):
                picture = Image.fromarray(np.asarray(picture))
            return wanted.fit(to_rgb(picture))
        except Exception as error:  # Pillow's decoders raise many types
            raise ImageReadError(f"row {index}", f"cannot be decoded: {error}") from error

    def digest(indices: Sequence[int]) -> str:
        total = hashlib.sha256()
        for index in indices:
            total.update(f"{index}\0{labels[index]}\0".encode())
            try:
                total.update(hashlib.sha256(read(index).tobytes()).digest())
            except ImageReadError:
                total.update(b"unreadable")
        return total.hexdigest()

    return ImageData("rows", numbered(len(data)), labels, read, digest, class_names=_class_names(data, label))


def _column(columns: Sequence[str], usual: Sequence[str], what: str) -> str:
    for name in usual:
        if name in columns:
            return name
    raise ValueError(
        f"Rows must have a column of {what} named {' or '.join(usual)}; rename yours (rename_column). "
        f"Received the columns: {', '.join(map(str, columns))}"
    )


def _values(data: Any, column: str) -> Any:
    """Return a column; of a data set that knows columns, without decoding its images."""
    return data[column] if hasattr(data, "features") else [row[column] for row in data]


def _class_names(data: Any, label: str) -> ClassNames | None:
    features = getattr(data, "features", None)
    names = getattr(features[label], "names", None) if isinstance(features, Mapping) and label in features else None
    return tuple(names) if names else None
