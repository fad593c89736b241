"""The float32 tricks against integer arithmetic, exhaustively where that is possible."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.webp.graph import rounding, tables, transform
from tf_lowdef.webp.graph.coding import WideQuantiser, _lookup_rows, wide_rows


def _forward(residual):
    """libwebp src/dsp/enc.c, FTransform_C."""
    d = residual.reshape(-1, 4, 4).astype(np.int64)
    a0, a1 = d[:, :, 0] + d[:, :, 3], d[:, :, 1] + d[:, :, 2]
    a2, a3 = d[:, :, 1] - d[:, :, 2], d[:, :, 0] - d[:, :, 3]
    rows = [(a0 + a1) * 8, (a2 * 2217 + a3 * 5352 + 1812) >> 9, (a0 - a1) * 8, (a3 * 2217 - a2 * 5352 + 937) >> 9]
    t = np.stack(rows, axis=2)
    a0, a1, a2, a3 = t[:, 0] + t[:, 3], t[:, 1] + t[:, 2], t[:, 1] - t[:, 2], t[:, 0] - t[:, 3]
    columns = [
        (a0 + a1 + 7) >> 4,
        ((a2 * 2217 + a3 * 5352 + 12000) >> 16) + (a3 != 0),
        (a0 - a1 + 7) >> 4,
        (a3 * 2217 - a2 * 5352 + 51000) >> 16,
    ]
    return np.stack(columns, axis=1).reshape(-1, 16)


def _inverse(coefficients):
    """libwebp src/dsp/enc.c, ITransformOne."""

    def one_pass(x):
        mul1, mul2 = lambda v: ((v * 20091) >> 16) + v, lambda v: (v * 35468) >> 16
        a, b = x[:, 0] + x[:, 2], x[:, 0] - x[:, 2]
        c, d = mul2(x[:, 1]) - mul1(x[:, 3]), mul1(x[:, 1]) + mul2(x[:, 3])
        return np.stack([a + d, b + c, b - c, a - d], axis=1)

    t = one_pass(coefficients.reshape(-1, 4, 4).astype(np.int64)).transpose(0, 2, 1)
    t[:, 0] += 4
    return (one_pass(t).transpose(0, 2, 1) >> 3).reshape(-1, 16)


@pytest.fixture(scope="module")
def residuals():
    rng = np.random.default_rng(0)
    return np.concatenate(
        [
            rng.integers(-255, 256, (20000, 16)),
            rng.choice([-255, 255], (20000, 16)),
            rng.choice([-255, -1, 0, 1, 255], (20000, 16)),
            rng.integers(-3, 4, (20000, 16)),
        ]
    )


def test_forward(residuals):
    found = transform.forward(tf.constant(residuals, tf.float32)).numpy()
    expected = _forward(residuals)
    np.testing.assert_array_equal(found, expected)
    assert np.abs(expected).max() <= tables.MAX_COEFFICIENT - 150


def test_inverse(residuals):
    coefficients = _forward(residuals)
    steps = np.random.default_rng(1).integers(4, 158, (len(residuals), 1))
    for values in (coefficients, np.round(coefficients / steps).astype(np.int64) * steps):
        found = np.floor(transform.inverse(tf.constant(values, tf.float32)).numpy() + 0.5)
        np.testing.assert_array_equal(found, _inverse(values))
        ac = values.copy()
        ac[:, 0] = 0
        with_dc = np.concatenate([ac, values[:, :1]], axis=1).astype(np.float32)
        np.testing.assert_array_equal(np.floor(transform.inverse(tf.constant(with_dc)).numpy() + 0.5), found)


def test_walsh_hadamard(residuals):
    dcs = residuals[:5000] * 8
    rows = np.array([[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]])
    forward = (rows @ dcs.reshape(-1, 4, 4) @ rows.T).reshape(-1, 16) >> 1
    found = transform.forward_wht(tf.constant(dcs, tf.float32)).numpy()
    np.testing.assert_array_equal(found, forward)
    backward = ((rows.T @ forward.reshape(-1, 4, 4) @ rows).reshape(-1, 16) + 3) >> 3
    np.testing.assert_array_equal(transform.inverse_wht(tf.constant(forward, tf.float32)).numpy(), backward)


def _libwebp_levels(step, bias, sharpen, limit):
    """src/enc/quant_enc.c, ExpandMatrix; src/dsp/enc.c, QuantizeBlock_C: with threshold and clamp."""
    inverse, offset = (1 << 17) // step, bias << 9
    magnitude = np.arange(limit + 1)[:, None] + sharpen
    level = np.minimum((magnitude * inverse + offset) >> 17, 2047)
    level[magnitude <= ((1 << 17) - 1 - offset) // inverse] = 0
    return level


@pytest.mark.parametrize(("kind", "bias"), [("y1", (96, 110)), ("uv", (110, 115))])
@pytest.mark.parametrize("place", [0, 1, 2, 15])
def test_float_quantiser_is_exact_for_every_step_and_magnitude(kind, bias, place):
    luma, chroma_ac, chroma_dc = _lookup_rows()
    if kind == "y1":
        r, s, step = luma.reshape(128, 2, 3, 16)[:, 0, :, place].T
        sharpen = (step.astype(np.int64) * tables.FREQ_SHARPENING[place]) >> 11
    else:
        r, s, step = chroma_ac.reshape(128, 3, 16)[:, :, place].T if place else chroma_dc.T
        sharpen = 0
    level = _libwebp_levels(step.astype(np.int64), bias[min(place, 1)], sharpen, tables.MAX_COEFFICIENT)
    c = np.arange(tables.MAX_COEFFICIENT + 1, dtype=np.float32)[:, None]
    apart, fused = c * r + s, (c.astype(np.float64) * r + s).astype(np.float32)
    for value in (apart, fused):
        np.testing.assert_array_equal(rounding.round_level(tf.constant(value)).numpy(), level)


def test_sharpening_is_covered():
    """The places tested above stand for all: at each other place both step and sharpening are those of one of them."""
    y1 = _lookup_rows()[0].reshape(128, 2, 3, 16)[:, 0]
    by_weight = {int(weight): y1[:, :, place] for place, weight in enumerate(tables.FREQ_SHARPENING) if place}
    for place in range(1, 16):
        np.testing.assert_array_equal(y1[:, :, place], by_weight[int(tables.FREQ_SHARPENING[place])])


def test_whole_number_quantiser():
    multiplier, offset, step = wide_rows().transpose(1, 0, 2)
    for place, bias in ((0, 96), (1, 108), (15, 108)):
        level = _libwebp_levels(step[:, place].astype(np.int64), bias, 0, tables.MAX_WHT)
        c = np.broadcast_to(np.arange(tables.MAX_WHT + 1, dtype=np.float32)[:, None], (128, tables.MAX_WHT + 1, 1))
        quantiser = WideQuantiser(*(tf.constant(part[:, [place]]) for part in (multiplier, offset, step)))
        for sign in (1, -1):
            found, dequantised = quantiser.code(tf.constant(sign * c, tf.float64))
            np.testing.assert_array_equal(found.numpy()[..., 0].T, level)
            np.testing.assert_array_equal(dequantised, sign * found * step[:, [place], None])


@pytest.mark.parametrize(
    ("function", "low", "high"),
    [(rounding.round_pixel, 0, 255), (rounding.round_level, 0, 65535), (rounding.round_s5, -16, 15)],
)
def test_rounding_in_one_operation(function, low, high):
    values = (
        np.arange(-70000 * 8, 70000 * 8, dtype=np.float64) / 8
        if high > 255
        else np.arange(-3000 * 128, 3000 * 128) / 128
    )
    found = function(tf.constant(values, tf.float32)).numpy()
    expected = np.floor(np.clip(values, low, high) + 0.5)
    np.testing.assert_array_equal(found, expected)
    compiled = tf.function(function, jit_compile=True)
    np.testing.assert_array_equal(compiled(tf.constant(values, tf.float32)).numpy(), expected)
