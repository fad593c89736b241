"""Labelled images for an evaluation: named, read one at a time, already at the model's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.files import ImageReadError
from tf_lowdef.threads import for_each

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Size = tuple[int, int]
ClassNames = tuple[str | None, ...]
"""The name of each class, by index; None for a class that nobody named."""

GREY, RGB = 1, 3


class Wanted(NamedTuple):
    """What images a model takes.

    Attributes:
        size: Height and width that images are resized to, None for their own.
        channels: 1 (grey) or 3 (RGB).
        classes: How many classes it tells apart, None where that is not known.
    """

    size: Size | None = None
    channels: int = RGB
    classes: int | None = None

    def fit(self, pixels: Pixels) -> Pixels:
        """Return uint8 RGB pixels of shape (height, width, 3) as the model takes them: grey first, then resized."""
        if self.channels == GREY:
            pixels = to_grey(pixels)
        return pixels if self.size is None else resize(pixels, self.size)


@dataclass(frozen=True)
class ImageData:
    """Labelled images.

    Attributes:
        source: What a person calls it: a path, ``"demo"`` or ``"arrays"``.
        names: One unique name an image, a relative path without its suffix: what its adversarial image is called.
        labels: int64, shape (n,), 0-based class indices.
        read: Gives image `i` as uint8 of shape (height, width, channels); raises ImageReadError.
        digest: Gives a hash of some images and their labels, by index, as hexadecimal text.
        class_names: The name of each class, by index; None where the data name none.
    """

    source: str
    names: Sequence[str]
    labels: Labels
    read: Callable[[int], Pixels]
    digest: Callable[[Sequence[int]], str]
    class_names: ClassNames | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Sequence[int]) -> ImageData:
        """Return some of the images, by index, as data of their own."""
        places = [int(index) for index in indices]
        return replace(
            self,
            names=[self.names[place] for place in places],
            labels=self.labels[places],
            read=lambda index: self.read(places[index]),
            digest=lambda some: self.digest([places[index] for index in some]),
        )

    def read_batch(self, indices: Sequence[int]) -> tuple[list[Pixels], dict[int, str]]:
        """Read some images, one thread per core.

        Returns:
            The images that could be read, in order, and for each other index the reason why not.
        """
        found: dict[int, Pixels] = {}
        failed: dict[int, str] = {}

        def read(position: int) -> None:
            index = indices[position]
            try:
                found[index] = self.read(index)
            except ImageReadError as error:
                failed[index] = str(error)

        for_each(read, len(indices))
        # threads fail in any order
        reasons = {index: failed[index] for index in indices if index in failed}
        return [found[index] for index in indices if index in found], reasons


def resize(pixels: Pixels, size: Size) -> Pixels:
    """Resize uint8 of shape (height, width, 1 or 3) to `size` (height, width) with Pillow's bicubic filter."""
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    plane = pixels[..., 0] if pixels.shape[2] == GREY else pixels
    return np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BICUBIC)).reshape(*size, -1)


def to_grey(pixels: Pixels) -> Pixels:
    """Return RGB pixels as Pillow's ``convert("L")`` has them: uint8 of shape (height, width, 1)."""
    return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]


def like(model: Pixels, pixels: Pixels) -> Pixels:
    """Return RGB pixels with as many channels as another image has: grey where that is."""
    return to_grey(pixels) if model.shape[-1] == GREY else pixels


def numbered(count: int) -> list[str]:
    """Return the names of images that have none: their index, all of one length."""
    width = len(str(max(count - 1, 0)))
    return [f"{index:0{width}d}" for index in range(count)]
