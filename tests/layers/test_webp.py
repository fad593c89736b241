"""WebPLayer against Pillow's own save and open."""

from io import BytesIO

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef.layers import WebPLayer


def pillow_roundtrip(image, **options):
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "WEBP", **options)
    return np.asarray(Image.open(buffer).convert("RGB"))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (31, 2), (33, 47)])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("method", range(7))
def test_equals_pillow(method, lossless, size):
    batch = np.random.default_rng(method).integers(0, 256, (3, *size, 3), np.uint8)
    layer = WebPLayer(70, method=method, lossless=lossless)
    expected = [pillow_roundtrip(image, quality=70, method=method, lossless=lossless) for image in batch]
    np.testing.assert_array_equal(layer(batch), expected)
    np.testing.assert_array_equal(tf.function(layer)(batch), expected)
    if lossless:
        np.testing.assert_array_equal(layer(batch), batch)


@pytest.mark.parametrize("quality", [0, 0.5, 60, 100])
def test_quality_100_is_still_lossy(quality, images):
    out = WebPLayer(quality)(images).numpy()
    np.testing.assert_array_equal(out[0], pillow_roundtrip(images[0], quality=quality, method=4))
    assert (out != images).any()


@pytest.mark.parametrize("value_range", [(-1, 1), (0, 1), (-123.5, 131.5)])
def test_value_range(value_range, images):
    low, high = value_range
    scaled = images.astype(np.float32) / 255 * (high - low) + low
    out = WebPLayer(60, value_range=value_range)(scaled).numpy()
    assert out.min() >= low - 1e-5
    assert out.max() <= high + 1e-5
    np.testing.assert_allclose((out - low) / (high - low) * 255, WebPLayer(60)(images), atol=1e-3)


def test_fractions_round_half_to_even_and_outsiders_are_clipped():
    values = np.array([0.5, 1.5, 2.5, -7.0, 300.0, 254.5, 1e9, -1e9], np.float32)
    expected = np.array([0, 2, 2, 0, 255, 254, 255, 0], np.float32)
    batch = np.repeat(values[None, None, :, None], 3, axis=-1)
    np.testing.assert_array_equal(WebPLayer(lossless=True)(batch)[0, 0, :, 0], expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("value_range", [(0, 255), (-1, 1)])
def test_not_a_number_is_refused(bad, value_range):
    batch = np.zeros((1, 4, 4, 3), np.float32)
    batch[0, 1, 2, 0] = bad
    layer = WebPLayer(value_range=value_range)
    model = keras.Sequential([keras.Input((4, 4, 3)), layer])
    for call in (layer, tf.function(layer), lambda x: model.predict(x, verbose=0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="takes finite pixel values. Received NaN or infinity"):
            call(batch)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"quality": -1}, "quality=-1"),
        ({"quality": 100.5}, "quality=100.5"),
        ({"quality": float("nan")}, "quality=nan"),
        ({"quality": "60"}, "quality='60'"),
        ({"quality": True}, "quality=True"),
        ({"method": 7}, "method=7"),
        ({"method": -1}, "method=-1"),
        ({"method": 2.5}, "method=2.5"),
        ({"lossless": 1}, "lossless=1"),
        ({"codec": "cwebp"}, "codec='cwebp'"),
        ({"gradient": "zero"}, "gradient='zero'"),
        ({"num_threads": 0}, "num_threads=0"),
        ({"value_range": (255, 0)}, r"value_range=\(255, 0\)"),
        ({"value_range": (0, float("inf"))}, r"value_range=\(0, inf\)"),
        ({"value_range": 255}, "value_range=255"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        WebPLayer(**arguments)


def test_too_long_a_side_is_named_before_the_call_and_in_it():
    with pytest.raises(ValueError, match="at most 16383 pixels. Received: 16384 x 2"):
        WebPLayer()(keras.Input((16384, 2, 3)))
    unknown = tf.function(WebPLayer(), input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most 16383 pixels. Received: 1 x 16384"):
        unknown(np.zeros((1, 1, 16384, 3), np.uint8))
    assert WebPLayer()(np.zeros((1, 1, 16383, 3), np.uint8)).shape == (1, 1, 16383, 3)


def test_integers_need_the_pixel_range(images):
    with pytest.raises(ValueError, match=r"integers only with value_range=\(0, 255\). Received: dtype=uint8"):
        WebPLayer(value_range=(-1, 1))(images)
