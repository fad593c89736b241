"""What happens to each kind of image when it is mirrored."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from tf_lowdef.folders import flip_path


def png16(path, values):
    """Write 16-bit RGB as PNG, which Pillow cannot."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


@pytest.fixture
def kinds(make_scene):
    """Images by name: mode, format and options of each kind that is to survive exactly."""
    rgb = Image.fromarray(make_scene(1))
    rgba = rgb.copy()
    rgba.putalpha(rgb.getchannel("G"))
    deep = Image.fromarray(make_scene(2)[..., 0].astype(np.uint16) * 251)
    palette = rgb.quantize(16)
    return {
        "rgba.png": (rgba, {}),
        "rgba.webp": (rgba, {"lossless": True, "exact": True}),
        "lossy.webp": (rgb, {"quality": 50}),
        "rgba.tif": (rgba, {}),
        "rgba.tga": (rgba, {}),
        "grey.png": (rgb.convert("L"), {}),
        "grey.jp2": (rgb.convert("L"), {}),
        "grey_alpha.png": (rgba.convert("LA"), {}),
        "bilevel.png": (rgb.convert("1"), {}),
        "bilevel.tif": (rgb.convert("1"), {"compression": "group4"}),
        "deep.png": (deep, {}),
        "deep.tif": (deep, {}),
        "deep.pgm": (Image.fromarray(np.asarray(deep).astype(np.int32)), {}),
        "deep.jp2": (deep, {}),
        "float.tif": (Image.fromarray(make_scene(1)[..., 0].astype(np.float32) / 7), {}),
        "cmyk.tif": (rgb.convert("CMYK"), {}),
        "palette.png": (palette, {}),
        "clear.png": (palette, {"transparency": 3}),
        "palette.gif": (palette, {}),
        "clear.gif": (palette, {"transparency": 3}),
        "palette.bmp": (palette, {}),
        "rgb.bmp": (rgb, {}),
        "rgb.ppm": (rgb, {}),
        "rgb.pcx": (rgb, {}),
        "rgb.sgi": (rgb, {}),
        "rgb.jp2": (rgb, {}),
        "rgb.j2k": (rgb, {}),
    }


def shown(image):
    """The pixels of a palette image as colours, of another as they are."""
    return np.asarray(image.convert("RGBA") if image.mode == "P" else image)


def test_lossless_formats_keep_format_mode_and_every_pixel(kinds, tmp_path):
    for name, (image, options) in kinds.items():
        image.save(tmp_path / name, **options)
    summary = flip_path(tmp_path, tmp_path / "out")
    assert summary.failed == []
    assert summary.notes == {}
    for name in kinds:
        with Image.open(tmp_path / name) as before, Image.open(tmp_path / "out" / name) as after:
            assert (after.format, after.mode) == (before.format, before.mode), name
            np.testing.assert_array_equal(shown(after), shown(before)[:, ::-1], err_msg=name)


def test_what_is_not_written_becomes_png(tmp_path, make_scene):
    image = Image.fromarray(make_scene(1))
    names = ["a.dds", "a.avif"] if features.check("avif") else ["a.dds"]
    for name in names:
        image.save(tmp_path / name)
    assert flip_path(tmp_path, tmp_path / "out").converted == len(names)
    for name in names:
        with Image.open(tmp_path / name) as before, Image.open(tmp_path / "out" / f"{name}.png") as after:
            assert after.format == "PNG"
            np.testing.assert_array_equal(np.asarray(after), np.asarray(before)[:, ::-1])


def test_a_mislabelled_file_keeps_the_format_of_its_content(tmp_path, make_scene):
    Image.fromarray(make_scene(1)).save(tmp_path / "a.jpg", "PNG")
    flip_path(tmp_path)
    with Image.open(tmp_path / "a_f.jpg") as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), make_scene(1)[:, ::-1])


def test_cmyk_jpeg_stays_cmyk(tmp_path, make_scene):
    Image.fromarray(make_scene(1)).convert("CMYK").save(tmp_path / "a.jpg", quality=90)
    assert flip_path(tmp_path).failed == []
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "a_f.jpg") as after:
        assert after.mode == "CMYK"
        difference = np.asarray(before).astype(int)[:, ::-1] - np.asarray(after)
    assert np.abs(difference).max() <= 3


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_of_an_animation_the_first_frame_is_mirrored_and_that_is_said(tmp_path, make_scene, suffix):
    frames = [Image.fromarray(make_scene(seed)) for seed in (1, 2, 3)]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    summary = flip_path(tmp_path)
    assert summary.failed == []
    assert summary.notes == {"first of several frames or pages": 1}
    with Image.open(tmp_path / f"a.{suffix}") as before, Image.open(tmp_path / f"a_f.{suffix}") as after:
        assert getattr(after, "n_frames", 1) == 1
        np.testing.assert_array_equal(np.asarray(after.convert("RGB")), np.asarray(before.convert("RGB"))[:, ::-1])


def test_16_bit_colour_is_reduced_and_that_is_said(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (5, 7, 3), dtype=np.uint16)
    png16(tmp_path / "a.png", values)
    summary = flip_path(tmp_path)
    assert summary.notes == {"16 bits a channel reduced to 8": 1}
    with Image.open(tmp_path / "a_f.png") as image:
        np.testing.assert_array_equal(np.asarray(image), (values >> 8).astype(np.uint8)[:, ::-1])
