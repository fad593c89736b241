"""The way through the sixteen 4x4 blocks of a macroblock: ten sub-steps of one or two blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import prediction
from tf_lowdef.webp.graph.layout import Index


@dataclass(frozen=True)
class SubStep:
    """Blocks (x, y) of a macroblock with the same x + 2 * y: all they need is coded.

    Attributes:
        blocks: Their raster indices.
        index: Where their edges and what their neighbours left stand, among the kept edges followed by the last three
            sub-steps' blocks, shape (n * blocks,).
    """

    blocks: tuple[int, ...]
    index: Index

    def in_rows(self, found: tf.Tensor) -> tf.Tensor:
        """Bring what the sub-step gave of its blocks, shape (n * blocks, k), into one row a macroblock."""
        count = len(self.blocks)
        return found if count == 1 else tf.reshape(found, [-1, count * found.shape[1]])


@dataclass(frozen=True)
class Way:
    """The ten sub-steps, for blocks that leave 16 pixels, `labels` numbers, the first their mode, and `more` numbers.

    A macroblock's own edges then are 37 pixels (16 above, 16 at the left, the corner, four above at the right) and, for
    each label, four numbers above and four at the left. Few operations count here, more than few bytes: what a sub-step
    gives is brought into one row a macroblock once, and used so.
    """

    labels: int
    more: int = 0

    @property
    def block(self) -> int:
        """Numbers that a coded block leaves."""
        return 16 + self.labels + self.more

    def sub_steps(self) -> tuple[SubStep, ...]:
        """Return the ten sub-steps."""
        return _sub_steps(self.labels, self.block)

    @property
    def order(self) -> Index:
        """The raster indices of the 16 blocks in the order of the sub-steps."""
        return np.concatenate([step.blocks for step in self.sub_steps()]).astype(np.int32)

    def targets(self, blocks: tf.Tensor, size: int) -> list[tf.Tensor]:
        """Cut what is known of each block into what each sub-step takes, (n * blocks, size).

        Args:
            blocks: Shape (n, k * size) with k at least 16, block after block; what follows does not count.
            size: Numbers of a block.
        """
        steps = self.sub_steps()
        ordered = tf.gather(tf.reshape(blocks, [-1, blocks.shape[1] // size, size]), self.order, axis=1)
        parts = tf.split(tf.reshape(ordered, [-1, 16 * size]), [len(step.blocks) * size for step in steps], axis=1)
        return [
            part if len(step.blocks) == 1 else tf.reshape(part, [-1, size])
            for part, step in zip(parts, steps, strict=True)
        ]

    def neighbourhood(self, own: tf.Tensor, coded: list[tf.Tensor]) -> tf.Tensor:
        """Collect what stands around the blocks of the next sub-step.

        Args:
            own: float32, shape (n, 37 + 8 * labels), the macroblock's own edges.
            coded: Of each sub-step so far, its blocks in rows, shape (n, blocks * block).

        Returns:
            float32, shape (n * blocks, 13 + 2 * labels): the 13 edges that ``prediction.four_by_four`` takes, then
            each label of the block above and of the one at the left.
        """
        together = tf.concat([own, *coded[:-4:-1]], axis=1) if coded else own
        found = tf.gather(together, self.sub_steps()[len(coded)].index, axis=1)
        return tf.reshape(found, [-1, 13 + 2 * self.labels])

    def in_raster_order(self, coded: list[tf.Tensor]) -> tf.Tensor:
        """Put what all sub-steps gave, in rows, together as (n, 16, block)."""
        together = tf.reshape(tf.concat(coded, axis=1), [-1, 16, self.block])
        return tf.gather(together, np.argsort(self.order).astype(np.int32), axis=1)


OWN_PIXELS = np.concatenate(
    [
        np.arange(start, start + size)
        for start, size in (
            (prediction.TOP, 16),
            (prediction.LEFT, 16),
            (prediction.CORNER, 1),
            (prediction.TOP_RIGHT, 4),
        )
    ]
).astype(np.int32)
"""Where a macroblock's own 37 pixels stand among its edges."""


@lru_cache(maxsize=2)
def _sub_steps(labels: int, size: int) -> tuple[SubStep, ...]:
    by_step: list[list[int]] = [[] for _ in range(10)]
    for block in range(16):
        by_step[block % 4 + 2 * (block // 4)].append(block)
    return tuple(
        SubStep(tuple(blocks), np.concatenate([_block_index(block, by_step, step, labels, size) for block in blocks]))
        for step, blocks in enumerate(by_step)
    )


def _block_index(block: int, by_step: list[list[int]], step: int, labels: int, size: int) -> Index:
    """Return the places for one block, of which each leaves `size` numbers."""
    start = 37 + 8 * labels
    places: dict[int, int] = {}
    for earlier in range(step - 1, max(step - 4, -1), -1):
        for other in by_step[earlier]:
            places[other] = start
            start += size
    y, x = divmod(block, 4)

    def pixel(row: int, column: int) -> int:
        if row < 0 and column < 0:
            return 32
        if row < 0:
            return column if column < 16 else 33 + column - 16
        if column < 0:
            return 16 + row
        return places[row // 4 * 4 + column // 4] + row % 4 * 4 + column % 4

    top, left = 4 * y - 1, 4 * x - 1
    index = [pixel(row, left) for row in range(4 * y + 3, 4 * y - 2, -1)]
    index += [pixel(top, column) for column in range(4 * x, 4 * x + 4)]
    # The last column takes the pixels above the macroblock in every row (RFC 6386 section 12.3).
    index += [pixel(-1 if x == 3 else top, column) for column in range(4 * x + 4, 4 * x + 8)]
    for label in range(labels):
        index.append(places[block - 4] + 16 + label if y else 37 + 8 * label + x)
        index.append(places[block - 1] + 16 + label if x else 41 + 8 * label + y)
    return np.array(index, np.int32)
