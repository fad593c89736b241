"""All that can be read of an original is in its WebP file, or it is still there: for every format Pillow writes."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin

from tf_lowdef.files import image_extensions, to_8_bit
from tf_lowdef.folders import WebPSettings, flip_path, replace_folder

Image.init()
FORMATS = sorted(Image.SAVE)
WALKED = ("BMP", "GIF", "JPEG", "PNG", "PPM")
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I", "I;16", "F")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="6" dc:title="a cat"/></x:xmpmeta>'
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
GREY = SRGB[:16] + b"GRAY" + SRGB[20:]
INK = SRGB[:16] + b"CMYK" + SRGB[20:]

METADATA = st.fixed_dictionaries(
    {},
    optional={
        "exif": st.sampled_from(["plain", "turned", "full"]),
        "xmp": st.just(XMP),
        "icc_profile": st.sampled_from([SRGB, GREY, INK, b"no profile"]),
        "text": st.dictionaries(
            st.sampled_from(["Title", "Author"]), st.sampled_from(["a cat", "日本", "é"]), min_size=1
        ),
        "comment": st.just(b"a comment"),
        "dpi": st.sampled_from([(72, 72), (300, 300), (120.5, 60)]),
        "transparency": st.just(3),
        "frames": st.just(2),
        "behind": st.just(b"\0\0\0\x18ftypmp42 a film"),
    },
)


def exif(kind):
    """EXIF data: a tag; and the orientation; and directories with a maker note and a place."""
    data = Image.Exif()
    data[ExifTags.Base.Make] = "Maker"
    if kind != "plain":
        data[ExifTags.Base.Orientation] = 6
    if kind == "full":
        data.get_ifd(ExifTags.IFD.Exif).update({0x9003: "2020:11:26 10:00:00", 0x927C: b"secret" * 20})
        data.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (52.0, 30.0, 1.5)})
    return data


def picture(mode, deep):
    """A picture of few colours, which lossless WebP makes smaller in any case."""
    y, x = np.mgrid[0:96, 0:128]
    grey = (x // 16 * 16 + y // 48 * 3).astype(np.uint8)
    if mode in ("I", "I;16", "F"):
        values = grey.astype({"I": np.int32, "I;16": np.uint16, "F": np.float32}[mode])
        return Image.fromarray(values * (257 if deep and mode != "F" else 1) + (7 if deep else 0))
    image = Image.fromarray(np.stack([grey, grey[::-1], grey[:, ::-1], 255 - grey], axis=2), "RGBA")
    return (
        image.convert("RGB").quantize(16)
        if mode == "P"
        else image.convert("RGB" if mode in ("CMYK", "YCbCr") else mode).convert(mode)
    )


def encode(kind, mode, deep, metadata):
    """The bytes of a file, or None where Pillow does not write such a one."""
    options = {key: value for key, value in metadata.items() if key not in ("text", "behind", "frames")}
    if "exif" in options:
        options["exif"] = exif(options["exif"])
    if kind == "AVIF" and "frames" in metadata:
        options = {}  # Pillow 13.0 crashes on frames with metadata
    if kind == "PNG":
        info = PngImagePlugin.PngInfo()
        for key, value in metadata.get("text", {}).items():
            info.add_text(key, value)
        if "xmp" in metadata:
            info.add_itxt("XML:com.adobe.xmp", options.pop("xmp").decode())
        options["pnginfo"] = info
    if kind == "TIFF" and "xmp" in metadata:
        options["exif"] = options.get("exif", Image.Exif())
        options["exif"][700] = options.pop("xmp")
    image, buffer = picture(mode, deep), BytesIO()
    if "frames" in metadata:
        options.update(save_all=True, append_images=[picture(mode, deep).transpose(Image.Transpose.ROTATE_180)])
    if image.mode == "RGB" and "transparency" in options:
        options["transparency"] = (3, 3, 3)
    try:
        image.save(buffer, kind, **options)
        with Image.open(BytesIO(buffer.getvalue())) as written:
            written.load()
    except Exception:  # what Pillow does not write, or not read: many types
        return None
    return buffer.getvalue() + (metadata.get("behind", b"") if kind in WALKED and mode != "F" else b"")


def tags(image):
    """All that EXIF data say but the orientation, which is carried out, and how the pixels lie in the file."""
    data = image.getexif()
    found = {tag: data[tag] for tag in data if 269 <= tag < 320 and tag not in (273, 274, 277, 278, 279, 284, 317)}
    for place in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo):
        found.update({(place, tag): value for tag, value in data.get_ifd(place).items()})
    return found


def resolution(image):
    """Dots per inch, wherever they stand."""
    data = image.getexif()
    found = image.info.get("dpi") or (data.get(282), data.get(283))
    return [float(value) for value in found] if found[0] else None


def check(original, replaced, lossless):
    """Whatever can be read of the original's bytes is in the new file, read with nothing but Pillow."""
    with Image.open(BytesIO(original)) as before, Image.open(replaced) as after:
        assert getattr(before, "n_frames", 1) == 1
        assert len(before.info.get("sizes", [1])) == 1
        before.load()
        assert before.mode in ("1", "L", "LA", "P", "RGB", "RGBA")
        pixels = to_8_bit(before)
        assert after.size == pixels.size
        if lossless:
            np.testing.assert_array_equal(np.asarray(after.convert(pixels.mode)), np.asarray(pixels))
        if pixels.mode == "RGBA":
            np.testing.assert_array_equal(np.asarray(after.convert("RGBA"))[..., 3], np.asarray(pixels)[..., 3])
        assert {key: tags(after).get(key) for key in tags(before)} == tags(before)
        assert after.getexif().get(ExifTags.Base.Orientation, 1) == 1
        wanted = before.info.get("xmp", b"").replace(b'Orientation="6"', b'Orientation="1"')
        assert after.info.get("xmp", b"") == wanted or b"Orientation" not in wanted
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert not before.info.get("comment")
        assert not [key for key in getattr(before, "text", {}) if not key.startswith("XML:")]
        dots = resolution(before)
        if dots is not None and (round(dots[0]), round(dots[1])) not in ((1, 1), (72, 72), (96, 96)):
            np.testing.assert_allclose(resolution(after), dots, rtol=0.01)
    assert not original.endswith(b"a film")


