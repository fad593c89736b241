"""Reading every kind of image as 8-bit RGB, and refusing what is none."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.files import ImageReadError, read_rgb, write_png

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (13, 17, 3), dtype=np.uint8)
GREY16 = RNG.integers(0, 65536, (13, 17), dtype=np.uint16)


def saved(path, image, **options):
    image.save(path, **options)
    return path


def test_png_is_read_exactly(tmp_path):
    write_png(tmp_path / "a.png", RGB)
    pixels = read_rgb(tmp_path / "a.png")
    assert pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, RGB)
    pixels[0, 0] = 0  # the array is the caller's own
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tiff", "webp"])
def test_exif_orientation_is_carried_out(tmp_path, orientation, suffix):
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(RGB), exif=exif, **options)
    turn = {
        1: RGB,
        2: RGB[:, ::-1],
        3: RGB[::-1, ::-1],
        4: RGB[::-1],
        5: RGB.transpose(1, 0, 2),
        6: np.rot90(RGB, -1),
        7: RGB[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(RGB, 1),
    }[orientation]
    np.testing.assert_array_equal(read_rgb(path), turn)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_counts_as_none(tmp_path):
    path = saved(tmp_path / "a.png", Image.fromarray(RGB), exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")
    np.testing.assert_array_equal(read_rgb(path), RGB)


def test_cmyk_is_converted_as_pillow_does(tmp_path):
    path = saved(tmp_path / "a.jpg", Image.fromarray(RGB).convert("CMYK"), quality=95)
    np.testing.assert_array_equal(read_rgb(path), np.asarray(Image.open(path).convert("RGB")))
    tiff = saved(tmp_path / "a.tif", Image.fromarray(RGB).convert("CMYK"))
    np.testing.assert_array_equal(read_rgb(tiff), RGB)


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm", "jp2"])
def test_16_bit_grey_keeps_the_high_byte(tmp_path, suffix):
    options = {"irreversible": False} if suffix == "jp2" else {}
    image = Image.fromarray(GREY16.astype(np.int32) if suffix == "pgm" else GREY16)  # as older Pillows write it
    path = saved(tmp_path / f"a.{suffix}", image, **options)
    expected = np.repeat((GREY16 >> 8).astype(np.uint8)[..., None], 3, axis=2)
    np.testing.assert_array_equal(read_rgb(path), expected)


def test_16_bit_rgb_keeps_the_high_byte(tmp_path):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    values = RNG.integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", 7, 5, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.png"), (values >> 8).astype(np.uint8))


def test_grey_and_bilevel(tmp_path):
    grey = RGB[..., 0]
    path = saved(tmp_path / "a.png", Image.fromarray(grey))
    np.testing.assert_array_equal(read_rgb(path), np.repeat(grey[..., None], 3, axis=2))
    path = saved(tmp_path / "b.png", Image.fromarray(grey > 127))
    np.testing.assert_array_equal(read_rgb(path)[..., 1], np.where(grey > 127, 255, 0))


def test_palette_with_and_without_transparency(tmp_path):
    image = Image.fromarray(RGB).quantize(8)
    colours = np.asarray(image.convert("RGB"))
    np.testing.assert_array_equal(read_rgb(saved(tmp_path / "a.png", image)), colours)
    clear = np.asarray(image) == 3
    expected = np.where(clear[..., None], 255, colours)
    np.testing.assert_array_equal(read_rgb(saved(tmp_path / "b.png", image, transparency=3)), expected)


def test_alpha_is_laid_on_white(tmp_path):
    alpha = RNG.integers(0, 256, (13, 17, 1), dtype=np.uint8)
    alpha[:3], alpha[3:6] = 0, 255
    path = saved(tmp_path / "a.png", Image.fromarray(np.concatenate([RGB, alpha], axis=2)))
    pixels = read_rgb(path)
    assert (pixels[:3] == 255).all()
    np.testing.assert_array_equal(pixels[3:6], RGB[3:6])
    share = alpha / 255.0
    np.testing.assert_allclose(pixels, RGB * share + 255 * (1 - share), atol=1.0)
    grey_alpha = saved(tmp_path / "b.png", Image.fromarray(np.concatenate([RGB[..., :1], alpha], axis=2), "LA"))
    assert (read_rgb(grey_alpha)[:3] == 255).all()


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_the_first_frame_of_an_animation(tmp_path, suffix):
    frames = [Image.new("RGB", (17, 13), colour) for colour in ("red", "lime", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = saved(tmp_path / f"a.{suffix}", frames[0], save_all=True, append_images=frames[1:], **options)
    assert (read_rgb(path) == (255, 0, 0)).all()


def test_floating_point_is_refused(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(RNG.random((4, 4), dtype=np.float32)))
    with pytest.raises(ImageReadError, match=r"a\.tif.*mode F.*no defined white"):
        read_rgb(path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "bmp", "webp", "tif", "ppm", "tga", "jp2"])
def test_truncated_files_are_errors_that_name_the_file(tmp_path, suffix):
    path = saved(tmp_path / f"whole.{suffix}", Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageReadError, match=f"cut.{suffix}"):
        read_rgb(cut)


def test_what_is_no_image(tmp_path):
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.jpg").write_text("this is no image\n" * 100)
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    reasons = {
        "empty.png": "is empty",
        "text.jpg": "not an image",
        "folder.png": "is a folder",
        "pipe.png": "not a regular file",
        "gone.png": "no such file",
        "nul\0.png": "cannot be opened",
    }
    for name, reason in reasons.items():
        with pytest.raises(ImageReadError, match=reason) as caught:
            read_rgb(tmp_path / name)
        assert str(tmp_path / name) in str(caught.value)
        assert isinstance(caught.value, ValueError)


def test_mislabelled_files_are_read_by_their_content(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.jpg", "PNG")
    np.testing.assert_array_equal(read_rgb(tmp_path / "a.jpg"), RGB)


@pytest.mark.parametrize("limit", [200, 150, 50])  # 221 pixels: Pillow warns, warns, raises
def test_decompression_bombs_are_errors(tmp_path, monkeypatch, limit):
    write_png(tmp_path / "a.png", RGB)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageReadError, match=r"a\.png: is too large.*221 pixels"):
            read_rgb(tmp_path / "a.png")


def test_bombs_are_errors_in_threads_and_leave_the_filters_alone(tmp_path, monkeypatch):
    write_png(tmp_path / "a.png", RGB)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    before = list(warnings.filters)

    def read(_):
        try:
            read_rgb(tmp_path / "a.png")
        except ImageReadError:
            return True
        return False

    with warnings.catch_warnings(record=True) as caught, ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(200)))
    assert not caught
    assert warnings.filters == before


def test_write_png_refuses_what_is_no_pixel_array(tmp_path):
    with pytest.raises(TypeError, match="float64"):
        write_png(tmp_path / "a.png", RGB / 255)
    for shape in [(4, 4), (4, 4, 4), (0, 4, 3)]:
        with pytest.raises(ValueError, match="Received: shape="):
            write_png(tmp_path / "a.png", np.zeros(shape, np.uint8))
    assert list(tmp_path.iterdir()) == []
