"""The numbers that randomised layers make, each against its own definition."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import (
    MeanOfCopies,
    NoiseLayer,
    PixelDeflectionLayer,
    RandomCropLayer,
    RandomFlipLayer,
    RandomWebPLayer,
    ResizePadLayer,
    WebPLayer,
)
from tf_lowdef.layers.wavelet import denoise

SAME = 64


@pytest.fixture
def same(images):
    return np.repeat(images[:1], SAME, axis=0)


def test_flip_is_half_and_half(images, same):
    out = RandomFlipLayer(seed=0)(same).numpy()
    flipped = (out == images[0, :, ::-1]).all(axis=(1, 2, 3))
    assert (flipped | (out == images[0]).all(axis=(1, 2, 3))).all()
    assert 16 < flipped.sum() < 48


def test_webp_draws_every_quality_of_the_range():
    rough = np.random.default_rng(0).integers(0, 256, (1, 40, 40, 3), np.uint8)
    expected = {WebPLayer(quality)(rough).numpy().tobytes() for quality in range(30, 39)}
    assert len(expected) > 5  # some neighbours are one to libwebp
    out = RandomWebPLayer((30, 38), seed=0)(np.repeat(rough, SAME, axis=0)).numpy()
    assert {each.tobytes() for each in out} == expected


@pytest.mark.parametrize("quality", [(80, 40), (40,), 60, (40.5, 60), (0, 101), (-1, 3), "40-80", None])
def test_bad_ranges_of_quality_are_named(quality):
    with pytest.raises(ValueError, match="two whole numbers from 0 to 100, the lower one first. Received: quality="):
        RandomWebPLayer(quality)


@pytest.mark.parametrize("value_range", [(0, 255), (-1, 1)])
def test_noise_is_uniform_and_as_wide_as_said(value_range):
    low, high = value_range
    grey = np.full((4, 32, 32, 3), (low + high) / 2, np.float32)
    noise = (NoiseLayer(6, value_range=value_range, seed=0)(grey).numpy() - grey) * 255 / (high - low)
    assert -6.001 <= noise.min() < -5.9
    assert 5.9 < noise.max() <= 6.001
    assert abs(noise.mean()) < 0.15
    np.testing.assert_allclose(noise.std(), 6 / 3**0.5, rtol=0.03)


def test_resize_and_pad_equals_tensorflows_own(same):
    size = (20, 28)
    batch = tf.image.resize(same, size).numpy()
    out = ResizePadLayer(0.5, seed=1)(batch).numpy()
    seen = set()
    for before, after in zip(batch, out, strict=True):
        rows, columns = (np.flatnonzero(after.any(axis=axis).any(axis=-1)) for axis in (1, 0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        expected = tf.image.resize(before, (height, width)).numpy()
        np.testing.assert_allclose(after[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], expected, atol=1e-2)
        seen.add((height, width, rows[0], columns[0]))
    assert {height for height, *_ in seen} == set(range(10, 21))
    assert max(top + height for height, _, top, _ in seen) == 20
    assert max(left + width for _, width, _, left in seen) == 28
    assert min(top for _, _, top, _ in seen) == min(left for *_, left in seen) == 0


def test_padding_is_black_in_any_value_range(images):
    out = ResizePadLayer(0.3, value_range=(-1, 1), seed=1)(np.ones((8, 9, 9, 3), np.float32)).numpy()
    assert set(np.unique(np.round(out, 5))) == {-1, 1}


def test_crops_equal_tensorflows_own(images):
    out = RandomCropLayer(copies=40, fraction=0.5, seed=1)(images).numpy()
    assert out.shape == (120, 17, 23, 3)
    height, width = 8, 12  # half of 17 x 23, half to even
    seen = set()
    for index, crop in enumerate(out):
        image = images[index // 40]
        for top, left in np.ndindex(17 - height + 1, 23 - width + 1):
            expected = image[top : top + height, left : left + width]
            if np.abs(crop[[0, 0, -1, -1], [0, -1, 0, -1]] - expected[[0, 0, -1, -1], [0, -1, 0, -1]]).max() < 1e-3:
                np.testing.assert_allclose(crop, tf.image.resize(expected, (17, 23)), atol=1e-2)
                seen.add((top, left))
                break
        else:
            pytest.fail(f"crop {index} is none of the image")
    assert {top for top, _ in seen} == set(range(10))
    assert {left for _, left in seen} == set(range(12))


def test_symbolic_shape_of_copies(images):
    layer = RandomCropLayer(copies=5)
    assert layer.compute_output_shape((3, 17, 23, 3)) == (15, 17, 23, 3)
    assert layer(keras.Input((17, 23, 3))).shape == (None, 17, 23, 3)
    assert layer(images[:0]).shape == (0, 17, 23, 3)


def test_mean_of_copies_is_that_of_the_probabilities():
    logits = np.random.default_rng(0).normal(0, 3, (6, 4)).astype(np.float32)
    expected = np.log(tf.nn.softmax(logits).numpy().reshape(2, 3, 4).mean(axis=1))
    np.testing.assert_allclose(MeanOfCopies(3)(logits), expected, rtol=1e-4)
    assert MeanOfCopies(3)(keras.Input((4,))).shape == (None, 4)
    for shape in [(5, 4), (6, 4, 1)]:
        with pytest.raises(ValueError, match="takes logits of shape"):
            MeanOfCopies(3)(np.zeros(shape, np.float32))
    with pytest.raises(ValueError, match="Received: copies=0"):
        MeanOfCopies(0)


def test_deflection_moves_as_many_pixels_as_said_and_not_far():
    place = np.stack([*np.mgrid[0:30, 0:40], np.zeros((30, 40))], axis=-1).astype(np.float32)[None]
    out = PixelDeflectionLayer(100, window=5, sigma=0, seed=0)(np.repeat(place, 8, axis=0)).numpy()
    distance = np.abs(out - place)[..., :2]
    assert distance.max() == 5
    moved = distance.any(axis=-1).sum(axis=(1, 2))
    assert ((moved >= 80) & (moved <= 100)).all()  # some meet, some stay
    assert distance[:, 0].any()
    assert distance[:, :, -1].any()
    assert (PixelDeflectionLayer(0, sigma=0)(place).numpy() == place).all()


def haar_bayes_shrink(x, sigma, levels):
    """The same by matrices: an orthogonal transform of each axis, in float64."""
    if levels == 0:
        return x
    size = len(x) // 2
    pairs = np.zeros((2 * size, 2 * size))
    for k in range(size):
        pairs[k, 2 * k : 2 * k + 2] = pairs[size + k, 2 * k] = 0.5**0.5
        pairs[size + k, 2 * k + 1] = -(0.5**0.5)
    c = pairs @ x @ pairs.T
    for band in (np.s_[:size, size:], np.s_[size:, :size], np.s_[size:, size:]):
        signal = np.sqrt(max(np.mean(c[band] ** 2) - sigma**2, 1e-6))
        c[band] = np.sign(c[band]) * np.maximum(np.abs(c[band]) - sigma**2 / signal, 0)
    c[:size, :size] = haar_bayes_shrink(c[:size, :size], sigma, levels - 1)
    return pairs.T @ c @ pairs


@pytest.mark.parametrize(("size", "levels"), [(16, 1), (32, 2), (64, 3), (128, 4)])
def test_wavelets_equal_matrices(size, levels):
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:size, 0:size] / size
    image = 128 + 90 * np.sin(9 * x) * np.cos(7 * y) + rng.normal(0, 10, (size, size))
    out = denoise(tf.constant(image[None, :, :, None], tf.float32), 10.0)[0, :, :, 0]
    np.testing.assert_allclose(out, haar_bayes_shrink(image, 10.0, levels), atol=2e-3)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (17, 23), (35, 2)])
def test_wavelets_leave_odd_sides_as_they_are(shape):
    flat = tf.fill((2, *shape, 3), 77.0)
    np.testing.assert_allclose(denoise(flat, 10.0), flat, atol=1e-3)
    noise = tf.constant(np.random.default_rng(0).uniform(0, 255, (2, *shape, 3)), tf.float32)
    np.testing.assert_allclose(denoise(noise, 1e-4), noise, atol=1e-2)
