"""Grey images through every layer."""

import warnings
from io import BytesIO

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef.layers import FlipLayer, JPEGLayer, WebPLayer, draw_scope, parse_defence

EACH_CHANNEL = [
    "flip",
    "flip:random",
    "bits:4",
    "median:3",
    "gaussian:0.8",
    "nlm:12,search=5",
    "tv:5,iterations=5,drop=0,gradient=exact",
    "deflection:50,sigma=0",
    "resizepad:0.5",
    "crops:2,fraction=0.6",
    "shift:3",
]
"""Layers that make of equal channels what they make of one."""

OTHERS = ["webp:40", "webp:20-90", "jpeg:40", "noise:4", "tv:5,iterations=5", "deflection:50"]


@pytest.fixture
def grey(images):
    return images[..., :1]


@pytest.fixture(autouse=True)
def _draws():
    with draw_scope([[7, 1]]):
        yield


def through_pillow(pixels, *arguments, **options):
    buffer = BytesIO()
    Image.fromarray(pixels[..., 0]).save(buffer, *arguments, **options)
    return np.asarray(Image.open(buffer).convert("L"))[..., None]


@pytest.mark.parametrize("spec", EACH_CHANNEL)
def test_grey_is_one_of_three_equal_channels(spec, grey):
    (layer,) = parse_defence(spec)
    out = layer(grey)
    assert out.shape[-1] == 1
    expected = parse_defence(spec)[0](np.repeat(grey, 3, axis=-1))
    np.testing.assert_allclose(out, expected[..., :1], atol=1e-3)


@pytest.mark.parametrize("spec", [*EACH_CHANNEL, *OTHERS])
def test_every_layer_takes_grey_images(spec, grey, tmp_path):
    (layer,) = parse_defence(spec)
    out = layer(grey)
    assert out.shape[1:] == grey.shape[1:]
    assert abs(out.numpy() - grey[0].mean()).mean() < 100
    symbolic = layer(keras.Input((17, 23, 1)))
    assert symbolic.shape == (None, 17, 23, 1)
    x = tf.constant(grey, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x))
    gradient = tape.gradient(total, x)
    assert gradient is None or gradient.shape == grey.shape
    model = keras.Sequential([keras.Input((17, 23, 1)), layer])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(grey), model(grey))


@pytest.mark.parametrize("quality", [5, 40, 60, 95])
@pytest.mark.parametrize("method", [0, 4])
def test_webp_is_pillows_of_mode_l(quality, method, grey):
    expected = [through_pillow(each, "WEBP", quality=quality, method=method) for each in grey]
    with_pillow = WebPLayer(quality, method)(grey)
    np.testing.assert_array_equal(with_pillow, expected)
    if (quality, method) in ((5, 0), (60, 4)):  # tracing takes seconds
        np.testing.assert_array_equal(WebPLayer(quality, method, codec="graph")(grey), expected)
    np.testing.assert_array_equal(WebPLayer(quality, lossless=True)(grey), grey)
    (drawn,) = parse_defence(f"webp:{quality}-{quality},method={method}")
    np.testing.assert_array_equal(drawn(grey), expected)


@pytest.mark.parametrize("quality", [5, 60, 95])
def test_jpeg_is_pillows_of_mode_l(quality, grey):
    expected = [through_pillow(each, "JPEG", quality=quality) for each in grey]
    np.testing.assert_array_equal(JPEGLayer(quality)(grey), expected)


@pytest.mark.parametrize("layer", [WebPLayer(60), JPEGLayer(60)])
def test_the_gradient_passes_as_it_does_in_colour(layer, grey):
    x = tf.constant(grey, tf.float32)
    upstream = np.random.default_rng(1).normal(size=grey.shape).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(layer(x) * upstream)
    np.testing.assert_array_equal(tape.gradient(total, x), upstream)


def test_rgba_is_refused_with_what_to_do(images):
    rgba = np.concatenate([images, images[..., :1]], axis=-1)
    for layer in (WebPLayer(60), FlipLayer()):
        with pytest.raises(ValueError, match=r"Image.alpha_composite.*Received: shape=\(3, 17, 23, 4\)"):
            layer(rgba)


def test_another_scale_is_warned_of_once(images):
    for layer in (WebPLayer(60), JPEGLayer(60), parse_defence("gaussian:1")[0]):
        with pytest.warns(
            UserWarning, match=r"values lie in \[.*, 1\] and are read as \[0, 255\].*value_range=\(0, 1\)"
        ):
            layer(images / images.max())
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            layer(images / images.max())
    with pytest.warns(UserWarning, match="nearly white"):
        WebPLayer(60, value_range=(0, 1))(images.astype(np.float32))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        WebPLayer(60)(images)
        WebPLayer(60)(np.zeros_like(images))
        WebPLayer(60, value_range=(0, 1))(images / 255)
        WebPLayer(60, value_range=(-1, 1))(images / 127.5 - 1)


def test_another_scale_is_seen_in_a_graph_too(images):
    model = keras.Sequential([keras.Input((17, 23, 3)), WebPLayer(60)])
    with pytest.warns(UserWarning, match="nearly black images"):
        model.predict(images / 255, verbose=0)
