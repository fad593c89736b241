import numpy as np
import pytest
import tensorflow as tf
from art.defences.preprocessor import SpatialSmoothing
from scipy import ndimage

from tf_lowdef.layers import MedianLayer


@pytest.mark.parametrize("size", range(1, 8))
def test_equals_scipy(size, images):
    expected = ndimage.median_filter(images, size=(1, size, size, 1))
    np.testing.assert_array_equal(MedianLayer(size)(images), expected)


def test_equals_art(images):
    expected, _ = SpatialSmoothing(window_size=3, channels_first=False)(images.astype(np.float32))
    np.testing.assert_array_equal(MedianLayer(3)(images), expected)


def test_window_larger_than_the_image():
    tiny = np.arange(18, dtype=np.uint8).reshape(1, 3, 2, 3)
    np.testing.assert_array_equal(MedianLayer(7)(tiny), ndimage.median_filter(tiny, size=(1, 7, 7, 1)))


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_the_gradient_goes_to_the_median_itself(size):
    x = tf.constant(np.random.default_rng(0).permutation(10 * 9 * 3).reshape(1, 10, 9, 3), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = MedianLayer(size)(x)
    counts = tape.gradient(out, x)  # how often each value was taken
    expected = np.bincount(out.numpy().astype(int).ravel(), minlength=270)
    np.testing.assert_array_equal(counts.numpy().ravel(), expected[x.numpy().astype(int).ravel()])


def test_among_equal_pixels_the_gradient_goes_to_one():
    x = tf.constant(np.random.default_rng(0).integers(0, 3, (1, 10, 9, 3)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        out = MedianLayer(3)(x)
    taken = tape.gradient(out, x).numpy()
    np.testing.assert_array_equal(taken, taken.round())
    for value in range(3):
        assert taken[x == value].sum() == (out.numpy() == value).sum()


@pytest.mark.parametrize("size", [0, 8, 3.0, True])
def test_bad_size_is_named(size):
    with pytest.raises(ValueError, match=f"Received: size={size!r}"):
        MedianLayer(size)
