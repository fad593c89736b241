"""Labelled images for an evaluation: named, read one at a time, already at the model's size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.files import ImageReadError
from tf_lowdef.threads import for_each

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Size = tuple[int, int]


@dataclass(frozen=True)
class ImageData:
    """Labelled images.

    Attributes:
        source: What a person calls it: a path, ``"demo"`` or ``"arrays"``.
        names: One unique name an image, a relative path without its suffix: what its adversarial image is called.
        labels: int64, shape (n,), 0-based class indices.
        read: Gives image `i` as uint8 of shape (height, width, 3); raises ImageReadError.
        digest: Gives a hash of some images and their labels, by index, as hexadecimal text.
    """

    source: str
    names: Sequence[str]
    labels: Labels
    read: Callable[[int], Pixels]
    digest: Callable[[Sequence[int]], str]

    def __len__(self) -> int:
        return len(self.labels)

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
    """Resize uint8 of shape (height, width, 3) to `size` (height, width) with Pillow's bicubic filter."""
    height, width = size
    if pixels.shape[:2] == size:
        return pixels
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BICUBIC))
