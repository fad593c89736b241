"""Labelled images that come one after the other: at most a batch of them is in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.data.image_data import ClassNames, ImageData, Labels, Pixels, numbered


class Stream:
    """The examples of a data set in their one order; going back costs a pass from the beginning.

    Args:
        examples: A ``tf.data.Dataset`` of pairs (image, label), one image each.
    """

    def __init__(self, examples: Any) -> None:
        self._examples = examples
        self._next = 0
        self._rest: Iterator[tuple[Any, Any]] = iter(())

    def labels(self) -> npt.NDArray[Any]:
        """Return every label, in one pass."""
        return np.array(list(self._examples.map(lambda _, label: label).as_numpy_iterator()))

    def read(self, indices: Sequence[int]) -> dict[int, Any]:
        """Return the images at some places, in one pass at most from where the last one ended.

        Raises:
            ValueError: There are fewer examples than in an earlier pass.
        """
        wanted, found = set(indices), dict[int, Any]()
        if not wanted:
            return found
        if min(wanted) < self._next or not self._next:
            self._next, self._rest = 0, self._examples.as_numpy_iterator()
        while len(found) < len(wanted):
            image, _ = next(self._rest, (None, None))
            if image is None:
                raise ValueError(f"The data had more than {self._next} images in an earlier pass, and now have no more")
            if self._next in wanted:
                found[self._next] = image
            self._next += 1
        return found


@dataclass(frozen=True)
class StreamedData(ImageData):
    """Images that are read a batch at a time; see `ImageData`.

    Attributes:
        stream: Where they come from.
        decode: From what the stream holds of an image to pixels, as the model takes them.
    """

    stream: Stream
    decode: Callable[[Any], Pixels]

    def read_batch(self, indices: Sequence[int]) -> tuple[list[Pixels], dict[int, str]]:
        """Read some images; see `ImageData.read_batch`."""
        found, pixels, failed = self.stream.read(indices), [], {}
        for index in indices:
            try:
                pixels.append(self.decode(found[index]))
            except Exception as error:  # Pillow's decoders raise many types
                failed[index] = f"{self.source}: image {index} cannot be decoded: {error}"
        return pixels, failed


def streamed(
    source: str, stream: Stream, labels: Labels, decode: Callable[[Any], Pixels], class_names: ClassNames | None
) -> StreamedData:
    """Return a stream as labelled images; the fields are those of `StreamedData`."""

    def digest(indices: Sequence[int]) -> str:
        hashes = {}
        for index in sorted(indices):  # one pass, one image at a time
            image = stream.read([index])[index]
            hashes[index] = hashlib.sha256(image if isinstance(image, bytes) else image.tobytes()).digest()
        total = hashlib.sha256()
        for index in indices:
            total.update(f"{index}\0{labels[index]}\0".encode())
            total.update(hashes[index])
        return total.hexdigest()

    def read(index: int) -> Pixels:
        return decode(stream.read([index])[index])

    return StreamedData(source, numbered(len(labels)), labels, read, digest, stream, decode, class_names=class_names)
