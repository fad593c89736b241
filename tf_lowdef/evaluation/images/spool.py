"""The images of an evaluation, read once and kept in a temporary file: attacks come back to them, memory does not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.evaluation.models.judge import Batch
from tf_lowdef.jobs import Unit

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]


class Spool:
    """Images of one size with labels and names, on disk until the object goes; at most a batch is in memory.

    Args:
        folder: Where the temporary file lies; None is the system's place for them. It has no name there, so nothing
            is left however the process ends.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._file: Any = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - lives as long as the object
        self.names: list[str] = []
        self._labels: list[int] = []
        self._shape: tuple[int, ...] | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def labels(self) -> Labels:
        """int64, shape (n,), the true classes."""
        return np.array(self._labels, np.int64)

    @property
    def resolution(self) -> tuple[int, int] | None:
        """Height and width of every image; None while there is none."""
        return None if self._shape is None else (self._shape[0], self._shape[1])

    def add(self, images: Pixels, labels: Labels, names: Sequence[str]) -> None:
        """Add uint8 images of shape (n, height, width, 3).

        Raises:
            ValueError: Their size is not that of the images before.
        """
        if self._shape is None:
            self._shape = images.shape[1:]
        if images.shape[1:] != self._shape:
            raise ValueError(
                "The model has no fixed input size, so all images must have one size. "
                f"Received: {self._shape[0]} x {self._shape[1]} and {images.shape[1]} x {images.shape[2]} among others"
            )
        self._file.seek(0, os.SEEK_END)
        self._file.write(np.ascontiguousarray(images).tobytes())
        self.names += names
        self._labels += labels.tolist()

    def read(self, indices: Indices) -> Pixels:
        """Return some images: uint8, shape (len(indices), height, width, 3)."""
        shape = self._shape or (0, 0, 3)
        size = int(np.prod(shape))
        images = np.empty((len(indices), *shape), np.uint8)
        for place, index in enumerate(indices):
            self._file.seek(int(index) * size)
            images[place] = np.frombuffer(self._file.read(size), np.uint8).reshape(shape)
        return images

    def batch(self, unit: Unit) -> Batch:
        """Return the images at the places that a unit names."""
        return self._take(unit.task["places"])

    def first(self) -> Batch:
        """Return the first image."""
        return self._take([0])

    def _take(self, places: Sequence[int]) -> Batch:
        indices = np.array(places, np.int64)
        return Batch(self.read(indices), self.labels[indices], [self.names[place] for place in places])
