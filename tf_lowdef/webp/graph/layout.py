"""Where each pixel, macroblock and wavefront step lies: index lists that depend on the picture's size alone.

A macroblock is 24 blocks of 16 values: 16 luma blocks in raster order, 4 of U, 4 of V; so 384 values. Macroblocks are
in raster order.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

Index = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Grid:
    """The macroblocks of a picture of `height` x `width` pixels (`rows` x `columns` of them)."""

    height: int
    width: int

    @property
    def rows(self) -> int:
        """Macroblock rows."""
        return (self.height + 15) // 16

    @property
    def columns(self) -> int:
        """Macroblock columns."""
        return (self.width + 15) // 16

    @property
    def count(self) -> int:
        """Macroblocks in all."""
        return self.rows * self.columns

    def positions(self) -> tuple[Index, Index]:
        """Return the column and the row of each macroblock, each of shape (count,)."""
        rows, columns = np.divmod(np.arange(self.count, dtype=np.int32), np.int32(self.columns))
        return columns, rows


@dataclass(frozen=True)
class Schedule:
    """The order in which macroblocks are worked on, several at a time.

    Attributes:
        source: Macroblock of each slot, shape (steps, lanes); a free slot repeats some macroblock, for nobody's use.
        slot: step * lanes + lane of each macroblock, shape (count,).
    """

    source: Index
    slot: Index

    @property
    def steps(self) -> int:
        """Length of the way."""
        return int(self.source.shape[0])

    @property
    def lanes(self) -> int:
        """Macroblocks at a time."""
        return int(self.source.shape[1])


@lru_cache(maxsize=64)
def wavefront(rows: int, columns: int, slope: int) -> Schedule:
    """Return the wavefront with macroblock (x, y) at step x + slope * y, in cyclic lanes.

    Row y takes lane y modulo the number of lanes, which is the smallest for which a row has ended before another takes
    its lane: ceil(columns / slope). The neighbour above then is always one lane back, `slope` steps ago.
    """
    lanes = min(rows, -(-columns // slope))
    y, x = np.divmod(np.arange(rows * columns), columns)
    step = x + slope * y
    source = np.zeros((int(step.max()) + 1, lanes), np.int32)
    source[step, y % lanes] = np.arange(rows * columns)
    return Schedule(source, (step * lanes + y % lanes).astype(np.int32))


def pad_to(planes: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Repeat the last row and column of planes of shape (batch, h, w, ...) up to `height` x `width`."""
    for axis, size in ((1, height), (2, width)):
        have = planes.shape[axis]
        if have != size:
            index = np.minimum(np.arange(size, dtype=np.int32), have - 1)
            planes = tf.gather(planes, index, axis=axis)
    return planes


def to_macroblocks(y: tf.Tensor, u: tf.Tensor, v: tf.Tensor, grid: Grid) -> tf.Tensor:
    """Cut planes, each of shape (batch, h, w), into macroblocks, repeating the edges where they end inside one.

    Returns:
        Of the planes' type, shape (count, batch, 384).
    """
    parts = []
    for plane, blocks in ((y, 4), (u, 2), (v, 2)):
        plane = pad_to(plane, grid.rows * blocks * 4, grid.columns * blocks * 4)
        cut = tf.reshape(plane, [-1, grid.rows, blocks, 4, grid.columns, blocks, 4])
        cut = tf.transpose(cut, [1, 4, 0, 2, 5, 3, 6])
        parts.append(tf.reshape(cut, [grid.count, -1, blocks * blocks * 16]))
    return tf.concat(parts, axis=-1)


def from_macroblocks(blocks: tf.Tensor, grid: Grid) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Put macroblocks, shape (count, batch, 384), together: padded planes Y, U, V of shape (batch, h, w)."""
    planes = []
    start = 0
    for size in (4, 2, 2):
        part = blocks[..., start : start + size * size * 16]
        start += size * size * 16
        part = tf.reshape(part, [grid.rows, grid.columns, -1, size, size, 4, 4])
        part = tf.transpose(part, [2, 0, 3, 5, 1, 4, 6])
        planes.append(tf.reshape(part, [-1, grid.rows * size * 4, grid.columns * size * 4]))
    return planes[0], planes[1], planes[2]


@lru_cache(maxsize=1)
def pixel_positions() -> tuple[Index, Index, Index]:
    """Return plane (0 Y, 1 U, 2 V), row and column inside the plane's part of each of a macroblock's 384 values."""
    plane, row, column = [], [], []
    for index, blocks in ((0, 4), (1, 2), (2, 2)):
        by, bx, r, c = np.meshgrid(np.arange(blocks), np.arange(blocks), np.arange(4), np.arange(4), indexing="ij")
        plane.append(np.full(blocks * blocks * 16, index))
        row.append((4 * by + r).ravel())
        column.append((4 * bx + c).ravel())
    return tuple(np.concatenate(part).astype(np.int32) for part in (plane, row, column))  # type: ignore[return-value]


@lru_cache(maxsize=1)
def pixel_index() -> dict[tuple[int, int, int], int]:
    """Return the place among the 384 values by (plane, row, column)."""
    plane, row, column = pixel_positions()
    places = zip(plane.tolist(), row.tolist(), column.tolist(), strict=True)
    return {place: index for index, place in enumerate(places)}
