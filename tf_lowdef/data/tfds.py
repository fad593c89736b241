"""Labelled images of TensorFlow Datasets, as a stream: at most a batch of them is in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tf_lowdef.data.image_data import ImageData, Pixels, Size, resize
from tf_lowdef.files import read_formats, to_rgb

TFDS = "tfds:"
"""How data of TensorFlow Datasets are named: ``tfds:NAME/SPLIT``, as in ``tfds:imagenet_v2/test``."""

_KEYS = ("image", "label")
"""Of an example, where the data set does not say which are input and label."""


class Stream:
    """The examples of a split in their one order; going back costs a pass from the beginning.

    Images are handed on as they are stored, so that those passed over cost no decoding, and the others are decoded by
    Pillow, as files are.

    Args:
        builder: Of the data set, prepared.
        split: Its name, or a slice such as ``"test[:10%]"``.
    """

    def __init__(self, builder: Any, split: str) -> None:
        import tensorflow_datasets as tfds

        self._keys = builder.info.supervised_keys or _KEYS
        image, label = self._keys
        # one shard after the other: otherwise the order is another with another number of cores
        config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
        skip = {image: tfds.decode.SkipDecoding()}
        examples = builder.as_dataset(split=split, decoders=skip, read_config=config, shuffle_files=False)
        self._examples = examples.map(lambda example: (example[image], example[label]))
        self._next = 0
        self._rest: Iterator[tuple[bytes, int]] = iter(())

    def labels(self) -> list[int]:
        """Return every label, in one pass."""
        return [int(label) for label in self._examples.map(lambda _, label: label).as_numpy_iterator()]

    def read(self, indices: Sequence[int]) -> dict[int, bytes]:
        """Return the encoded images at some places, in one pass at most from where the last one ended."""
        wanted, found = set(indices), dict[int, bytes]()
        if not wanted:
            return found
        if min(wanted) < self._next or not self._next:
            self._next, self._rest = 0, self._examples.as_numpy_iterator()
        while len(found) < len(wanted):
            data, _ = next(self._rest)
            if self._next in wanted:
                found[self._next] = bytes(data)
            self._next += 1
        return found


@dataclass(frozen=True)
class StreamedData(ImageData):
    """Images that are read a batch at a time; see `ImageData`.

    Attributes:
        stream: Where they come from.
        size: Height and width to resize to, None for their own.
    """

    stream: Stream
    size: Size | None

    def read_batch(self, indices: Sequence[int]) -> tuple[list[Pixels], dict[int, str]]:
        """Read some images; see `ImageData.read_batch`."""
        encoded, pixels, failed = self.stream.read(indices), [], {}
        for index in indices:
            try:
                pixels.append(decode(encoded[index], self.size))
            except Exception as error:  # Pillow's decoders raise many types
                failed[index] = f"{self.source}: image {index} cannot be decoded: {error}"
        return pixels, failed


def load_tfds(data: str, size: Size | None) -> ImageData:
    """Return the images that ``tfds:NAME/SPLIT`` names; they are downloaded where that has not been done.

    Args:
        data: Such as ``"tfds:cifar10/test"``, or with the data set's configuration ``"tfds:NAME/CONFIG/SPLIT"``.
        size: Height and width to resize to, None for their own.

    Raises:
        ModuleNotFoundError: tensorflow-datasets is not installed.
        ValueError: There is no such data set or split, or it holds no images with a label each.
    """
    try:
        import tensorflow_datasets as tfds
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{data} needs pip install 'tf_lowdef[tfds]'", name=error.name) from error
    name, _, split = data.removeprefix(TFDS).rpartition("/")
    if not name or not split:
        raise ValueError(f"Data of TensorFlow Datasets are written tfds:NAME/SPLIT. Received: {data!r}")
    try:
        builder = tfds.builder(name)
        builder.download_and_prepare()
        stream = Stream(builder, split)
        labels = np.array(stream.labels(), np.int64)
    except Exception as error:  # of many types, and the text says what to do
        raise ValueError(f"{data}: {error}") from error
    if not len(labels):
        raise ValueError(f"{data}: holds no images")

    def digest(indices: Sequence[int]) -> str:
        total = hashlib.sha256()
        for index in indices:
            total.update(f"{index}\0{labels[index]}\0".encode())
            total.update(hashlib.sha256(stream.read([index])[index]).digest())
        return total.hexdigest()

    def read(index: int) -> Pixels:
        return decode(stream.read([index])[index], size)

    width = len(str(len(labels) - 1))
    names = [f"{index:0{width}d}" for index in range(len(labels))]
    return StreamedData(data, names, labels, read, digest, stream, size)


def decode(data: bytes, size: Size | None) -> Pixels:
    """Return an encoded image as uint8 of shape (height, width, 3), RGB, resized with Pillow's bicubic filter."""
    with Image.open(BytesIO(data), formats=read_formats()) as image:
        pixels = to_rgb(image)
    return pixels if size is None else resize(pixels, size)