@pytest.mark.filterwarnings("ignore:IM image format")
@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mode=st.sampled_from(MODES), deep=st.booleans(), metadata=METADATA, lossless=st.booleans())
def test_replace_never_deletes_what_the_new_file_does_not_hold(kind, tmp_path_factory, mode, deep, metadata, lossless):
    original = encode(kind, mode, deep, metadata)
    suffixes = [suffix for suffix, name in Image.registered_extensions().items() if name == kind]
    if original is None or not suffixes or suffixes[0] not in image_extensions():
        return
    folder = tmp_path_factory.mktemp("folder")
    path = folder / f"a{suffixes[0]}"
    path.write_bytes(original)
    summary = replace_folder(folder, WebPSettings(lossless=lossless))
    if path.exists():
        assert path.read_bytes() == original
        assert kind == "WEBP" or list(folder.iterdir()) == [path] or summary.failed
        assert summary.converted == 0
        assert [reason for _, reason in summary.skipped + summary.failed] != [""]
    else:
        assert summary.converted == 1
        check(original, folder / "a.webp", lossless)


@pytest.mark.parametrize("kind", ["BMP", "JPEG", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF"])
def test_plain_pictures_are_replaced(kind, tmp_path):
    """The test above is no use where nothing is ever replaced."""
    suffix = next(suffix for suffix, name in Image.registered_extensions().items() if name == kind)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((256, 256)).save(tmp_path / f"a{suffix}", kind)
    assert replace_folder(tmp_path, WebPSettings(20)).converted == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.webp"]


@pytest.mark.parametrize(
    "kind", sorted({"BMP", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF", "WEBP"})
)
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(mode=st.sampled_from(MODES), deep=st.booleans(), metadata=METADATA)
def test_flip_keeps_metadata_or_says_what_is_lost(kind, tmp_path_factory, mode, deep, metadata):
    original = encode(kind, mode, deep, metadata)
    if original is None:
        return
    folder = tmp_path_factory.mktemp("folder")
    path = folder / f"a{next(suffix for suffix, name in Image.registered_extensions().items() if name == kind)}"
    path.write_bytes(original)
    summary = flip_path(folder)
    assert path.read_bytes() == original
    if summary.failed:
        return
    said = " ".join(summary.notes)
    with Image.open(path) as before, Image.open(path.with_stem("a_f")) as after:
        before.load()
        # a grey palette is mode L or P, as Pillow likes, and WebP has no alpha channel where all is opaque
        assert after.mode == before.mode or kind == "GIF" or (kind == "WEBP" and after.mode == "RGB")
        assert ("frames" in said) == (getattr(before, "n_frames", 1) > 1)
        assert ("data behind" in said) == (
            "behind" in metadata and kind in WALKED and mode != "F" and "frames" not in said
        )
        if {key: tags(after).get(key) for key in tags(before)} != tags(before):
            assert "EXIF" in said
        assert after.getexif().get(ExifTags.Base.Orientation, 1) == 1
        for key, name in (("icc_profile", "colour profile"), ("comment", "comment")):
            assert after.info.get(key) == before.info.get(key) or name in said
        assert bool(after.info.get("xmp")) == bool(before.info.get("xmp")) or "XMP" in said
        if kind == "PNG":
            shown = {key: value for key, value in before.text.items() if not key.startswith("XML:")}
            assert {key: value for key, value in after.text.items() if not key.startswith("XML:")} == shown
        assert after.info.get("transparency") == before.info.get("transparency")
