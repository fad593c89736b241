"""The numpy round trip; what it gives is compared with Pillow in the layer's tests too."""

import numpy as np
import pytest

import tf_lowdef.webp as webp


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (5, 9, 7, 3), np.uint8)


@pytest.mark.parametrize("num_threads", [None, 1, 2, 7])
def test_threads_change_nothing(images, num_threads):
    expected = [webp.decode(webp.encode(image, 60, 4)) for image in images]
    np.testing.assert_array_equal(webp.roundtrip(images, num_threads=num_threads), expected)


def test_single_image_empty_batch_and_views(images):
    np.testing.assert_array_equal(webp.roundtrip(images[0]), webp.roundtrip(images)[0])
    assert webp.roundtrip(images[:0]).shape == (0, 9, 7, 3)
    view = images[:, ::-1, ::2]
    np.testing.assert_array_equal(webp.roundtrip(view), webp.roundtrip(np.ascontiguousarray(view)))


@pytest.mark.parametrize("shape", [(9, 7), (5, 9, 7, 4), (2, 5, 9, 7, 3), (1, 0, 7, 3), (1, 16384, 1, 3)])
def test_wrong_shapes_are_named(shape):
    with pytest.raises(ValueError, match="Received: "):
        webp.roundtrip(np.zeros(shape, np.uint8))


def test_wrong_dtype_is_named(images):
    with pytest.raises(TypeError, match="must be a uint8 array. Received: float32"):
        webp.roundtrip(images.astype(np.float32))
    with pytest.raises(TypeError, match="Received: list"):
        webp.roundtrip(images.tolist())


def test_libwebp_version_has_three_numbers():
    assert len(webp.libwebp_version().split(".")) == 3
