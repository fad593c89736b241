"""Decoding and resizing in the graph against Pillow's."""

from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef.serving.decode import RESIZE_DISTANCE, decode_batch
from tf_lowdef.serving.samples import encode, make_samples

SIDES = [(48, 64), (33, 47)]


@pytest.fixture(scope="module")
def decode():
    return {size: tf.function(lambda data, size=size: decode_batch(data, *size)) for size in SIDES}


def pillow(content):
    with Image.open(BytesIO(content)) as image:
        return image.convert("RGB")


@pytest.mark.parametrize("size", SIDES)
@pytest.mark.parametrize("seed", range(3))
def test_jpeg_and_png_are_decoded_exactly_as_by_pillow(size, seed, decode):
    pictures = [Image.fromarray(sample) for sample in make_samples(size, seed)]
    files = [encode(picture, "PNG") for picture in pictures]
    for quality, subsampling in ((30, 2), (75, 2), (75, 1), (95, 0)):
        files += [encode(picture, "JPEG", quality=quality, subsampling=subsampling) for picture in pictures]
    files.append(encode(pictures[2], "JPEG", progressive=True))
    for mode in ("L", "P", "RGBA", "LA", "1"):
        files.append(encode(pictures[2].convert(mode), "PNG"))
    files.append(encode(pictures[2].convert("L"), "JPEG"))
    expected = np.stack([np.asarray(pillow(file)) for file in files])
    decoded = decode[size](tf.constant(files))
    assert decoded.dtype == tf.float32
    np.testing.assert_array_equal(decoded, expected)


@pytest.mark.parametrize("other", [(96, 128), (31, 200), (24, 32), (49, 64), (250, 333), (3, 3)])
def test_resizing_is_within_two_levels_of_pillows(other, decode):
    size = SIDES[0]
    files = [encode(Image.fromarray(sample), "PNG") for sample in make_samples(other, 1)]
    resized = [pillow(file).resize((size[1], size[0]), Image.Resampling.BICUBIC) for file in files]
    distance = np.abs(decode[size](tf.constant(files)).numpy() - np.stack([np.asarray(each) for each in resized]))
    assert distance.max() <= RESIZE_DISTANCE
    assert distance.mean() < 0.1


def test_the_same_size_is_not_touched(decode):
    noise = make_samples(SIDES[1])[:1]
    np.testing.assert_array_equal(decode[SIDES[1]](tf.constant([encode(Image.fromarray(noise[0]), "PNG")])), noise)


def test_gif_gives_its_first_frame_and_bmp_is_decoded(decode):
    picture = Image.fromarray(make_samples(SIDES[0])[2])
    palette = picture.convert("P")
    gif = encode(palette, "GIF", save_all=True, append_images=[palette.transpose(Image.Transpose.ROTATE_180)])
    decoded = decode[SIDES[0]](tf.constant([gif, encode(picture, "BMP")]))
    np.testing.assert_array_equal(decoded, np.stack([np.asarray(palette.convert("RGB")), np.asarray(picture)]))


@pytest.mark.skipif(not hasattr(tf.io, "decode_webp"), reason="TensorFlow below 2.20 decodes no WebP")
def test_webp_is_decoded_where_tensorflow_can(decode):
    file = encode(Image.fromarray(make_samples(SIDES[0])[2]), "WEBP", quality=60)
    np.testing.assert_array_equal(decode[SIDES[0]](tf.constant([file]))[0], np.asarray(pillow(file)))
