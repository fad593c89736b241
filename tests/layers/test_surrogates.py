"""Backward passes in place of derivatives: what they pass on, and how well they foretell the codec."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from scipy.fft import dctn

from tf_lowdef import WebPLayer, load_demo
from tf_lowdef.attacks import MPGD
from tf_lowdef.defences import make_defence
from tf_lowdef.layers import surrogates
from tf_lowdef.webp.graph import steps, tables


def test_the_transform_is_orthonormal_and_undone():
    plane = np.random.default_rng(0).normal(size=(2, 8, 12, 1)).astype(np.float32)
    found = surrogates.to_blocks(tf.constant(plane))
    np.testing.assert_allclose(found[1, 1, 2], dctn(plane[1, 4:8, 8:12, 0], norm="ortho"), atol=1e-5)
    np.testing.assert_allclose(surrogates.from_blocks(found), plane, atol=1e-5)


def test_smoothing_keeps_slow_gradients_and_removes_fast_ones():
    slow = np.ones((1, 16, 16, 3), np.float32)
    fast = np.where(np.indices((16, 16)).sum(axis=0) % 2, 1.0, -1.0)[None, ..., None] * slow
    np.testing.assert_allclose(surrogates.smooth(tf.constant(slow)), slow, atol=1e-5)
    assert np.abs(surrogates.smooth(tf.constant(fast.astype(np.float32))))[:, 4:-4, 4:-4].max() < 0.05


LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""A gradient along it has no part in chroma."""


@pytest.mark.parametrize(("shape", "lost"), [((1, 8, 8, 3), 0.0), ((2, 7, 9, 3), 0.0), ((1, 1, 1, 3), 3.0)])
def test_what_rounding_holds_fast_gets_no_luma_gradient(shape, lost):
    upstream = tf.ones(shape) * LUMA
    found = surrogates.soft_rounding(upstream, tf.fill(shape, lost), tf.constant(20.0))
    assert found.shape == shape
    assert (np.abs(found).max() < 1e-3) == (lost == 0)


def test_halfway_between_two_multiples_the_gradient_is_doubled():
    # A block that differs by c everywhere has the DC coefficient 4 c.
    found = surrogates.soft_rounding(tf.ones((1, 4, 4, 3)) * LUMA, tf.fill((1, 4, 4, 3), 2.5), tf.constant(20.0))
    np.testing.assert_allclose(np.asarray(found), np.broadcast_to(2 * LUMA, (1, 4, 4, 3)), rtol=1e-4)


def test_steps_are_those_of_each_segment():
    _, images, _ = load_demo()
    found = steps.luma_steps(tf.constant(images[:6]), tf.fill([6], 60), 4).numpy()
    assert found.shape == (6, 24, 24, 4, 4)
    index = tables.quantiser_of_alpha(60.0)
    allowed = np.unique(tables.AC_QUANT[index.min() : index.max() + 1] / steps.GAIN)
    assert np.isclose(found[..., 1, 1][..., None], allowed).any(axis=-1).all()
    assert (found[:, ::4, ::4] == found[:, 3::4, 3::4]).all()  # a macroblock has one
    assert len(np.unique(found[..., 1, 1])) > 2
    assert float(steps.base_steps(60)[1, 1]) == pytest.approx(tables.AC_QUANT[index[127]] / steps.GAIN)


@pytest.mark.slow
def test_an_attack_through_it_leaves_less_than_through_the_identity():
    model, images, labels = load_demo()
    x, true = images[::5], labels[::5]
    left = {}
    for gradient in ("straight_through", "smoothed", "dct"):
        defended = make_defence(WebPLayer(60, gradient=gradient)).in_front_of(model)
        left[gradient] = int((~MPGD(4, steps=10)(defended, x, true, batch_size=40).success).sum())
    assert left["dct"] < left["smoothed"] < left["straight_through"]


def test_a_lossless_codec_passes_all_on():
    layer = WebPLayer(lossless=True, gradient="dct")
    x = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 8, 8, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = tf.reduce_sum(layer(x) * 3.0)
    np.testing.assert_array_equal(tape.gradient(out, x), np.full(x.shape, 3.0))


def test_another_value_range_has_the_same_gradient():
    x = tf.constant(np.random.default_rng(0).integers(0, 256, (1, 16, 16, 3)), tf.float32)
    upstream = tf.constant(np.random.default_rng(1).normal(size=x.shape), tf.float32)
    found = []
    for value_range, images in (((0, 255), x), ((-1, 1), x / 127.5 - 1)):
        layer = WebPLayer(60, gradient="dct", value_range=value_range)
        with tf.GradientTape() as tape:
            tape.watch(images)
            out = tf.reduce_sum(layer(images) * upstream)
        found.append(tape.gradient(out, images).numpy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
