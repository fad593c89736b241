"""The webp tool: the bytes are Pillow's, the names do not collide, what is there is not done again."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import warnings
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.files import write_png
from tf_lowdef.folders import ArgumentError, WebPSettings, webp_path
from tf_lowdef.folders.near_lossless import limit_bits, near_lossless
from tf_lowdef.webp import libwebp_version


def pillow(image, **options):
    """What Pillow's own save gives."""
    buffer = BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("quality", "method"), [(60, 4), (60, 0), (60, 6), (0, 4), (99.5, 2)])
def test_the_bytes_are_pillows(tmp_path, make_scene, quality, method):
    image = Image.fromarray(make_scene(1))
    image.save(tmp_path / "a.png")
    image.save(tmp_path / "b.jpg", quality=100, subsampling=0)
    webp_path(tmp_path, tmp_path / "out", WebPSettings(quality, method))
    assert (tmp_path / "out" / "a.webp").read_bytes() == pillow(image, quality=quality, method=method)
    with Image.open(tmp_path / "b.jpg") as jpeg:
        assert (tmp_path / "out" / "b.webp").read_bytes() == pillow(jpeg, quality=quality, method=method)


def test_every_kind_of_image_decodes_to_what_pillow_gives(tmp_path, make_scene):
    image = Image.fromarray(make_scene(1))
    rgba = image.copy()
    rgba.putalpha(image.getchannel("G"))
    deep = make_scene(2)[..., 0].astype(np.uint16) * 257
    turned = Image.Exif()
    turned[0x0112] = 6
    palette = image.quantize(16)
    clear = np.asarray(palette.convert("RGBA")).copy()
    clear[np.asarray(palette) == 3, 3] = 0
    image.save(tmp_path / "turned.png", exif=turned)
    image.convert("CMYK").save(tmp_path / "cmyk.tif")
    image.convert("L").save(tmp_path / "grey.png")
    Image.fromarray(deep).save(tmp_path / "deep.png")
    palette.save(tmp_path / "palette.png")
    palette.save(tmp_path / "clear.png", transparency=3)
    rgba.save(tmp_path / "rgba.png")
    rgba.convert("LA").save(tmp_path / "grey_alpha.png")
    image.save(tmp_path / "moving.gif", save_all=True, append_images=[Image.fromarray(make_scene(4))])
    with Image.open(tmp_path / "moving.gif") as gif:
        first = gif.convert("RGB")
    expected = {
        "turned": image.transpose(Image.Transpose.ROTATE_270),
        "cmyk": image,
        "grey": image.convert("L").convert("RGB"),
        "deep": Image.fromarray(make_scene(2)[..., 0]).convert("RGB"),
        "palette": palette.convert("RGB"),
        "clear": Image.fromarray(clear),
        "rgba": rgba,
        "grey_alpha": rgba.convert("LA").convert("RGBA"),
        "moving": first,
    }
    summary = webp_path(tmp_path, tmp_path / "out", WebPSettings(60))
    assert summary.failed == []
    assert summary.notes["first of several frames or pages"] == 1
    for name, reference in expected.items():
        path = tmp_path / "out" / f"{name}.webp"
        path = path if path.exists() else tmp_path / "out" / "larger-than-original" / f"{name}.webp"
        assert path.read_bytes() == pillow(reference, quality=60, method=4), name


