"""The way through the sixteen 4x4 blocks of a macroblock: ten sub-steps of one or two blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import prediction
from tf_lowdef.webp.graph.layout import Index

BLOCK = 17
"""A coded block: 16 pixels and its mode."""


@dataclass(frozen=True)
class SubStep:
    """Blocks (x, y) of a macroblock with the same x + 2 * y: all they need is coded.

    Attributes:
        blocks: Their raster indices.
        index: Where their edges and modes stand among the kept edges followed by the last three sub-steps' blocks,
            shape (15 * blocks,).
    """

    blocks: tuple[int, ...]
    index: Index


def keep_edges(edges: tf.Tensor) -> tf.Tensor:
    """Keep what 4x4 prediction takes of a macroblock's 79 edges."""
    return tf.gather(edges, _kept(), axis=1)


@lru_cache(maxsize=1)
def _kept() -> Index:
    p = prediction
    ranges = ((p.TOP, 16), (p.LEFT, 16), (p.CORNER, 1), (p.TOP_RIGHT, 4), (p.TOP_MODES, 4), (p.LEFT_MODES, 4))
    return np.concatenate([np.arange(start, start + size) for start, size in ranges]).astype(np.int32)


@lru_cache(maxsize=1)
def sub_steps() -> tuple[SubStep, ...]:
    """Return the ten sub-steps."""
    by_step: list[list[int]] = [[] for _ in range(10)]
    for block in range(16):
        by_step[block % 4 + 2 * (block // 4)].append(block)
    return tuple(
        SubStep(tuple(blocks), np.concatenate([_block_index(block, by_step, step) for block in blocks]))
        for step, blocks in enumerate(by_step)
    )


def _block_index(block: int, by_step: list[list[int]], step: int) -> Index:
    """Return the 15 places for one block."""
    start = len(_kept())
    places: dict[int, int] = {}
    for earlier in range(step - 1, max(step - 4, -1), -1):
        for other in by_step[earlier]:
            places[other] = start
            start += BLOCK
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
    index.append(places[block - 4] + 16 if y else 37 + x)
    index.append(places[block - 1] + 16 if x else 41 + y)
    return np.array(index, np.int32)


def neighbourhood(kept: tf.Tensor, coded: list[tf.Tensor], sub_step: SubStep) -> tf.Tensor:
    """Collect the edges of a sub-step's blocks.

    Args:
        kept: float32, shape (n, 45), of :func:`keep_edges`.
        coded: Of each sub-step so far, its blocks, shape (n * blocks, 17).
        sub_step: Which.

    Returns:
        float32, shape (n * blocks, 15): what ``prediction.four_by_four`` takes.
    """
    recent = [tf.reshape(part, [-1, part_blocks * BLOCK]) for part, part_blocks in _recent(coded)]
    sources = tf.concat([kept, *recent], axis=1) if recent else kept
    return tf.reshape(tf.gather(sources, sub_step.index, axis=1), [-1, 15])


def _recent(coded: list[tf.Tensor]) -> list[tuple[tf.Tensor, int]]:
    sizes = [len(step.blocks) for step in sub_steps()]
    return [(coded[k], sizes[k]) for k in range(len(coded) - 1, max(len(coded) - 4, -1), -1)]


@lru_cache(maxsize=1)
def _raster_order() -> Index:
    order = [block for step in sub_steps() for block in step.blocks]
    return np.argsort(order).astype(np.int32)


def in_raster_order(parts: list[tf.Tensor]) -> tf.Tensor:
    """Put what the sub-steps gave, each of shape (n * blocks, k), together as (n, 16, k)."""
    size = parts[0].shape[-1]
    together = [
        tf.reshape(part, [-1, len(step.blocks), size]) for part, step in zip(parts, sub_steps(), strict=True)
    ]
    return tf.gather(tf.concat(together, axis=1), _raster_order(), axis=1)
