"""The encoder's wavefront: macroblocks in an order that gives each its neighbours, several at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph.analysis import Analysis
from tf_lowdef.webp.graph.distortion import Coded, code_macroblocks
from tf_lowdef.webp.graph.encode_rd import encode_rd
from tf_lowdef.webp.graph.layout import Grid, Index, pixel_index, wavefront
from tf_lowdef.webp.graph.prediction import ALL_EDGES, TOP_MODES, TOP_RIGHT, Borders
from tf_lowdef.webp.graph.segments import Segments

_FEATURES = 72
"""What a macroblock leaves to its neighbours: 32 pixels of its bottom row, 32 of its right column, 4 + 4 modes."""
_SIDE = 6
_MODES, _RESULT = 388, 404
"""What a step stores of a macroblock: 384 pixels, four labels, the 16 modes of 4x4 blocks."""
MAX_DIFFUSION_QUALITY = 98
"""Above this quality chroma errors are not diffused (libwebp src/enc/vp8i_enc.h, ERROR_DIFFUSION_QUALITY)."""


@dataclass(frozen=True)
class Encoded:
    """The encoded picture before the loop filter, macroblock by macroblock.

    Attributes:
        pixels: float32, shape (count, batch, 384).
        use_i4: float32, shape (count, batch), 1 for 4x4 prediction.
        inner: float32, shape (count, batch), 1 where edges inside the macroblock are filtered.
        luma_mode: float32, shape (count, batch), the 16x16 mode, 0 to 3.
        chroma_mode: float32, shape (count, batch), 0 to 3.
        edge: float32, shape (count, batch): what the filter's strength may have to rise to (methods 3 and 4).
    """

    pixels: tf.Tensor
    use_i4: tf.Tensor
    inner: tf.Tensor
    luma_mode: tf.Tensor
    chroma_mode: tf.Tensor
    edge: tf.Tensor | None = None


def side_information(analysis: Analysis, segments: Segments, diffused: tf.Tensor) -> tf.Tensor:
    """Collect what the mode decision must know of each macroblock.

    Args:
        analysis: The first look.
        segments: The segments.
        diffused: bool, shape (batch or 1,), whether chroma errors are diffused.

    Returns:
        float32, shape (count, batch, 6): quantiser index, chroma AC quantiser index, whether errors are diffused,
        whether luma is flat, the analysis' 4x4 choice and its chroma mode.
    """
    by_image = tf.transpose(segments.segment)
    quantiser = tf.transpose(tf.gather(segments.quantiser, by_image, batch_dims=1))
    chroma = tf.clip_by_value(quantiser + segments.uv_shift, 0, 127)
    diffusion = tf.broadcast_to(tf.cast(diffused, tf.int32), tf.shape(quantiser))
    parts = (quantiser, chroma, diffusion, analysis.flat, analysis.use_i4, analysis.uv_mode)
    return tf.stack([tf.cast(part, tf.float32) for part in parts], axis=-1)


def encode(blocks: tf.Tensor, side: tf.Tensor, grid: Grid, method: int, compiled: bool = False) -> Encoded:
    """Encode and decode macroblocks.

    Methods 3 and 4 go their own way, see ``encode_rd``. For methods 0 to 2 the wavefront goes along x + 2 * y, since a
    macroblock needs the one above at the right.

    Args:
        blocks: float32, shape (count, batch, 384), the source.
        side: float32, shape (count, batch, 6), of :func:`side_information`.
        grid: The picture's grid.
        method: 0 to 4.
        compiled: Whether this is for XLA, which needs to know how many macroblocks are in a step.
    """
    if method >= 3:
        found = encode_rd(blocks, side, grid, method)
        return Encoded(found[..., :384], *(found[..., 384 + k] for k in range(5)))
    schedule = wavefront(grid.rows, grid.columns, slope=2)
    lanes, steps = schedule.lanes, schedule.steps
    batch = tf.shape(blocks)[1]
    given = tf.gather(tf.concat([blocks, side], axis=2), schedule.source)
    x, y = grid.positions()
    borders = Borders.of(x[schedule.source.ravel()], y[schedule.source.ravel()], grid.columns)
    # Where the pixels above at the right are a repetition, those of the neighbour there are masked out.
    place = np.arange(ALL_EDGES)
    repeated = borders.repeat & (place >= TOP_RIGHT) & (place < TOP_MODES) & (borders.mask > 0)
    mask, constant, dc, repeat = (
        tf.constant(part.reshape(steps, lanes, 1, -1).astype(np.float32))
        for part in (borders.mask * ~repeated, borders.constant, borders.dc, repeated)
    )

    def step(
        t: tf.Tensor, last: tf.Tensor, above: tf.Tensor, corner: tf.Tensor, out: tf.TensorArray
    ) -> tuple[Any, ...]:
        right = tf.concat([last[-1:], last[:-1]], axis=0)
        around = tf.gather(tf.concat([last, right, above, corner], axis=2), _edges_index(), axis=2)
        edges = around * mask[t] + constant[t] + above[..., 15:16] * repeat[t]
        weights = tf.broadcast_to(dc[t], [lanes, batch, 3])
        now = tf.reshape(given[t], [lanes * batch, 384 + _SIDE])
        coded = code_macroblocks(
            now[:, :384],
            tf.reshape(edges, [lanes * batch, edges.shape[-1]]),
            tf.reshape(weights, [lanes * batch, 3]),
            now[:, 384:],
            method,
            compiled,
        )
        result = _result(coded)
        left = tf.reshape(tf.gather(result, _features_index(), axis=1), [lanes, batch, _FEATURES])
        return t + 1, left, right, above, out.write(t, tf.reshape(result, [lanes, batch, _RESULT]))

    empty = tf.zeros([lanes, batch, _FEATURES])
    out = tf.TensorArray(tf.float32, steps, element_shape=[lanes, None, _RESULT])
    *_, out = tf.while_loop(
        lambda t, *_: t < steps,
        step,
        (tf.constant(0), empty, empty, empty, out),
        maximum_iterations=steps,
    )
    found = tf.gather(tf.reshape(out.stack(), [steps * lanes, -1, _RESULT]), schedule.slot)
    return Encoded(found[..., :384], *(found[..., 384 + k] for k in range(4)))


@lru_cache(maxsize=1)
def _edges_index() -> Index:
    """Return where the 79 edges of ``prediction`` stand among the features of left, above right, above and corner."""
    left, right, above, corner = (k * _FEATURES for k in range(4))
    places = [
        range(above, above + 32), range(left + 32, left + 64), range(corner + 15, corner + 32, 8),
        range(right, right + 4), range(above + 64, above + 68), range(left + 68, left + 72),
    ]  # fmt: skip
    return np.concatenate(places).astype(np.int32)


@lru_cache(maxsize=1)
def _features_index() -> Index:
    """Return where a macroblock's features stand in its :func:`_result`."""
    place = pixel_index()
    sizes = ((0, 16), (1, 8), (2, 8))
    bottom = [place[plane, size - 1, k] for plane, size in sizes for k in range(size)]
    right = [place[plane, k, size - 1] for plane, size in sizes for k in range(size)]
    return np.array([*bottom, *right, *(_MODES + k for k in (12, 13, 14, 15, 3, 7, 11, 15))], np.int32)


def _result(coded: Coded) -> tf.Tensor:
    flags = [coded.use_i4, coded.inner, tf.expand_dims(coded.luma_mode, 1), tf.expand_dims(coded.chroma_mode, 1)]
    return tf.concat([coded.pixels, *(tf.cast(flag, tf.float32) for flag in flags), coded.modes], axis=1)
