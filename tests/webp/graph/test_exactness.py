"""Pixel for pixel what the installed Pillow gives."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp import graph, pillow


def _differing(pixels, qualities, method, kinds, against):
    found = graph.roundtrip(tf.constant(pixels), tf.constant(qualities), method).numpy()
    wrong = []
    for image, quality, kind, got in zip(pixels, qualities, kinds, found, strict=True):
        expected = pillow.roundtrip(image, int(quality), method)
        if not np.array_equal(got, expected):
            count = int((got != expected).sum())
            height, width = image.shape[:2]
            wrong.append(f"{kind} {height}x{width}, quality {quality}, method {method}: {count} values off {against}")
    return wrong


def _qualities(count, seed):
    return np.concatenate([[0, 100, 98, 99], np.random.default_rng(seed).integers(0, 101, count)])[:count]


# 105 cases; a trace costs seconds, so one size serves several kinds and qualities.
@pytest.mark.parametrize("method", [0, 1, 2, pytest.param(3, marks=pytest.mark.slow), 4])
def test_equal_to_pillow(method, pictures, against):
    kinds, pixels = pictures(21, 45, 70, method)
    assert not _differing(pixels, _qualities(21, method), method, kinds, against)


@pytest.mark.slow
def test_equal_to_pillow_across_a_refresh_of_costs(pictures, against):
    # 7 x 15 macroblocks: more than the 96 up to which libwebp never refreshes.
    kinds, pixels = pictures(7, 112, 240, 1)
    assert not _differing(pixels, np.array([60, 20, 90, 75, 60, 40, 99]), 4, kinds, against)


SIZES = [(1, 1), (1, 40), (33, 1), (16, 16), (17, 31), (64, 48), (81, 145), (160, 161), (224, 224), (240, 239)]


@pytest.mark.slow
@pytest.mark.parametrize("method", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_many_equal_to_pillow(height, width, method, pictures, against):
    # 50 cases of 42: 2,100 in all.
    kinds, pixels = pictures(42, height, width, 100 + method)
    assert not _differing(pixels, _qualities(42, method), method, kinds, against)


@pytest.mark.slow
@pytest.mark.parametrize("method", [2, 4])
def test_every_quality(method, pictures, against):
    kinds, pixels = pictures(5, 64, 48, 7)
    natural = np.repeat(pixels[4:5], 101, axis=0)
    assert not _differing(natural, np.arange(101), method, kinds[4:5] * 101, against)


@pytest.mark.slow
@pytest.mark.parametrize("method", [2, 3])
def test_dropped_segment_map(method, pictures, against):
    # More than 510 macroblocks of noise and one flat one: libwebp drops the map, and all take the first segment.
    _, noise = pictures(1, 400, 384, 3)
    noise = np.repeat(noise, 3, axis=0)
    noise[:, :16, :16] = 90
    assert not _differing(noise, np.array([60, 88, 92]), method, ["noise, a flat corner"] * 3, against)


@pytest.mark.slow
def test_natural_beyond_the_bound_of_statistics(pictures, against):
    height = width = 512
    assert not graph.always_exact(height, width, 4)
    kinds, pixels = pictures(5, height, width, 11)
    assert not _differing(pixels[4:5], np.array([60]), 4, kinds[4:5], against)


def test_bound_of_statistics():
    assert graph.always_exact(336, 336, 4)
    assert not graph.always_exact(352, 352, 3)
    assert graph.always_exact(4000, 4000, 2)
    with pytest.raises(ValueError, match="5 and 6 need the Pillow codec"):
        graph.always_exact(16, 16, 5)
