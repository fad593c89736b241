"""EXIF, XMP, profiles, text: carried along, to the byte where that matters, or named."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, PngImagePlugin
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from tf_lowdef.folders import WebPSettings, flip_path, replace_folder, webp_path
from tf_lowdef.folders.exif import exif_resolution, load_exif, with_resolution, without_orientation

XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" GCamera:MotionPhoto="1"/></x:xmpmeta>'
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = SRGB[:16] + b"GRAY" + SRGB[20:]
INK = SRGB[:16] + b"CMYK" + SRGB[20:]


@pytest.fixture
def image(make_scene):
    return Image.fromarray(make_scene(1))


def exif(**tags):
    data = Image.Exif()
    data[ExifTags.Base.Make], data[ExifTags.Base.Orientation] = "Maker", 6
    data.get_ifd(ExifTags.IFD.Exif).update({0x9003: "2020:11:26 10:00:00", 0x927C: b"secret" * 20})
    data.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 1.5)})
    return data


def said(image):
    data = image.getexif()
    return {
        "make": data.get(ExifTags.Base.Make),
        "orientation": data.get(ExifTags.Base.Orientation, 1),
        "exif": dict(data.get_ifd(ExifTags.IFD.Exif)),
        "gps": dict(data.get_ifd(ExifTags.IFD.GPSInfo)),
    }


EXPECTED = {
    "make": "Maker",
    "orientation": 1,
    "exif": {0x9003: "2020:11:26 10:00:00", 0x927C: b"secret" * 20},
    "gps": {1: "N", 2: (52.0, 30.0, 1.5)},
}


def save(image, path):
    """Save an image with EXIF data, XMP and a profile, as Pillow wants them for each format."""
    data, options = exif(), {"icc_profile": SRGB}
    if path.suffix == ".tif":
        written = data.tobytes()
        data = Image.Exif()
        data.load(written)  # Pillow writes directories into TIFF that it has read
        data[700] = XMP
    elif path.suffix == ".png":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
    else:
        options["xmp"] = XMP
    image.save(path, exif=data, **options)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("how", ["replace", "--metadata"])
def test_webp_gets_all_that_it_can_hold(tmp_path, image, suffix, how):
    save(image.resize((256, 192)), tmp_path / f"a.{suffix}")
    if how == "replace":
        summary = replace_folder(tmp_path, WebPSettings(20))
    else:
        summary = webp_path(tmp_path / f"a.{suffix}", tmp_path / "a.webp", WebPSettings(20, metadata=True))
    assert (summary.converted, summary.notes) == (1, {}), summary
    with Image.open(tmp_path / "a.webp") as written:
        assert said(written) == EXPECTED
        assert written.size == (192, 256)
        assert b'MotionPhoto="1"' in written.info["xmp"]
        assert b'Orientation="6"' not in written.info["xmp"]
        assert written.info["icc_profile"] == SRGB


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_flip_keeps_all_that_the_format_holds(tmp_path, image, suffix):
    save(image, tmp_path / f"a.{suffix}")
    summary = flip_path(tmp_path)
    assert (summary.converted, summary.notes) == (1, {})
    with Image.open(tmp_path / f"a_f.{suffix}") as written:
        assert said(written) == EXPECTED
        assert written.info["xmp"].count(b"MotionPhoto") == 1
        assert written.info["icc_profile"] == SRGB
    summary = flip_path(tmp_path / f"a.{suffix}", tmp_path / "a.bmp")  # which holds none of it
    assert {f"without the original's {what}" for what in ("EXIF data", "XMP", "colour profile")} <= set(summary.notes)


def test_without_the_option_webp_drops_metadata_as_cwebp_does_and_says_so(tmp_path, image):
    save(image, tmp_path / "a.jpg")
    summary = webp_path(tmp_path / "a.jpg", tmp_path / "a.webp")
    assert summary.notes.keys() == {f"without the original's {what}" for what in ("EXIF data", "XMP", "colour profile")}
    with Image.open(tmp_path / "a.webp") as written:
        assert not {"exif", "xmp", "icc_profile"} & written.info.keys()


def test_a_maker_note_stays_where_it_was():
    data = exif().tobytes()[6:]
    place = data.index(b"secret")
    turned = without_orientation(b"Exif\0\0" + data)
    assert turned.index(b"secret") == place
    assert ExifTags.Base.Orientation not in load_exif(turned)
    assert len(turned) == len(data)
    both = with_resolution(turned, (300, 120.5))
    assert both.index(b"secret") == place
    assert exif_resolution(both) == (300, 120.5)
    assert load_exif(both)[ExifTags.Base.Make] == "Maker"
    assert load_exif(both).get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert exif_resolution(with_resolution(b"", (72, 90))) == (72, 90)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("data", [b"", b"MM\0*", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff", b"rubbish" * 9])
def test_damaged_exif_data_stay_as_they_are(data):
    assert without_orientation(data) == data
    assert exif_resolution(data) is None


def test_exif_data_of_nothing_but_an_orientation_are_none():
    data = Image.Exif()
    data[ExifTags.Base.Orientation] = 8
    assert without_orientation(data.tobytes()) == b""


def test_tiff_tags_of_all_kinds(tmp_path, image):
    tags = ImageFileDirectory_v2()
    tags[ExifTags.Base.ImageDescription], tags[33432] = "a cat", "© é".encode("latin-1")
    tags[33550], tags.tagtype[33550] = (1.5, 1.5, 0.0), 12  # GeoTIFF's pixel scale, doubles
    image.resize((256, 192)).save(tmp_path / "a.tif", tiffinfo=tags)
    flip_path(tmp_path / "a.tif", tmp_path / "b.tif")
    replace_folder(tmp_path, WebPSettings(20))
    for name in ("a.webp", "b.webp"):
        with Image.open(tmp_path / name) as written:
            data = written.getexif()
            assert (data[ExifTags.Base.ImageDescription], data[33432]) == ("a cat", "© é")
            assert data[33550] == (1.5, 1.5, 0.0)


def png_text(path, image):
    info = PngImagePlugin.PngInfo()
    info.add_text("Title", "a cat")
    info.add_itxt("Author", "日本", "ja", "著者")
    info.add(b"gAMA", (100000).to_bytes(4, "big"))
    image.save(path, pnginfo=info)


def test_png_text_and_gamma_are_kept_by_flip_and_keep_the_original(tmp_path, image):
    png_text(tmp_path / "a.png", image)
    assert flip_path(tmp_path / "a.png").notes == {}
    with Image.open(tmp_path / "a_f.png") as written:
        assert written.text == {"Title": "a cat", "Author": "日本"}
        assert (written.text["Author"].lang, written.text["Author"].tkey) == ("ja", "著者")
        assert written.info["gamma"] == 1
    summary = replace_folder(tmp_path)
    assert {reason for _, reason in summary.skipped} == {"WebP would not keep its meaning of colours, PNG text"}


def test_other_jpeg_segments_are_kept_by_flip_and_keep_the_original(tmp_path, image):
    iptc = b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\x04\x1c\x02\x05\0"
    segments = b"".join(
        struct.pack(">2sH", marker, len(data) + 2) + data
        for marker, data in ((b"\xff\xed", iptc), (b"\xff\xeb", b"JP\0\x01jumb"), (b"\xff\xfe", b"first"))
    )
    image.save(tmp_path / "a.jpg", extra=segments, comment=b"second", dpi=(300, 300))
    assert flip_path(tmp_path / "a.jpg").notes == {}
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "a_f.jpg") as after:
        assert sorted(after.applist) == sorted(before.applist)
        assert after.info["dpi"] == (300, 300)
    summary = replace_folder(tmp_path)
    assert {reason for _, reason in summary.skipped} == {
        "WebP would not keep its comment, JPEG segment APP13, JPEG segment APP11, JPEG segment COM"
    }


def test_resolution_stands_in_the_exif_data_of_the_webp_file(tmp_path, image):
    image.resize((256, 192)).save(tmp_path / "a.png", dpi=(300, 300))
    assert replace_folder(tmp_path, WebPSettings(20)).converted == 1
    with Image.open(tmp_path / "a.webp") as written:
        assert exif_resolution(written.info["exif"]) == pytest.approx((300, 300), rel=1e-3)


@pytest.mark.parametrize(
    ("name", "mode", "profile"), [("a.jpg", "CMYK", INK), ("a.tif", "CMYK", INK), ("a.png", "L", GREY)]
)
def test_a_profile_that_is_not_for_rgb_is_never_in_a_webp_file(tmp_path, image, name, mode, profile):
    image.convert(mode).save(tmp_path / name, icc_profile=profile)
    summary = replace_folder(tmp_path)
    assert "colour profile" in summary.skipped[0][1]
    assert (tmp_path / name).exists()
    for settings in (WebPSettings(), WebPSettings(metadata=True)):  # made of sRGB's tables, so of no use to LittleCMS
        summary = webp_path(tmp_path / name, tmp_path / "out.webp", settings, force=True)
        assert summary.notes["without the original's colour profile"] == 1
        with Image.open(tmp_path / "out.webp") as written:
            assert "icc_profile" not in written.info
    flip_path(tmp_path / name)
    with Image.open(next(tmp_path.glob("a_f.*"))) as written:
        assert (written.mode, written.info["icc_profile"]) == (mode, profile)


def gamma_profile():
    """A grey profile of gamma 1 (ICC.1:2022): linear light."""
    curve = b"curv" + bytes(4) + struct.pack(">I", 0)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(78)
    parts, place, table = b"", 128 + 4 + 12 * 3, b""
    for name, data in ((b"desc", text), (b"wtpt", white), (b"kTRC", curve)):
        data = data.ljust(-(-len(data) // 4) * 4, b"\0")
        table += name + struct.pack(">II", place + len(parts), len(data))
        parts += data
    body = struct.pack(">I", 3) + table + parts
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), b"lcms", 0x02400000, b"mntr", b"GRAY", b"XYZ ")
    head += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return head.ljust(128, b"\0") + body


def test_grey_is_converted_through_its_profile(tmp_path):
    grey = np.tile(np.arange(256, dtype=np.uint8), (64, 1))
    for name, picture in (
        ("a.png", Image.fromarray(grey)),
        ("b.png", Image.fromarray(np.stack([grey, grey], 2), "LA")),
    ):
        picture.save(tmp_path / name, icc_profile=gamma_profile())
        out = tmp_path / name.replace("png", "webp")
        summary = webp_path(tmp_path / name, out, WebPSettings(lossless=True, metadata=True))
        assert "converted to sRGB through the original's colour profile" in summary.notes
        with Image.open(out) as written:
            # LittleCMS goes straight through the darkest greys
            light = np.arange(256) / 255
            encoded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
            np.testing.assert_allclose(np.asarray(written)[5, 9:, 1], 255 * encoded[9:], atol=1.5)
            assert ("A" in written.mode) == (name == "b.png")


def test_a_film_behind_a_picture_is_named_and_no_longer_promised(tmp_path, image):
    save(image, tmp_path / "a.jpg")
    with (tmp_path / "a.jpg").open("ab") as file:
        file.write(b"\0\0\0\x18ftypmp42" + bytes(1000))
    assert replace_folder(tmp_path).skipped == [("a.jpg", "WebP would not keep its data behind the picture")]
    summary = flip_path(tmp_path)
    assert summary.notes == {"without the original's data behind the picture": 1}
    with Image.open(tmp_path / "a_f.jpg") as written:
        assert b'MotionPhoto="0"' in written.info["xmp"]
