"""The encoder's wavefront: macroblocks in an order that gives each its neighbours, several at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tf_lowdef.webp.graph.analysis import Analysis
from tf_lowdef.webp.graph.distortion import Coded, code_macroblocks
from tf_lowdef.webp.graph.encode_rd import encode_rd
from tf_lowdef.webp.graph.layout import Grid, pixel_index, wavefront
from tf_lowdef.webp.graph.prediction import Borders
from tf_lowdef.webp.graph.segments import Segments

_FEATURES = 72
"""What a macroblock leaves to its neighbours: 32 pixels of its bottom row, 32 of its right column, 4 + 4 modes."""
_SIDE = 6
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


def encode(blocks: tf.Tensor, side: tf.Tensor, grid: Grid, method: int) -> Encoded:
    """Encode and decode macroblocks.

    Methods 3 and 4 go their own way, see ``encode_rd``. For methods 0 to 2 the wavefront goes along x + 2 * y, since a
    macroblock needs the one above at the right.

    Args:
        blocks: float32, shape (count, batch, 384), the source.
        side: float32, shape (count, batch, 6), of :func:`side_information`.
        grid: The picture's grid.
        method: 0 to 4.
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
    mask, constant, dc, repeat = (
        tf.constant(part.reshape(steps, lanes, 1, -1))
        for part in (borders.mask, borders.constant, borders.dc, borders.repeat)
    )

    def step(
        t: tf.Tensor, last: tf.Tensor, above: tf.Tensor, corner: tf.Tensor, out: tf.TensorArray
    ) -> tuple[Any, ...]:
        right = tf.concat([last[-1:], last[:-1]], axis=0)
        edges = _edges(last, right, above, corner, repeat[t]) * mask[t] + constant[t]
        weights = tf.broadcast_to(dc[t], [lanes, batch, 3])
        now = tf.reshape(given[t], [lanes * batch, 384 + _SIDE])
        coded = code_macroblocks(
            now[:, :384],
            tf.reshape(edges, [lanes * batch, edges.shape[-1]]),
            tf.reshape(weights, [lanes * batch, 3]),
            now[:, 384:],
            method,
        )
        left = tf.reshape(_features(coded), [lanes, batch, _FEATURES])
        return t + 1, left, right, above, out.write(t, _result(coded, lanes, batch))

    empty = tf.zeros([lanes, batch, _FEATURES])
    out = tf.TensorArray(tf.float32, steps, element_shape=[lanes, None, 388])
    *_, out = tf.while_loop(
        lambda t, *_: t < steps,
        step,
        (tf.constant(0), empty, empty, empty, out),
        maximum_iterations=steps,
    )
    found = tf.gather(tf.reshape(out.stack(), [steps * lanes, -1, 388]), schedule.slot)
    return Encoded(found[..., :384], *(found[..., 384 + k] for k in range(4)))


def _edges(last: tf.Tensor, right: tf.Tensor, above: tf.Tensor, corner: tf.Tensor, repeat: tf.Tensor) -> tf.Tensor:
    """Collect the 79 edges in the order of ``prediction`` from the features of the four neighbours."""
    above_right = tf.where(repeat, above[..., 15:16], right[..., :4])
    parts = [above[..., :32], last[..., 32:64], corner[..., 15:32:8], above_right, above[..., 64:68], last[..., 68:]]
    return tf.concat(parts, axis=-1)


def _features(coded: Coded) -> tf.Tensor:
    place = pixel_index()
    sizes = ((0, 16), (1, 8), (2, 8))
    bottom = [place[plane, size - 1, k] for plane, size in sizes for k in range(size)]
    right = [place[plane, k, size - 1] for plane, size in sizes for k in range(size)]
    pixels = tf.gather(coded.pixels, np.array(bottom + right, np.int32), axis=1)
    modes = tf.gather(coded.modes, np.array([12, 13, 14, 15, 3, 7, 11, 15], np.int32), axis=1)
    return tf.concat([pixels, modes], axis=1)


def _result(coded: Coded, lanes: int, batch: tf.Tensor) -> tf.Tensor:
    flags = [coded.use_i4, coded.inner, coded.luma_mode[:, None], coded.chroma_mode[:, None]]
    together = tf.concat([coded.pixels, *(tf.cast(flag, tf.float32) for flag in flags)], axis=1)
    return tf.reshape(together, [lanes, batch, 388])
