"""The decoder's loop filter as a wavefront along x + y (RFC 6386 section 15, libwebp src/dec/frame_dec.c DoFilter).

In raster order a macroblock's vertical edges come first, from the left one on, then its horizontal ones. The top edge
needs the last columns above as the macroblock above at the right leaves them: its left edge reaches back into them. On
the diagonal x + y both are at the same step, so a step filters all vertical edges, then all horizontal ones.

A tile is one macroblock's luma and chroma together, pixels first and (lane, image) last. In the first half of a step
its lines are rows: part one holds columns 0 to 7 of 16 luma, 8 U and 8 V rows, part two columns 8 to 15 of the luma
rows. In the second half rows and columns change places. What a step finishes is the tile less its last four columns
and rows, which are still to be filtered from the right and from below, with the strips carried from there; a column
and a row of macroblocks of level 0 beyond the picture flush the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph.edge_filter import EDGE, INTERIOR, VARIANCE, filter_inner_edge, filter_macroblock_edge
from tf_lowdef.webp.graph.layout import Grid, Index, pixel_index, pixel_positions, wavefront

_LINES = 32
_STRIP = 4 * _LINES
"""Four pixels of each line: the strip at the left, or above."""
_BOTTOM = 4 * (12 + 4 + 4)
"""The last four rows, without the last four columns."""
_DONE = (144 + 2 * 16, 48 + 2 * 16, _STRIP)
"""Pixels a step finishes: of its own macroblock, of the one at the left, of the one above."""
_SIZES = (16, 8, 8)
Place = tuple[int, int, int]


def loop_filter(blocks: tf.Tensor, level: tf.Tensor, inner: tf.Tensor, grid: Grid) -> tf.Tensor:
    """Filter decoded macroblocks.

    Args:
        blocks: float32, shape (count, batch, 384).
        level: int32, shape (count, batch), 0 to 63.
        inner: float32, shape (count, batch), 1 where inner edges are filtered.
        grid: The picture's grid.

    Returns:
        float32, shape (count, batch, 384).
    """
    schedule = wavefront(grid.rows + 1, grid.columns + 1, slope=1)
    steps, lanes = schedule.steps, schedule.lanes
    y, x = np.divmod(schedule.source, grid.columns + 1)
    outside = (x == grid.columns) | (y == grid.rows)
    source = np.where(outside, 0, y * grid.columns + x)
    batch = tf.shape(blocks)[1]
    count = lanes * batch
    # Turned first: a gather copies rows of numbers much faster than single ones.
    tiles = tf.reshape(tf.transpose(tf.gather(blocks, source), [0, 3, 1, 2]), [steps, 384, count])
    tiles = tf.gather(tiles, _tile_index(), axis=1)
    limits = tf.reshape(_limits(tf.gather(level, source), tf.gather(inner, source), x, y, outside), [5, steps, count])
    limits = tf.gather(tf.transpose(limits, [1, 0, 2]), _limits_index(), axis=1)[:, :, None]

    def step(t: tf.Tensor, left: tf.Tensor, bottom: tf.Tensor, out: tf.TensorArray) -> tuple[Any, ...]:
        edge_left, edge_top, inside = tf.split(limits[t], 3)
        strip, rows = _filter_lines(left, tiles[t], edge_left, inside)
        above = tf.concat([bottom, tf.gather(strip, _strip_end())], axis=0)
        above = tf.concat([above[:, count - batch :], above[:, : count - batch]], axis=1)
        turned = tf.gather(tf.concat([above, rows], axis=0), _turn_index())
        tile_strip, tile = tf.split(turned, [_STRIP, 384])
        top, columns = _filter_lines(tile_strip, tile, edge_top, inside)
        found = tf.gather(tf.concat([strip, top, columns], axis=0), _leave_index())
        done, left, bottom = tf.split(found, [384, _STRIP, _BOTTOM])
        return t + 1, left, bottom, out.write(t, done)

    out = tf.TensorArray(tf.float32, steps, element_shape=[384, None])
    start = (tf.constant(0), tf.zeros([_STRIP, count]), tf.zeros([_BOTTOM, count]), out)
    *_, out = tf.while_loop(lambda t, *_: t < steps, step, start, maximum_iterations=steps)
    done = tf.reshape(out.stack(), [steps, 384, lanes, -1])
    done = tf.reshape(tf.transpose(done, [0, 2, 3, 1]), [steps * lanes, -1, 384])
    return _assemble(done, schedule.slot.reshape(grid.rows + 1, grid.columns + 1))


def _limits(level: tf.Tensor, inner: tf.Tensor, x: Index, y: Index, outside: Index) -> tf.Tensor:
    """Return thresholds of each slot: left, top and inner edges, interior, variance (src/dec/frame_dec.c)."""
    level = tf.cast(level, tf.float32) * (~outside).astype(np.float32)[..., None]
    limit = 6.0 * level + 1.0
    filtered = level > 0.0
    nothing = -tf.ones_like(level)
    left = tf.where(tf.logical_and(filtered, (x > 0)[..., None]), limit + 8.0, nothing)
    top = tf.where(tf.logical_and(filtered, (y > 0)[..., None]), limit + 8.0, nothing)
    within = tf.where(tf.logical_and(filtered, inner > 0.0), limit, nothing)
    variance = tf.cast(level >= 15.0, tf.float32) + tf.cast(level >= 40.0, tf.float32)
    return tf.stack([left, top, within, level, variance])


@lru_cache(maxsize=1)
def _limits_index() -> Index:
    """Return which of :func:`_limits` the filters of left, top and inner edges take, shape (30,)."""
    edges = [[kind] * EDGE + [3] * INTERIOR + [4] * VARIANCE for kind in range(3)]
    return np.array(edges, np.int32).ravel()


def _filter_lines(
    strip: tf.Tensor, tile: tf.Tensor, outer: tf.Tensor, inside: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Filter the edges at 0, 4, 8 and 12 along the lines.

    Args:
        strip: shape (128, n), the four pixels before.
        tile: shape (384, n): part one, part two.
        outer: The limits of the edge at 0; see ``edge_filter``.
        inside: Those of the others.

    Returns:
        The strip, shape (128, n), and the rest, (384, n): pixels 0 to 3 of all lines, 4 to 7 of chroma, then 4 to 15
        of luma.
    """
    parts = tf.split(tile, [_STRIP, _STRIP, _STRIP // 2, _STRIP // 2])
    strip, first, second, third, fourth = (tf.reshape(part, [4, -1]) for part in (strip, *parts))
    strip, first = filter_macroblock_edge(strip, first, _LINES, outer)
    first, second = filter_inner_edge(first, second, _LINES, inside)
    luma, chroma = tf.split(tf.reshape(second, [4, 2, -1]), 2, axis=1)
    luma, third = filter_inner_edge(tf.reshape(luma, [4, -1]), third, _LINES // 2, inside)
    third, fourth = filter_inner_edge(third, fourth, _LINES // 2, inside)
    shape = [-1, tf.shape(tile)[1]]
    rest = [tf.reshape(part, shape) for part in (first, chroma, luma, third, fourth)]
    return tf.reshape(strip, shape), tf.concat(rest, axis=0)


def _line(index: int) -> tuple[int, int]:
    """Return plane and row (or column) of a tile's line."""
    return (0, index) if index < 16 else (1 + (index - 16) // 8, (index - 16) % 8)


def _tile_places() -> list[Place]:
    """Return (plane, line, pixel along the line) of a tile's parts one and two."""
    one = [(*_line(line), pixel) for pixel in range(8) for line in range(_LINES)]
    return one + [(0, line, pixel) for pixel in range(8, 16) for line in range(16)]


def _rest_places() -> list[Place]:
    """Return the same of the rest that `_filter_lines` gives."""
    first = [(*_line(line), pixel) for pixel in range(4) for line in range(_LINES)]
    chroma = [(*_line(line), pixel) for pixel in range(4, 8) for line in range(16, _LINES)]
    return first + chroma + [(0, line, pixel) for pixel in range(4, 16) for line in range(16)]


def _strip_places() -> list[Place]:
    """Return (plane, line, pixel 0 to 3) of a strip."""
    return [(*_line(line), pixel) for pixel in range(4) for line in range(_LINES)]


@lru_cache(maxsize=1)
def _tile_index() -> Index:
    """Return where the tile's pixels, lines being rows, stand among a macroblock's 384."""
    place = pixel_index()
    return np.array([place[p, row, column] for p, row, column in _tile_places()], np.int32)


@lru_cache(maxsize=1)
def _strip_end() -> Index:
    """Return where the last four lines of each plane stand in a strip: they go to the row below."""
    return np.array([k for k, (p, row, _) in enumerate(_strip_places()) if row >= _SIZES[p] - 4], np.int32)


def _bottom_places() -> list[Place]:
    """Return (plane, row, column) of the carried last four rows, without the last four columns."""
    return [
        (p, row, column) for p, size in enumerate(_SIZES) for row in range(size - 4, size) for column in range(size - 4)
    ]


@lru_cache(maxsize=1)
def _turn_index() -> Index:
    """Return where the second half's tile, strip first, comes from: the carried rows, the strip's end, the rest."""
    sources: dict[tuple[str, Place], int] = {}
    for place in _bottom_places():
        sources["above", place] = len(sources)
    for k in _strip_end():
        p, row, column = _strip_places()[k]
        sources["above", (p, row, column + _SIZES[p] - 4)] = len(sources)
    for place in _rest_places():
        sources["own", place] = len(sources)
    strip = [sources["above", (p, _SIZES[p] - 4 + row, column)] for p, column, row in _strip_places()]
    return np.array(strip + [sources["own", (p, row, column)] for p, column, row in _tile_places()], np.int32)


@lru_cache(maxsize=1)
def _leave_index() -> Index:
    """Return what a step leaves: the finished pixels, the strip for the right, the rows for below."""
    own = {(p, row, column): 2 * _STRIP + k for k, (p, column, row) in enumerate(_rest_places())}
    left = {place: k for k, place in enumerate(_strip_places())}
    above = {(p, row, column): _STRIP + k for k, (p, column, row) in enumerate(_strip_places())}
    done = [own[place] for place in own_places()]
    done += [left[p, row, column - _SIZES[p] + 4] for p, row, column in left_places()]
    done += [above[p, row - _SIZES[p] + 4, column] for p, row, column in above_places()]
    strip = [own[p, row, column + _SIZES[p] - 4] for p, row, column in _strip_places()]
    return np.array(done + strip + [own[place] for place in _bottom_places()], np.int32)


def own_places() -> list[Place]:
    """Return (plane, row, column) of the pixels that a step finishes of its own macroblock, block after block."""
    return _in_blocks(lambda size, row, column: row < size - 4 and column < size - 4)


def left_places() -> list[Place]:
    """Return the same of the macroblock at the left."""
    return _in_blocks(lambda size, row, column: row < size - 4 <= column)


def above_places() -> list[Place]:
    """Return the same of the macroblock above."""
    return _in_blocks(lambda size, row, _: row >= size - 4)


def _in_blocks(wanted: Callable[[int, int, int], bool]) -> list[Place]:
    """Return (plane, row, column) in the order of a macroblock's 384 values, where wanted of (size, row, column)."""
    places = zip(*(part.tolist() for part in pixel_positions()), strict=True)
    return [place for place in places if wanted(_SIZES[place[0]], *place[1:])]


def _assemble(done: tf.Tensor, slot: Index) -> tf.Tensor:
    """Put the finished parts of each macroblock, from three steps, together; shape (count, batch, 384)."""
    own, left, _ = np.cumsum(_DONE)
    parts = [
        tf.gather(done[..., :own], slot[:-1, :-1].ravel()),
        tf.gather(done[..., own:left], slot[:-1, 1:].ravel()),
        tf.gather(done[..., left:], slot[1:, :-1].ravel()),
    ]
    place = pixel_index()
    order = [place[each] // 16 for each in (own_places() + left_places() + above_places())[::16]]
    together = tf.reshape(tf.concat(parts, axis=-1), [parts[0].shape[0], -1, 24, 16])
    return tf.reshape(tf.gather(together, np.argsort(order).astype(np.int32), axis=2), [parts[0].shape[0], -1, 384])
