"""The encoder's way for methods 3 and 4: a wavefront inside each epoch, costs refreshed between epochs.

libwebp refreshes the costs of tokens at fixed macroblocks (src/enc/frame_enc.c, VP8EncTokenLoop); in between nothing
but prediction orders the macroblocks. What they leave to neighbours is kept in one tensor of all macroblocks.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph import intra4, prediction, token_costs
from tf_lowdef.webp.graph.coding import Quantisers
from tf_lowdef.webp.graph.control import replace_if
from tf_lowdef.webp.graph.epochs import EpochSchedule, epoch_schedule
from tf_lowdef.webp.graph.layout import Grid, Index, pixel_index
from tf_lowdef.webp.graph.prediction import ALL_EDGES, Borders
from tf_lowdef.webp.graph.rd_intra4 import pick_intra4
from tf_lowdef.webp.graph.rd_scores import Weights, texture
from tf_lowdef.webp.graph.rd_whole import Around, pick_whole
from tf_lowdef.webp.graph.rounding import count_values
from tf_lowdef.webp.graph.tokens import offsets

_SIDE = 6
_ABOVE, _LEFT = 49, 49
"""What a macroblock leaves below: 32 pixels, 4 modes, 9 flags, 4 errors; and as much to the right."""
_EDGES = ALL_EDGES + 26
"""The edges of ``prediction``, then flags above (9) and left (9), errors above (4) and left (4)."""
_RESULT = 389
KEYS = 25 * 16
"""Tokens of a macroblock."""


def encode_rd(blocks: tf.Tensor, side: tf.Tensor, grid: Grid, method: int) -> tf.Tensor:
    """Encode and decode macroblocks with method 3 or 4.

    Args:
        blocks: float32, shape (count, batch, 384), the source.
        side: float32, shape (count, batch, 6), of ``encode.side_information``.
        grid: The picture's grid.
        method: 3 or 4.

    Returns:
        float32, shape (count, batch, 389): pixels, use_i4, inner, luma mode, chroma mode, edge.
    """
    schedule = epoch_schedule(grid.rows, grid.columns)
    lanes, steps, count = schedule.lanes, schedule.steps, grid.count
    batch = tf.shape(blocks)[1]
    image = tf.tile(tf.range(batch), [lanes])
    # Before the first refresh all images have the same costs.
    offset = offsets(image if schedule.epochs > 1 else tf.zeros_like(image))
    textures = texture(tf.reshape(blocks[..., :256], [count, -1, 16, 16]))
    given = tf.gather(tf.concat([blocks, side, textures], axis=2), schedule.source)
    places, mask, constant, dc, repeat, target, valid, fresh = _constants(schedule, grid)

    def step(
        t: tf.Tensor, left_there: tf.Tensor, out: tf.TensorArray, state: tuple[tf.Tensor, ...], seen: tf.Tensor
    ) -> tuple[Any, ...]:
        if schedule.epochs > 1:
            before = state
            state = replace_if(fresh[t], before, lambda: _refreshed(seen, before))
        edges = _edges(tf.gather(left_there, places[t]), repeat[t]) * mask[t] + constant[t]
        weights = tf.broadcast_to(dc[t], [lanes, batch, 3])
        now = tf.reshape(given[t], [lanes * batch, 384 + _SIDE + 16])
        result, leaves, keys = _code(
            now,
            tf.reshape(edges, [lanes * batch, _EDGES]),
            tf.reshape(weights, [lanes * batch, 3]),
            state[1],
            offset,
            method,
        )
        leaves = tf.reshape(leaves, [lanes, batch, _ABOVE + _LEFT])
        left_there = tf.tensor_scatter_nd_update(left_there, target[t], leaves)
        if schedule.epochs > 1:
            # A free lane's keys become 0, which no probability counts.
            keys = tf.reshape(keys, [lanes, batch, KEYS]) * valid[t]
            keys = tf.reshape(tf.transpose(keys, [1, 0, 2]), [batch, lanes * KEYS])
            seen += count_values(tf.cast(keys, tf.int32), token_costs.SIZE)
        return t + 1, left_there, out.write(t, tf.reshape(result, [lanes, batch, _RESULT])), state, seen

    first = token_costs.initial(batch if schedule.epochs > 1 else 1)
    seen = tf.zeros([batch if schedule.epochs > 1 else 0, token_costs.SIZE], tf.int32)
    out = tf.TensorArray(tf.float32, steps, element_shape=[lanes, None, _RESULT])
    left_there = tf.zeros([count + 1, batch, _ABOVE + _LEFT])
    loop = (tf.constant(0), left_there, out, (first.levels, first.table), seen)
    _, _, out, _, _ = tf.while_loop(lambda t, *_: t < steps, step, loop, maximum_iterations=steps)
    return tf.gather(tf.reshape(out.stack(), [steps * lanes, -1, _RESULT]), schedule.slot)


def _refreshed(seen: tf.Tensor, state: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, tf.Tensor]:
    new = token_costs.refresh(seen, token_costs.State(*state))
    return new.levels, new.table


def _constants(schedule: EpochSchedule, grid: Grid) -> tuple[tf.Tensor, ...]:
    """Return what each step takes: neighbours' places, mask, constant, DC weights, repeat, target, valid, fresh."""
    x, y = grid.positions()
    source = schedule.source
    x, y = x[source], y[source]
    nobody = grid.count
    left = np.where(x > 0, source - 1, nobody)
    above = np.where(y > 0, source - grid.columns, nobody)
    right = np.where((y > 0) & (x < grid.columns - 1), source - grid.columns + 1, nobody)
    corner = np.where((y > 0) & (x > 0), source - grid.columns - 1, nobody)
    places = np.stack([left, right, above, corner], axis=1).astype(np.int32)
    borders = Borders.of(x.ravel(), y.ravel(), grid.columns)
    there_above, there_left = borders.mask[:, :1], borders.mask[:, prediction.LEFT : prediction.LEFT + 1]
    more = [
        np.repeat(part, size, axis=1)
        for part, size in ((there_above, 9), (there_left, 9), (there_above, 4), (there_left, 4))
    ]
    mask = np.concatenate([borders.mask, *more], axis=1)
    constant = np.concatenate([borders.constant, np.zeros((len(mask), 26), np.float32)], axis=1)
    shape = (schedule.steps, schedule.lanes, 1, -1)
    parts = (part.reshape(shape) for part in (mask, constant, borders.dc, borders.repeat))
    target = np.where(schedule.valid, source, nobody)[..., None].astype(np.int32)
    valid = schedule.valid.astype(np.float32)[..., None, None]
    return tuple(tf.constant(part) for part in (places, *parts, target, valid, schedule.fresh))


