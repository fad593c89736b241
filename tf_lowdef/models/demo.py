"""The embedded default: a small classifier and its held-out images, so that everything runs with no network.

``scripts/train_demo.py`` draws the images and trains the classifier; what it wrote lies in ``demo_data``: the weights,
and one lossless WebP a class, its images one below the other.
"""

from __future__ import annotations

from importlib import resources
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.files import atomic_path
from tf_lowdef.models.applications import load_application

CLASSES = ("ball", "bottle", "box", "can", "cone", "dumbbell", "mug", "mushroom", "ring", "star")
SIZE = 96
"""Side of an image in pixels."""
PER_CLASS = 20
"""Held-out images shipped of each class."""
WEIGHTS, HARDENED_WEIGHTS = "demo.weights.h5", "hardened.npz"

_DATA = "demo_data"

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


def demo_class_names() -> tuple[str, ...]:
    """Return the names of the ten classes, in the order of the labels.

    Example:
        >>> from tf_lowdef.models import demo_class_names
        >>> demo_class_names()[:3]
        ('ball', 'bottle', 'box')
    """
    return CLASSES


def load_demo(hardened: bool = False) -> tuple[Any, Images, Labels]:
    """Load the embedded classifier and 200 images that it was not trained on.

    Args:
        hardened: Whether to load the weights that :func:`tf_lowdef.harden` made of the usual ones, for behind
            ``"webp:60+flip"`` (``scripts/train_demo.py --hardened``).

    Returns:
        The classifier, a flat ``keras.applications.MobileNet(alpha=0.25)`` from RGB pixels in [0, 255], shape
        (batch, 96, 96, 3), to logits of shape (batch, 10), preprocessing inside; the images, uint8, shape
        (200, 96, 96, 3), RGB, 20 of each class; their labels, int64, shape (200,).

    Raises:
        FileNotFoundError: A file of the embedded default is missing: the installation is incomplete.
        ValueError: One of them is damaged.

    Example:
        >>> from tf_lowdef import load_demo
        >>> model, images, labels = load_demo()
        >>> images.shape, images.dtype.name, labels[[0, -1]].tolist()
        ((200, 96, 96, 3), 'uint8', [0, 9])
        >>> model.predict(images[::20], verbose=0).argmax(axis=1).tolist()
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    images, labels = load_demo_images()
    model = build_demo()
    with resources.as_file(_asset(HARDENED_WEIGHTS if hardened else WEIGHTS)) as path:
        try:
            if hardened:
                model.set_weights(_read_weights(path))
            else:
                model.load_weights(path)
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise ValueError(f"The embedded weights are damaged; install tf_lowdef again. Received: {path}") from error
    return model, images, labels


def load_demo_images() -> tuple[Images, Labels]:
    """Load the images of `load_demo` without its classifier; for shapes and errors see there."""
    images = np.concatenate([_read_class(name) for name in CLASSES])
    return images, np.repeat(np.arange(len(CLASSES), dtype=np.int64), PER_CLASS)


def build_demo(size: int = SIZE) -> Any:
    """Build the embedded classifier, for images of `size` pixels a side, with weights drawn at random."""
    return load_application("MobileNet", None, (size, size, 3), len(CLASSES), alpha=0.25)


def encode_class(images: Images) -> bytes:
    """Encode the images of one class, uint8 of shape (20, 96, 96, 3), without loss, one below the other."""
    buffer = BytesIO()
    column = Image.fromarray(images.reshape(-1, SIZE, 3))
    column.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return buffer.getvalue()


def write_weights(model: Any, path: Path) -> None:
    """Write the weights of a model in their order, packed: a file of ``save_weights`` is a quarter larger."""
    with atomic_path(path) as temporary:
        np.savez_compressed(temporary, *map(np.asarray, model.get_weights()))


def _read_weights(path: Path) -> list[npt.NDArray[Any]]:
    with np.load(path, allow_pickle=False) as file:
        return [file[f"arr_{number}"] for number in range(len(file.files))]


def asset_name(class_name: str) -> str:
    """Return the name of the file that holds the images of a class."""
    return f"{class_name}.webp"


def _asset(name: str) -> Any:
    """Return a file of the embedded default, and check that it is there."""
    path = resources.files("tf_lowdef.models").joinpath(_DATA, name)
    if not path.is_file():
        raise FileNotFoundError(
            f"A file of the embedded default is missing; install tf_lowdef again, or run scripts/train_demo.py. "
            f"Received: {path}"
        )
    return path


def _read_class(class_name: str) -> Images:
    path = _asset(asset_name(class_name))
    try:
        with Image.open(BytesIO(path.read_bytes()), formats=("WEBP",)) as image:
            column = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise ValueError(f"An embedded image file is damaged; install tf_lowdef again. Received: {path}") from error
    if column.shape != (PER_CLASS * SIZE, SIZE, 3):
        raise ValueError(
            f"An embedded image file must be {SIZE} x {PER_CLASS * SIZE} pixels. "
            f"Received: {path}, {column.shape[1]} x {column.shape[0]}"
        )
    return column.reshape(PER_CLASS, SIZE, SIZE, 3)