def psnr(one, other):
    """Peak signal-to-noise ratio of two images in decibels."""
    error = np.mean((np.asarray(one).astype(float) - np.asarray(other)) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def test_cwebp_gives_the_same_bytes_where_the_libwebp_is_the_same(tmp_path, make_scene):
    cwebp = shutil.which("cwebp")
    if cwebp is None:
        pytest.skip("no cwebp here (Debian's package webp)")
    theirs = re.match(r"[\d.]+", subprocess.run([cwebp, "-version"], capture_output=True, text=True).stdout)[0]
    same = []
    for seed in range(5):
        write_png(tmp_path / "a.png", make_scene(seed, 90 + seed, 121))
        subprocess.run([cwebp, "-quiet", "-q", "60", tmp_path / "a.png", "-o", tmp_path / "c.webp"], check=True)
        webp_path(tmp_path / "a.png", tmp_path / "ours.webp", WebPSettings(60), force=True)
        same.append((tmp_path / "c.webp").read_bytes() == (tmp_path / "ours.webp").read_bytes())
        with Image.open(tmp_path / "c.webp") as image, Image.open(tmp_path / "ours.webp") as ours:
            assert psnr(image, ours) > 35  # libwebp 0.4.4 and 1.6.0 measured 38 to 43 dB apart
    compared = f"cwebp's libwebp {theirs} against Pillow's {libwebp_version()}: {sum(same)} of 5 files the same"
    if theirs == libwebp_version():
        assert all(same), compared
    else:
        warnings.warn(f"{compared}; the versions differ, so the bytes may", stacklevel=1)


def test_names_do_not_collide(tmp_path, make_scene):
    image = Image.fromarray(make_scene(1))
    for name in ["a.png", "a.bmp", "a.png.webp", "B.png", "b.bmp", "sub/a.png", "c.png", "larger-than-original/c.png"]:
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        image.save(tmp_path / "in" / name)
    summary = webp_path(tmp_path / "in", tmp_path / "out")
    assert (summary.converted, summary.failed) == (8, [])
    results = sorted(os.fspath(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.webp"))
    assert results == [
        "B.png.webp",
        "a.bmp.webp",
        "a.png.webp",
        "a.png.webp.webp",
        "b.bmp.webp",
        "c.webp",
        "larger-than-original/c.webp",
        "sub/a.webp",
    ]
    assert webp_path(tmp_path / "in", tmp_path / "out").present == 8


def test_results_larger_than_the_original_are_kept_aside(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", quality=5)
    write_png(tmp_path / "flat.png", np.tile(noise[:8, :8], (32, 32, 1)))
    summary = webp_path(tmp_path, tmp_path / "out", WebPSettings(95))
    aside = tmp_path / "out" / "larger-than-original" / "noise.webp"
    assert aside.stat().st_size > (tmp_path / "noise.jpg").stat().st_size
    assert not (tmp_path / "out" / "noise.webp").exists()
    assert summary.notes["larger than the original, in larger-than-original"] >= 1
    assert webp_path(tmp_path, tmp_path / "out", WebPSettings(95)).present == 2
    webp_path(tmp_path, tmp_path / "out", WebPSettings(1), force=True)
    assert (tmp_path / "out" / "noise.webp").exists()
    assert not aside.exists()


def test_transparent_images_can_be_left_out(tmp_path, make_scene):
    opaque = Image.fromarray(make_scene(1)).convert("RGBA")
    opaque.save(tmp_path / "opaque.png")
    opaque.putpixel((0, 0), (1, 2, 3, 254))
    opaque.save(tmp_path / "clear.png")
    summary = webp_path(tmp_path, tmp_path / "out", WebPSettings(60, ignore_transparency=True))
    assert summary.skipped == [("clear.png", "has transparent pixels")]
    assert (summary.converted, summary.failed_csv) == (1, None)


def test_lossless_is_lossless_and_quality_100_means_it(tmp_path, make_scene):
    rgba = np.concatenate([make_scene(1), make_scene(2)[..., :1] // 2], axis=2)
    Image.fromarray(rgba).save(tmp_path / "a.png")
    for settings in [WebPSettings(100), WebPSettings(60, lossless=True), WebPSettings(60, near=100)]:
        webp_path(tmp_path / "a.png", tmp_path / "o.webp", settings, force=True)
        with Image.open(tmp_path / "o.webp") as image:
            np.testing.assert_array_equal(np.asarray(image), rgba)
    webp_path(tmp_path / "a.png", tmp_path / "o.webp", WebPSettings(100, lossless=False), force=True)
    with Image.open(tmp_path / "o.webp") as image:
        assert (np.asarray(image) != rgba).any()


@pytest.mark.parametrize("near", [0, 19, 20, 40, 60, 80, 99])
def test_near_lossless_keeps_its_bound_and_makes_files_smaller(tmp_path, make_scene, near):
    pixels = make_scene(1, 100, 120)
    write_png(tmp_path / "a.png", pixels)
    webp_path(tmp_path / "a.png", tmp_path / "near.webp", WebPSettings(60, near=near))
    webp_path(tmp_path / "a.png", tmp_path / "exact.webp", WebPSettings(60, lossless=True))
    with Image.open(tmp_path / "near.webp") as image:
        difference = np.abs(np.asarray(image).astype(int) - pixels)
    assert 0 < difference.max() <= 2 ** limit_bits(near) // 2
    assert (tmp_path / "near.webp").stat().st_size < (tmp_path / "exact.webp").stat().st_size


def test_near_lossless_rounds_half_to_even_multiples_and_leaves_borders_and_icons():
    pixels = np.zeros((64, 64, 1), dtype=np.uint8)
    pixels[1::2, 1::2] = np.arange(32 * 32).reshape(32, 32, 1) % 256
    rounded = near_lossless(pixels, 80)
    lonely = pixels[1:63:2, 1:63:2].astype(int)
    expected = np.where(lonely > 1, np.where(lonely == 255, 255, (lonely + (lonely // 2 % 2)) // 2 * 2), lonely)
    np.testing.assert_array_equal(rounded[1:63:2, 1:63:2], expected)
    np.testing.assert_array_equal(rounded[63], pixels[63])
    np.testing.assert_array_equal(near_lossless(pixels[:63, :63], 0), pixels[:63, :63])


def test_decode_writes_the_pixels_after_the_round_trip(tmp_path, make_scene):
    image = Image.fromarray(make_scene(1))
    image.save(tmp_path / "in.png")
    image.save(tmp_path / "in.bmp")
    assert webp_path(tmp_path, tmp_path / "out", WebPSettings(60, decode=True)).converted == 2
    with Image.open(BytesIO(pillow(image, quality=60, method=4))) as reference:
        for name in ("in.png.png", "in.bmp.png"):
            with Image.open(tmp_path / "out" / name) as decoded:
                assert decoded.format == "PNG"
                np.testing.assert_array_equal(np.asarray(decoded), np.asarray(reference))


def test_other_arguments_never_mix_in_one_folder(tmp_path, make_scene):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    webp_path(tmp_path / "in", tmp_path / "out", WebPSettings(60))
    first = (tmp_path / "out" / "a.webp").read_bytes()
    with pytest.raises(ArgumentError, match="quality 60, now 70"):
        webp_path(tmp_path / "in", tmp_path / "out", WebPSettings(70))
    assert (tmp_path / "out" / "a.webp").read_bytes() == first
    assert webp_path(tmp_path / "in", tmp_path / "out", WebPSettings(70), force=True).converted == 1
    assert (tmp_path / "out" / "a.webp").read_bytes() != first
    assert webp_path(tmp_path / "in", tmp_path / "out", WebPSettings(70)).present == 1


def test_one_file(tmp_path, make_scene):
    image = Image.fromarray(make_scene(1))
    image.save(tmp_path / "a.png")
    assert webp_path(tmp_path / "a.png", tmp_path / "o.webp").converted == 1
    assert webp_path(tmp_path / "a.png", tmp_path / "o.webp").present == 1
    assert "holds something else" in webp_path(tmp_path / "a.png", tmp_path / "o.webp", WebPSettings(5)).failed[0][1]
    assert (tmp_path / "o.webp").read_bytes() == pillow(image, quality=60, method=4)
    with pytest.raises(ArgumentError, match="must not be the input"):
        webp_path(tmp_path / "a.png", tmp_path / "a.png", force=True)
    (tmp_path / "link.png").hardlink_to(tmp_path / "a.png")
    with pytest.raises(ArgumentError, match="must not be the input"):
        webp_path(tmp_path / "a.png", tmp_path / "link.png", force=True)
    assert webp_path(tmp_path / "gone.png", tmp_path / "g.webp").failed[0][1] == "no such file"


def test_what_cannot_be_encoded_is_a_failure_of_that_file_alone(tmp_path, make_scene):
    Image.new("RGB", (16384, 1)).save(tmp_path / "long.png")
    Image.fromarray(np.zeros((4, 4), np.float32)).save(tmp_path / "float.tif")
    write_png(tmp_path / "a.png", make_scene(1))
    summary = webp_path(tmp_path, tmp_path / "out")
    assert summary.converted == 1
    assert dict(summary.failed).keys() == {"long.png", "float.tif"}
    assert "at most 16383" in dict(summary.failed)["long.png"]


@pytest.mark.parametrize(
    "arguments",
    [{"quality": 101}, {"quality": float("nan")}, {"method": 7}, {"near": 101}, {"near": 5, "lossless": False}],
)
def test_settings_out_of_range(arguments):
    with pytest.raises(ValueError, match="Received: "):
        WebPSettings(**arguments)
