"""Decoding in the graph against Pillow's, what is refused, and what is marked."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image

from tf_lowdef.files import to_rgb
from tf_lowdef.serving.bad_requests import png_header
from tf_lowdef.serving.decode import at_least, check_limit, decode_batch, decode_or_mark
from tf_lowdef.serving.samples import encode, make_samples

SIDES = [(48, 64), (33, 47)]
LIMIT = (400, 500)
SPEC = tf.TensorSpec((None,), tf.string)

needs_webp = pytest.mark.skipif(not hasattr(tf.io, "decode_webp"), reason="TensorFlow below 2.20 decodes no WebP")


@pytest.fixture(scope="module")
def decode():
    return {
        size: tf.function(lambda data, size=size: decode_batch(data, *size, limit=LIMIT), [SPEC], autograph=False)
        for size in SIDES
    }


@pytest.fixture(scope="module")
def mark():
    return tf.function(lambda data: decode_or_mark(data, *SIDES[0], limit=LIMIT), [SPEC], autograph=False)


@pytest.fixture(scope="module")
def picture():
    """Natural, and transparent in places."""
    rgb = make_samples((50, 61), seed=3)[2]
    alpha = make_samples((50, 61), seed=4)[2][..., :1]
    return Image.fromarray(np.concatenate([rgb, alpha], axis=2))


def pillow(content, size):
    """What the rest of the package reads, resized by Pillow."""
    with Image.open(BytesIO(content)) as image:
        resized = Image.fromarray(to_rgb(image)).resize(size[::-1], Image.Resampling.BICUBIC)
    return np.asarray(resized)


def assert_pillows(decode, files):
    for size in SIDES:
        decoded = decode[size](tf.constant(files))
        assert decoded.dtype == tf.float32
        np.testing.assert_array_equal(decoded, np.stack([pillow(file, size) for file in files]))


@pytest.mark.parametrize("size", [*SIDES, (96, 128), (31, 200), (200, 31), (3, 3), (250, 333)])
def test_jpeg_and_png_of_any_size_are_pillows(size, decode):
    pictures = [Image.fromarray(sample) for sample in make_samples(size, seed=1)]
    files = [encode(each, "PNG") for each in pictures]
    for quality, subsampling in ((30, 2), (75, 2), (75, 1), (95, 0)):
        files += [encode(each, "JPEG", quality=quality, subsampling=subsampling) for each in pictures]
    files.append(encode(pictures[2], "JPEG", progressive=True))
    files.append(encode(pictures[2].convert("L"), "JPEG"))
    assert_pillows(decode, files)


def test_every_kind_of_png_is_pillows(decode, picture):
    rgb = picture.convert("RGB")
    files = [encode(picture.convert(mode), "PNG") for mode in ("L", "P", "RGBA", "LA", "1", "I;16")]
    files.append(encode(rgb.quantize(16), "PNG", transparency=3))
    files.append(encode(rgb.quantize(16), "PNG", transparency=bytes(range(0, 256, 16))))
    files.append(encode(rgb.quantize(4), "PNG", bits=2))
    files.append(encode(picture.convert("L"), "PNG", transparency=128))
    files.append(encode(rgb, "PNG", transparency=rgb.getpixel((5, 5))))
    assert_pillows(decode, files)


def test_transparency_is_laid_on_white(decode):
    clear = encode(Image.new("RGBA", (64, 48), (200, 0, 0, 0)), "PNG")
    np.testing.assert_array_equal(decode[SIDES[0]](tf.constant([clear])), np.full((1, *SIDES[0], 3), 255))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", pytest.param("WEBP", marks=needs_webp)])
@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_exif_orientation_is_carried_out(kind, byte_order, decode, picture):
    rgb = picture.convert("RGB")
    files = []
    for orientation in range(10):  # 0 and 9 do not exist
        exif = Image.Exif()
        exif.endian = byte_order
        exif[ExifTags.Base.Make] = "a maker"
        exif[ExifTags.Base.Orientation] = orientation
        files.append(encode(rgb, kind, exif=exif))
    assert_pillows(decode, files)
    decoded = decode[SIDES[0]](tf.constant(files)).numpy()
    assert len({each.tobytes() for each in decoded[1:9]}) == 8


def test_damaged_exif_counts_as_none(decode, picture):
    rgb = picture.convert("RGB")
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    whole = exif.tobytes()
    damaged = [whole[:length] for length in range(6, len(whole), 3)]
    damaged.append(whole.replace(b"\x00\x08", b"\xff\xff", 1))
    files = [encode(rgb, "JPEG", exif=content) for content in damaged if content]
    decoded = decode[SIDES[0]](tf.constant(files)).numpy()
    assert {tuple(each.shape) for each in decoded} == {(*SIDES[0], 3)}
    plain = decode[SIDES[0]](tf.constant([encode(rgb, "JPEG")])).numpy()[0]
    np.testing.assert_array_equal(decoded[0], plain)
    np.testing.assert_array_equal(decoded[-1], plain)


def test_the_same_size_is_not_touched(decode):
    noise = make_samples(SIDES[1])[:1]
    np.testing.assert_array_equal(decode[SIDES[1]](tf.constant([encode(Image.fromarray(noise[0]), "PNG")])), noise)


@needs_webp
def test_webp_is_pillows_where_tensorflow_decodes_it(decode, picture):
    files = []
    for options in ({"quality": 60}, {"lossless": True}, {"lossless": True, "exact": True}):
        files += [encode(each, "WEBP", **options) for each in (picture, picture.convert("RGB"))]
    assert_pillows(decode, files)


def bad_files(picture):
    rgb = picture.convert("RGB")
    jpeg, png, webp = (encode(rgb, kind) for kind in ("JPEG", "PNG", "WEBP"))
    return {
        "GIF": (encode(rgb, "GIF"), "decoded. Received: GIF"),
        "transparent GIF": (encode(rgb.quantize(8), "GIF", transparency=2), "decoded. Received: GIF"),
        "BMP": (encode(rgb, "BMP"), "decoded. Received: BMP"),
        "palette BMP": (encode(rgb.quantize(16), "BMP"), "decoded. Received: BMP"),
        "TIFF": (encode(rgb, "TIFF"), "decoded. Received: TIFF"),
        "no bytes": (b"", "decoded. Received: no bytes"),
        "text": (b"a text", "decoded. Received: a file that is no image"),
        "CMYK": (encode(rgb.convert("CMYK"), "JPEG"), "CMYK JPEG files are not decoded"),
        "animation": (encode(rgb, "WEBP", save_all=True, append_images=[rgb.rotate(180)]), "Animated WebP"),
        "half a JPEG": (jpeg[: len(jpeg) // 2], "JPEG"),
        "half a PNG": (png[: len(png) // 2], "PNG"),
        "half a WebP": (webp[: len(webp) // 2], ""),
        "a JPEG's start": (jpeg[:3], "JPEG"),
        "a PNG's start": (png[:8], "PNG"),
        "a WebP's start": (webp[:12], ""),
        "a JPEG without a frame": (jpeg[:2] + b"\xff\xe1\xff\xff" + b"Exif\0\0", "JPEG"),
        "PNG of no size": (png_header(0, 8), "PNG"),
    }


def test_what_is_not_decoded_is_named(decode, picture):
    for name, (content, message) in bad_files(picture).items():
        with pytest.raises(tf.errors.InvalidArgumentError) as caught:
            decode[SIDES[0]](tf.constant([content]))
        assert message in caught.value.message, name


def test_bad_files_are_marked_and_the_others_answered(mark, decode, picture):
    good = [encode(picture.convert("RGB"), kind) for kind in ("JPEG", "PNG")]
    bad = [content for content, _ in bad_files(picture).values()]
    files = [good[0], *bad, good[1]]
    pixels, valid = mark(tf.constant(files))
    assert valid.numpy().tolist() == [True, *[False] * len(bad), True]
    assert not pixels.numpy()[1:-1].any()
    np.testing.assert_array_equal(pixels.numpy()[[0, -1]], decode[SIDES[0]](tf.constant(good)))


def test_an_empty_batch(mark, decode):
    assert decode[SIDES[0]](tf.constant([], tf.string)).shape == (0, *SIDES[0], 3)
    assert [each.shape[0] for each in mark(tf.constant([], tf.string))] == [0, 0]


def too_large(size):
    """Files whose headers say a size, in (height, width), that is larger than the limit."""
    black = Image.new("RGB", size[::-1])
    clear = Image.new("RGBA", size[::-1])
    return {
        "png": encode(black, "PNG"),
        "png with alpha": encode(clear, "PNG"),
        "jpeg": encode(black, "JPEG"),
        "webp": encode(black, "WEBP"),
        "webp, lossless": encode(black, "WEBP", lossless=True),
        "webp with alpha": encode(clear, "WEBP"),
    }


@pytest.mark.parametrize(("size", "fits"), [((400, 500), True), ((401, 500), False), ((400, 501), False)])
def test_the_limit_is_each_sides_own(size, fits, decode, mark):
    files = too_large(size)
    if not hasattr(tf.io, "decode_webp"):
        files = {name: content for name, content in files.items() if "webp" not in name}
    assert mark(tf.constant(list(files.values())))[1].numpy().tolist() == [fits] * len(files)
    for content in files.values():
        if fits:
            decode[SIDES[0]](tf.constant([content]))
            continue
        with pytest.raises(tf.errors.InvalidArgumentError, match="500 x 400 pixels") as caught:
            decode[SIDES[0]](tf.constant([content]))
        assert f"Received: {size[1]} x {size[0]}" in caught.value.message


def test_the_header_is_checked_before_anything_is_decoded(decode):
    """A file that says a large size and holds nothing: the decoder's own error would be another."""
    empty = png_header(12000, 12000)
    with pytest.raises(tf.errors.InvalidArgumentError, match="at most. Received: 12000 x 12000"):
        decode[SIDES[0]](tf.constant([empty]))
    for kind in ("JPEG", "WEBP"):
        content = encode(Image.new("RGB", (600, 600)), kind)[: 400 if kind == "JPEG" else 40]
        content = content if kind == "WEBP" else encode(Image.new("RGB", (600, 600)), kind)[:-300]
        with pytest.raises(tf.errors.InvalidArgumentError, match="at most. Received: 600 x 600"):
            decode[SIDES[0]](tf.constant([content]))


def test_a_png_of_many_empty_chunks_ends(mark):
    def chunk(kind, data=b""):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    start = png_header(8, 8)[:33]
    assert not mark(tf.constant([start + chunk(b"teXt") * 2000]))[1].numpy().any()


@pytest.mark.parametrize("limit", [0, (0, 1), (1,), (1, 2, 3), "4096x4096", (1.5, 2), (True, True), (-1, 5)])
def test_bad_limits(limit):
    with pytest.raises(ValueError, match="two whole numbers from 1. Received: "):
        check_limit(limit)


def test_the_models_own_size_is_within_the_limit():
    assert check_limit(None) == (4096, 4096)
    assert at_least((5000, 32), (4096, 4096), True) == (5000, 4096)
    assert at_least((32, 32), (40, 50), False) == (40, 50)
    with pytest.raises(ValueError, match=r"32x32. Received: \(40, 31\)"):
        at_least((32, 32), (40, 31), False)