def _edges(around: tf.Tensor, repeat: tf.Tensor) -> tf.Tensor:
    """Collect the edges from what left, above right, above and corner left, shape (4, lanes, batch, 98)."""
    left, right, above, corner = tf.unstack(around)
    above_right = tf.where(repeat, above[..., 15:16], right[..., :4])
    below = _ABOVE
    parts = [
        above[..., :32], left[..., below : below + 32], corner[..., 15:32:8], above_right,
        above[..., 32:36], left[..., below + 32 : below + 36],
        above[..., 36:45], left[..., below + 36 : below + 45], above[..., 45:49], left[..., below + 45 :],
    ]  # fmt: skip
    return tf.concat(parts, axis=-1)


def _code(
    now: tf.Tensor, edges: tf.Tensor, dc: tf.Tensor, table: tf.Tensor, offset: tf.Tensor, method: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Code macroblocks: results (n, 389), what they leave (n, 98), keys of their tokens (n, 25, 16)."""
    source, side, source_texture = tf.split(now, [384, _SIDE, 16], axis=1)
    index = tf.cast(side[:, :2], tf.int32)
    quantisers = Quantisers.of(index[:, 0], index[:, 1])
    weights = Weights.of(index[:, 0], index[:, 1], method)
    flags = edges[:, ALL_EDGES : ALL_EDGES + 18]
    around = Around(flags, edges[:, _EDGES - 8 : _EDGES - 4], edges[:, _EDGES - 4 :])
    whole = pick_whole(
        source, source_texture, prediction.whole(edges, dc), side[:, 3:4], quantisers, weights, side[:, 2:3], around,
        table, offset,
    )  # fmt: skip
    own = np.concatenate(
        [intra4.OWN_PIXELS, np.arange(prediction.TOP_MODES, ALL_EDGES + 4), np.arange(ALL_EDGES + 9, ALL_EDGES + 13)]
    )
    intra = pick_intra4(
        source[:, :256], source_texture, tf.gather(edges, own.astype(np.int32), axis=1), quantisers.y1, weights, table,
        offset,
    )  # fmt: skip
    use_i4 = (intra.score < whole.score)[:, None]
    pixels = tf.concat([tf.where(use_i4, intra.pixels, whole.pixels[:, :256]), whole.pixels[:, 256:]], axis=1)
    modes = tf.where(use_i4, intra.modes, tf.cast(whole.luma_mode, tf.float32)[:, None])
    nonzero = tf.where(use_i4, intra.nonzero, whole.nonzero[:, :16])
    # A macroblock of 4x4 blocks has no DC block: the flags pass through it, down and to the right.
    dc_flags = tf.where(use_i4, tf.gather(flags, [8, 17], axis=1), whole.nonzero[:, 24:])
    inner = tf.logical_or(use_i4, tf.logical_or(whole.coded[:, :1], whole.coded[:, 1:]))
    numbers = (use_i4[:, 0], inner[:, 0], whole.luma_mode, whole.chroma_mode, whole.edge)
    result = tf.concat([pixels, tf.stack([tf.cast(number, tf.float32) for number in numbers], axis=1)], axis=1)
    leaves = _leaves(pixels, modes, tf.concat([nonzero, whole.nonzero[:, 16:24], dc_flags], axis=1), whole.errors)
    luma_keys = tf.where(use_i4[..., None], intra.keys, whole.keys[:, :16])
    dc_keys = tf.where(use_i4[..., None], 0.0, whole.keys[:, 24:])
    return result, leaves, tf.concat([luma_keys, whole.keys[:, 16:24], dc_keys], axis=1)


def _leaves(pixels: tf.Tensor, modes: tf.Tensor, nonzero: tf.Tensor, errors: tf.Tensor) -> tf.Tensor:
    """Collect what a macroblock leaves to its neighbours, shape (n, 98)."""
    # libwebp keeps errors in whole numbers: 3/4 of the last one goes right, what is left goes down.
    error1, error2, error3 = tf.unstack(errors, axis=2)
    to_right = tf.floor(error3 * 0.75)
    down = tf.reshape(tf.stack([error2, error3 - to_right], axis=2), [-1, 4])
    right = tf.reshape(tf.stack([error1, to_right], axis=2), [-1, 4])
    together = tf.concat([pixels, modes, nonzero, down, right], axis=1)
    return tf.gather(together, _leaves_index(), axis=1)


@lru_cache(maxsize=1)
def _leaves_index() -> Index:
    place = pixel_index()
    sizes = ((0, 16), (1, 8), (2, 8))
    modes, flags, errors = 384, 400, 426
    bottom = [place[plane, size - 1, k] for plane, size in sizes for k in range(size)]
    right = [place[plane, k, size - 1] for plane, size in sizes for k in range(size)]
    below = [
        *bottom,
        *(modes + k for k in (12, 13, 14, 15)),
        *(flags + k for k in (12, 13, 14, 15, 18, 19, 22, 23, 24)),
    ]
    beside = [*right, *(modes + k for k in (3, 7, 11, 15)), *(flags + k for k in (3, 7, 11, 15, 17, 19, 21, 23, 25))]
    return np.array([*below, *range(errors, errors + 4), *beside, *range(errors + 4, errors + 8)], np.int32)
