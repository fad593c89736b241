"""Labelled images of TensorFlow Datasets, as a stream: at most a batch of them is in memory."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tf_lowdef.data.image_data import ClassNames, ImageData, Pixels, Wanted
from tf_lowdef.data.stream import Stream, streamed
from tf_lowdef.files import read_formats, to_rgb

TFDS = "tfds:"
"""How data of TensorFlow Datasets are named: ``tfds:NAME/SPLIT``, as in ``tfds:imagenet_v2/test``."""

_KEYS = ("image", "label")
"""Of an example, where the data set does not say which are input and label."""


def load_tfds(data: str, wanted: Wanted) -> ImageData:
    """Return the images that ``tfds:NAME/SPLIT`` names; they are downloaded where that has not been done.

    Images are handed on as they are stored, so that those passed over cost no decoding, and the others are decoded by
    Pillow, as files are.

    Args:
        data: Such as ``"tfds:cifar10/test"``, or with the data set's configuration ``"tfds:NAME/CONFIG/SPLIT"``; the
            split may be a slice such as ``"test[:10%]"``.
        wanted: What the model takes.

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
        stream, class_names = _open(builder, split)
        labels = stream.labels().astype(np.int64)
    except Exception as error:  # of many types, and the text says what to do
        raise ValueError(f"{data}: {error}") from error
    if not len(labels):
        raise ValueError(f"{data}: holds no images")
    return streamed(data, stream, labels, lambda encoded: wanted.fit(decode(encoded)), class_names)


def decode(data: bytes) -> Pixels:
    """Return an encoded image as uint8 of shape (height, width, 3), RGB."""
    with Image.open(BytesIO(data), formats=read_formats()) as image:
        return to_rgb(image)


def _open(builder: Any, split: str) -> tuple[Stream, ClassNames | None]:
    """Return the examples of a split, and the names of its classes.

    Raises:
        ValueError: It does not hold one image and one label an example.
    """
    import tensorflow_datasets as tfds

    image, label = _keys(builder.info)
    # one shard after the other: otherwise the order is another with another number of cores
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    examples = builder.as_dataset(
        split=split, decoders={image: tfds.decode.SkipDecoding()}, read_config=config, shuffle_files=False
    )
    names = getattr(builder.info.features[label], "names", None)
    return Stream(examples.map(lambda example: (example[image], example[label]))), tuple(names) if names else None


def _keys(info: Any) -> tuple[str, str]:
    """Return the keys of an example's image and label; what else a data set is supervised with, weights, counts not."""
    keys = info.supervised_keys or _KEYS
    features = info.features
    if len(keys) not in (2, 3) or not all(isinstance(key, str) and key in features for key in keys[:2]):
        raise ValueError(f"expected one image and one label an example. Received: {keys} of {', '.join(features)}")
    return keys[0], keys[1]
