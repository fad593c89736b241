"""Every stage against libwebp 1.6.0's own values, to find the first one that differs."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp.graph import tables
from tf_lowdef.webp.graph.analysis import analyse
from tf_lowdef.webp.graph.colour_in import rgb_to_yuv
from tf_lowdef.webp.graph.colour_out import yuv_to_rgb
from tf_lowdef.webp.graph.encode import encode, side_information
from tf_lowdef.webp.graph.layout import Grid, from_macroblocks, to_macroblocks
from tf_lowdef.webp.graph.loop_filter import loop_filter
from tf_lowdef.webp.graph.segments import assign, strengthen

CROPS = ["96x96", "75x100", "224x224"]


def _grid(crop):
    return Grid(*(int(side) for side in crop.split("x")))


def _planes(stages, names):
    return [tf.constant(stages[name][None].astype(np.float32)) for name in names]


def _blocks(stages, prefix, grid):
    return to_macroblocks(*_planes(stages, [prefix + name for name in "YUV"]), grid)


@pytest.mark.parametrize("crop", CROPS)
def test_colour_in(stages, crop):
    planes = rgb_to_yuv(tf.constant(stages[f"{crop}/rgb"][None]))
    for plane, name in zip(planes, "YUV", strict=True):
        np.testing.assert_array_equal(plane[0], stages[f"{crop}/m2q60/{name}"])


@pytest.mark.parametrize("crop", CROPS)
def test_macroblocks_there_and_back(stages, crop):
    grid = _grid(crop)
    blocks = _blocks(stages, f"{crop}/m2q60/", grid)
    for plane, name in zip(from_macroblocks(blocks, grid), "YUV", strict=True):
        expected = stages[f"{crop}/m2q60/{name}"]
        np.testing.assert_array_equal(plane[0, : expected.shape[0], : expected.shape[1]], expected)


@pytest.mark.parametrize("quality", [60, 30])
@pytest.mark.parametrize("method", [0, 2, 4])
@pytest.mark.parametrize("crop", CROPS)
def test_analysis_and_segments(stages, crop, method, quality):
    prefix, grid = f"{crop}/m{method}q{quality}/", _grid(crop)
    analysis = analyse(_blocks(stages, prefix, grid), grid, method, tf.constant([quality]))
    segments = assign(analysis, tf.constant(tables.quantiser_of_alpha(quality)[None]))
    found = {
        "alpha": analysis.alpha,
        "uvm": analysis.uv_mode,
        "i4": analysis.use_i4,
        "seg": segments.segment,
    }
    for name, value in found.items():
        if prefix + name in stages:
            np.testing.assert_array_equal(tf.reshape(value, [grid.rows, grid.columns]), stages[prefix + name], name)
    if prefix + "uv_alpha" in stages:
        assert analysis.uv_alpha[0] == stages[prefix + "uv_alpha"]
    np.testing.assert_array_equal(segments.quantiser[0], stages[prefix + "quant"])
    if method < 3:
        np.testing.assert_array_equal(segments.filter_level[0], stages[prefix + "f"])


@tf.function(autograph=False)
def _encode(blocks, quantiser_of_alpha, quality, grid, method):
    analysis = analyse(blocks, grid, method, quality)
    segments = assign(analysis, quantiser_of_alpha)
    encoded = encode(blocks, side_information(analysis, segments, quality <= 98), grid, method)
    levels = segments.filter_level if encoded.edge is None else strengthen(segments, encoded.edge)
    labels = (encoded.use_i4, encoded.luma_mode, encoded.chroma_mode, encoded.inner)
    return *labels, *from_macroblocks(encoded.pixels, grid), levels


@pytest.mark.parametrize("method", [0, 2, 4])
@pytest.mark.parametrize(
    "crop", [pytest.param("96x96", marks=pytest.mark.slow), "75x100", pytest.param("224x224", marks=pytest.mark.slow)]
)
def test_encoder(stages, crop, method):
    grid = _grid(crop)
    for quality in (60, 30):
        prefix = f"{crop}/m{method}q{quality}/"
        table = tf.constant(tables.quantiser_of_alpha(quality)[None])
        result = _encode(_blocks(stages, prefix, grid), table, tf.constant([quality]), grid, method)
        use_i4, luma_mode, chroma_mode, inner = (
            tf.reshape(part, [grid.rows, grid.columns]).numpy() for part in result[:4]
        )
        np.testing.assert_array_equal(use_i4, stages[prefix + "use4"])
        whole = ~stages[prefix + "use4"]
        np.testing.assert_array_equal(luma_mode[whole], stages[prefix + "m16"][whole])
        np.testing.assert_array_equal(chroma_mode, stages[prefix + "um"])
        for plane, name in zip(result[4:7], ("rec", "recu", "recv"), strict=True):
            np.testing.assert_array_equal(plane[0], stages[prefix + name], name)
        np.testing.assert_array_equal(inner, stages[prefix + "inner"])
        np.testing.assert_array_equal(result[7][0], stages[prefix + "f"])


@pytest.mark.parametrize("crop", CROPS)
def test_loop_filter(stages, crop):
    grid = _grid(crop)
    function = tf.function(lambda blocks, level, inner: loop_filter(blocks, level, inner, grid), autograph=False)
    for method in (0, 2, 4):
        for quality in (60, 30):
            prefix = f"{crop}/m{method}q{quality}/"
            blocks = to_macroblocks(*_planes(stages, [prefix + name for name in ("rec", "recu", "recv")]), grid)
            level = stages[prefix + "f"].astype(np.int32)[stages[prefix + "seg"]].reshape(-1, 1)
            inner = stages[prefix + "inner"].astype(np.float32).reshape(-1, 1)
            planes = from_macroblocks(function(blocks, tf.constant(level), tf.constant(inner)), grid)
            for plane, name in zip(planes, ("FY", "FU", "FV"), strict=True):
                np.testing.assert_array_equal(plane[0], stages[prefix + name], name)


@pytest.mark.parametrize("crop", CROPS)
def test_colour_out(stages, crop):
    height, width = stages[f"{crop}/rgb"].shape[:2]
    y, u, v = _planes(stages, [f"{crop}/m4q30/F{name}" for name in "YUV"])
    chroma = (slice(None), slice((height + 1) // 2), slice((width + 1) // 2))
    found = yuv_to_rgb(y[:, :height, :width], u[chroma], v[chroma])
    np.testing.assert_array_equal(found[0], stages[f"{crop}/m4q30/out"])
