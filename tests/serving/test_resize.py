"""Resizing in the graph against the installed Pillow's, value for value."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef.serving import resize
from tf_lowdef.serving.resize import resize_bicubic
from tf_lowdef.serving.samples import make_samples

TARGETS = [(32, 32), (48, 64), (31, 20), (96, 40)]
SIZES = [
    (1, 1),
    (3, 3),
    (24, 32),
    (31, 200),
    (32, 31),
    (33, 32),
    (37, 33),
    (49, 40),
    (49, 64),
    (65, 32),
    (96, 128),
    (97, 250),
    (100, 600),
    (169, 100),
    (250, 333),
    (300, 7),
    (480, 640),
    (600, 100),
    (640, 480),
    (1000, 20),
]
"""Smaller and larger, wide and tall; some to either side of where Pillow changes the order of axes."""


@pytest.fixture(scope="module")
def resizers():
    spec = tf.TensorSpec((None, None, 3), tf.uint8)
    return {
        size: tf.function(
            lambda image, size=size: resize_bicubic(image, *size), input_signature=[spec], autograph=False
        )
        for size in TARGETS
    }


def pictures(size, seed):
    """Noise, a gradient, a natural spectrum, and black and white, which shows every error of rounding most."""
    bilevel = np.random.default_rng(seed).integers(0, 2, (*size, 3), dtype=np.uint8) * 255
    return [*make_samples(size, seed), bilevel]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("size", SIZES)
def test_it_is_pillows(size, target, resizers):
    for picture in pictures(size, sum(size)):
        expected = Image.fromarray(picture).resize(target[::-1], Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(resizers[target](picture), expected)


def test_random_sizes_are_pillows():
    rng = np.random.default_rng(0)
    spec = tf.TensorSpec((None, None, 3), tf.uint8)
    for _ in range(4):
        target = tuple(int(side) for side in rng.integers(8, 70, 2))
        resizer = tf.function(lambda image, size=target: resize_bicubic(image, *size), [spec], autograph=False)
        for _ in range(12):
            height, width = (int(side) for side in rng.integers(1, 130, 2))
            picture = pictures((height, width), height)[3]
            expected = Image.fromarray(picture).resize(target[::-1], Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(resizer(picture), expected, err_msg=f"{height}x{width} to {target}")


@pytest.mark.parametrize("first", [True, False])
def test_the_order_of_axes_counts(first, monkeypatch):
    """Older Pillows always resize across first; the wrong order is another picture."""
    picture = pictures((600, 100), 0)[3]
    monkeypatch.setattr(resize, "VERTICAL_FIRST", first)
    across, down = (32, 600), (100, 32)
    steps = [down, (32, 32)] if first else [across, (32, 32)]
    expected = Image.fromarray(picture)
    for step in steps:
        expected = expected.resize(step, Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(resize_bicubic(tf.constant(picture), 32, 32), expected)


@pytest.mark.realdata
def test_photographs_are_pillows(imagenet):
    for path in sorted(imagenet.glob("**/*.png"))[:10] + sorted(imagenet.glob("**/*.jp*g"))[:10]:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        for size in ((224, 224), (192, 160)):
            expected = picture.resize(size[::-1], Image.Resampling.BICUBIC)
            np.testing.assert_array_equal(resize_bicubic(tf.constant(np.asarray(picture)), *size), expected)
