"""The one place where what a user calls data becomes labelled images."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tf_lowdef.data.files import SourceFile, find_labelled_files
from tf_lowdef.data.image_data import ImageData, Pixels, Size, resize
from tf_lowdef.data.tfds import TFDS, load_tfds
from tf_lowdef.files import read_rgb


def load_data(data: Any, size: Size | None) -> ImageData:
    """Return the images that `data` names.

    Args:
        data: A CSV with the columns ``file,label``; a folder of class folders, named by index or by wnid;
            ``"tfds:NAME/SPLIT"`` for TensorFlow Datasets; or a pair of arrays (images, labels), the images uint8 of
            shape (n, height, width, 3).
        size: Height and width that files are resized to with Pillow's bicubic filter, so that images are attacked at
            the size at which the defence and the model see them; None leaves them as they are.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no labelled images, or is of another kind.
    """
    if isinstance(data, tuple | list) and len(data) == 2:
        return _from_arrays(data[0], data[1], size)
    if not isinstance(data, str | Path):
        raise ValueError(
            "`data` must be a CSV, a folder of class folders, or a pair of arrays (images, labels). "
            f"Received: {type(data).__name__}"
        )
    if str(data).startswith(TFDS):
        return load_tfds(str(data), size)
    return _from_files(str(data), find_labelled_files(Path(data)), size)


def _from_files(source: str, files: list[SourceFile], size: Size | None) -> ImageData:
    def read(index: int) -> Pixels:
        pixels = read_rgb(files[index].path)
        return pixels if size is None else resize(pixels, size)

    def digest(indices: Sequence[int]) -> str:
        total = hashlib.sha256()
        for file in (files[index] for index in indices):
            total.update(f"{file.name}\0{file.label}\0".encode("utf-8", "surrogateescape"))
            try:
                total.update(hashlib.sha256(file.path.read_bytes()).digest())
            except OSError:
                total.update(b"unreadable")
        return total.hexdigest()

    labels = np.array([file.label for file in files], np.int64)
    return ImageData(source, [file.name for file in files], labels, read, digest)


def _from_arrays(images: Any, labels: Any, size: Size | None) -> ImageData:
    images, labels = np.asarray(images), np.asarray(labels)
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
        raise ValueError(
            f"Images must be uint8 of shape (n, height, width, 3). Received: dtype={images.dtype}, shape={images.shape}"
        )
    if labels.shape != images.shape[:1] or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"Labels must be integers of shape ({len(images)},). Received: dtype={labels.dtype}, shape={labels.shape}"
        )
    if size is not None and images.shape[1:3] != size:
        raise ValueError(f"The model takes images of {size[0]} x {size[1]}. Received: shape={images.shape}")

    def digest(indices: Sequence[int]) -> str:
        used = list(indices)
        return hashlib.sha256(images[used].tobytes() + labels[used].astype(np.int64).tobytes()).hexdigest()

    width = len(str(max(len(images) - 1, 0)))
    names = [f"{index:0{width}d}" for index in range(len(images))]
    return ImageData("arrays", names, labels.astype(np.int64), lambda index: images[index], digest)
