"""What users of other converters reported, done with this one."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from tf_lowdef.files import ImageReadError, read_rgb, write_png
from tf_lowdef.folders import WebPSettings, replace_folder, webp_path
from tf_lowdef.folders.encode import encode_image


@pytest.fixture
def image(make_scene):
    return Image.fromarray(make_scene(1)).resize((256, 192))


def test_image_converter_6_nothing_is_added_to_a_file_without_metadata(tmp_path, image):
    image.save(tmp_path / "a.png")
    replace_folder(tmp_path, WebPSettings(20))
    assert (tmp_path / "a.webp").read_bytes() == encode_image(image, WebPSettings(20))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_server_go_204_fileconverter_476_every_orientation(tmp_path, image, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    expected = read_rgb(tmp_path / "a.png")
    for metadata in (False, True):
        settings = WebPSettings(lossless=True, metadata=metadata)
        webp_path(tmp_path / "a.png", tmp_path / "a.webp", settings, force=True)
        np.testing.assert_array_equal(read_rgb(tmp_path / "a.webp"), expected)


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_weserv_93_ink_without_a_profile_is_neither_transparent_nor_pale(tmp_path, image, suffix):
    image.convert("CMYK").save(tmp_path / f"a.{suffix}")
    summary = webp_path(tmp_path / f"a.{suffix}", tmp_path / "a.webp", WebPSettings(lossless=True, metadata=True))
    assert summary.notes == {"CMYK turned into RGB": 1}
    with Image.open(tmp_path / "a.webp") as written:
        assert written.mode == "RGB"
        assert np.abs(np.asarray(written).astype(int) - np.asarray(image)).mean() < 8


def test_imageoptim_88_grey_with_alpha_stays_transparent(tmp_path, image):
    grey = image.convert("LA")
    grey.putalpha(image.getchannel("G"))
    grey.save(tmp_path / "a.png")
    assert replace_folder(tmp_path, WebPSettings(20)).converted == 1
    with Image.open(tmp_path / "a.webp") as written:
        np.testing.assert_array_equal(np.asarray(written)[..., 3], np.asarray(image)[..., 1])


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("kind", [0, 2])
def test_pillow_7288_a_transparent_grey_or_colour_of_any_depth(tmp_path, bits, kind):
    if kind == 2 and bits < 8:
        pytest.skip("PNG has no such colours")
    values = np.arange(64).reshape(8, 8) % 2**bits * (257 if bits == 16 else 1)
    channels = values if kind == 0 else np.stack([values, values * 0, values], axis=2)
    path, clear = tmp_path / "a.png", int(values[0, 1])
    path.write_bytes(png(channels, bits, kind, [clear] if kind == 0 else [clear, 0, clear]))
    if (bits, kind) == (16, 2):
        with pytest.raises(ImageReadError, match="transparent colour of 16 bits"):
            read_rgb(path)
        assert replace_folder(tmp_path).failed
        return
    webp_path(path, tmp_path / "a.webp", WebPSettings(lossless=True))
    with Image.open(tmp_path / "a.webp") as written:
        np.testing.assert_array_equal(np.asarray(written)[..., 3], np.where(values == clear, 0, 255))
        scale = {1: 255, 2: 85, 4: 17, 8: 1}.get(bits)
        expected = values >> 8 if scale is None else values * scale
        np.testing.assert_array_equal(np.asarray(written)[..., 0], expected)


def png(values, bits, kind, clear):
    """A PNG file of samples of any depth, with a transparent grey or colour."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    def pack(row):
        return (
            row.astype(">u2").tobytes()
            if bits == 16
            else np.packbits((row.reshape(-1, 1) >> np.arange(bits)[::-1] & 1).astype(np.uint8)).tobytes()
        )

    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], bits, kind, 0, 0, 0)
    rows = b"".join(b"\0" + pack(row) for row in values)
    parts = ((b"IHDR", header), (b"tRNS", struct.pack(f">{len(clear)}H", *clear)), (b"IDAT", zlib.compress(rows)))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in (*parts, (b"IEND", b"")))


def test_pillow_heif_21_palette_with_an_alpha_for_each_entry(tmp_path, image):
    palette = image.quantize(8)
    alpha = bytes(range(0, 240, 30))
    palette.save(tmp_path / "a.png", transparency=alpha)
    assert replace_folder(tmp_path, WebPSettings(lossless=True)).converted == 1
    with Image.open(tmp_path / "a.webp") as written:
        np.testing.assert_array_equal(np.asarray(written)[..., 3], np.frombuffer(alpha, np.uint8)[np.asarray(palette)])


def test_pdn_webp_19_colours_of_invisible_pixels_survive_lossless_coding(tmp_path, image):
    image.putalpha(0)
    image.save(tmp_path / "a.png")
    assert replace_folder(tmp_path, WebPSettings(lossless=True)).converted == 1
    with Image.open(tmp_path / "a.webp") as written:
        np.testing.assert_array_equal(np.asarray(written), np.asarray(image))


def test_distbe_webp_4_files_of_one_name_get_three_results(tmp_path, image):
    for name in ("a.png", "a.jpg", "a.tiff"):
        (tmp_path / "in").mkdir(exist_ok=True)
        image.save(tmp_path / "in" / name)
    assert webp_path(tmp_path / "in", tmp_path / "out").converted == 3
    assert replace_folder(tmp_path / "in").converted == 0
    assert len(list((tmp_path / "in").glob("a.*"))) == 3


def test_webp_express_611_clear_leaves_the_users_own_webp_files(tmp_path, image):
    (tmp_path / "in").mkdir()
    image.save(tmp_path / "in" / "mine.webp")
    image.save(tmp_path / "in" / "a.png")
    replace_folder(tmp_path / "in", WebPSettings(20))
    webp_path(tmp_path / "in", tmp_path / "in" / "out", clear_out=True)
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"mine.webp", "a.webp", "out"}


def test_jpegoptim_5_the_other_name_of_a_file_keeps_its_content(tmp_path, image, read_tree):
    image.save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    os.link(tmp_path / "a.png", tmp_path / "kept")
    assert replace_folder(tmp_path, WebPSettings(20)).converted == 1
    assert read_tree(tmp_path)["kept"] == content


def test_libjxl_3502_padding_is_no_film(tmp_path, image):
    image.save(tmp_path / "a.jpg", quality=98)
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(bytes(4096) + b"\r\n")
    write_png(tmp_path / "b.png", np.asarray(image))
    with (tmp_path / "b.png").open("ab") as file:
        file.write(b"PK\x03\x04 an archive")
    assert replace_folder(tmp_path, WebPSettings(20)).skipped == [
        ("b.png", "WebP would not keep its data behind the picture")
    ]
