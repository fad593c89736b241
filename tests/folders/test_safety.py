"""What a hostile folder, or an unlucky one, must not bring about."""

from __future__ import annotations

import os
import stat
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.files import make_folders, read_rgb, write_png
from tf_lowdef.folders import ArgumentError, WebPSettings, flip_path, replace_folder, webp_path

DEPTH = 1100


def smooth(make_scene):
    return Image.fromarray(make_scene(1)).resize((256, 192))


@pytest.mark.parametrize("settings", [WebPSettings(100), WebPSettings(lossless=True), WebPSettings(60)], ids=str)
def test_nothing_that_loses_depth_or_company_is_replaced(tmp_path, make_scene, read_tree, settings):
    image = smooth(make_scene)
    grey = np.asarray(image)[..., 0].astype(np.uint16) * 257
    Image.fromarray(grey).save(tmp_path / "deep.png")
    Image.fromarray(grey.astype(np.int32)).save(tmp_path / "integers.tif")
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "floats.tif")
    Image.fromarray(grey).save(tmp_path / "deeper.pgm")
    Image.fromarray(grey).save(tmp_path / "clear.png", transparency=257)
    image.save(tmp_path / "icon.ico", sizes=[(16, 16), (32, 32), (48, 48)])
    image.resize((256, 256)).save(tmp_path / "icons.icns")
    image.save(tmp_path / "pair.mpo", save_all=True, append_images=[image])
    image.save(tmp_path / "pages.tif", save_all=True, append_images=[image])
    image.save(tmp_path / "inside.tif", tiffinfo={330: 8})
    before = read_tree(tmp_path)
    summary = replace_folder(tmp_path, settings)
    assert (summary.converted, summary.failed) == (0, [])
    assert read_tree(tmp_path) == before
    reasons = dict(summary.skipped)
    assert reasons["deep.png"] == reasons["deeper.pgm"] == "WebP would not keep its 16 bits a channel"
    assert reasons["integers.tif"] == reasons["floats.tif"] == "WebP would not keep its 32 bits a channel"
    assert {reasons[name] for name in ("icon.ico", "pair.mpo", "pages.tif")} == {
        "WebP would not keep its several frames or pages"
    }


def test_an_icon_of_one_size_is_one_picture(tmp_path, make_scene):
    smooth(make_scene).save(tmp_path / "icon.ico", sizes=[(128, 96)], bitmap_format="bmp")
    assert replace_folder(tmp_path).converted == 1


def test_16_bit_grey_keeps_its_transparent_value(tmp_path):
    values = np.arange(60, dtype=np.uint16).reshape(6, 10) * 1000
    Image.fromarray(values).save(tmp_path / "a.png", transparency=5000)
    webp_path(tmp_path / "a.png", tmp_path / "a.webp", WebPSettings(lossless=True))
    flip_path(tmp_path)
    with Image.open(tmp_path / "a.webp") as image:
        np.testing.assert_array_equal(np.asarray(image)[..., 3], np.where(values == 5000, 0, 255))
        np.testing.assert_array_equal(np.asarray(image)[..., 0], values >> 8)
    with Image.open(tmp_path / "a_f.png") as image:
        assert (image.mode, image.info["transparency"]) == ("I;16", 5000)
    pixels = read_rgb(tmp_path / "a.png")
    np.testing.assert_array_equal(pixels[..., 0], np.where(values == 5000, 255, values >> 8))


def test_what_a_link_leads_to_stays(tmp_path, make_scene, read_tree):
    image = smooth(make_scene)
    for name in ("a.png", "sub/b.png", "free.png"):
        make_folders((tmp_path / name).parent)
        image.save(tmp_path / name)
    (tmp_path / "sub" / "link.png").symlink_to("../a.png")
    (tmp_path / "newest").symlink_to("second")  # neither has an image's name
    (tmp_path / "second").symlink_to("sub/b.png")
    (tmp_path / "circle").symlink_to("circle")
    before = read_tree(tmp_path)
    summary = replace_folder(tmp_path, WebPSettings(20))
    assert summary.converted == 1
    assert [name for name, reason in summary.skipped if reason == "a link leads to it"] == ["a.png", "sub/b.png"]
    after = read_tree(tmp_path)
    assert before.keys() - after.keys() == {"free.png"}
    assert (tmp_path / "newest").exists()


def test_nothing_is_written_through_a_link_in_the_output_folder(tmp_path, make_scene, read_tree):
    for name in ("sub/a.png", "b.png"):
        write_png(tmp_path / "in" / name, make_scene(1))
    (tmp_path / "elsewhere").mkdir()
    for tool in (webp_path, flip_path):
        out = tmp_path / tool.__name__
        out.mkdir()
        (out / "sub").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "elsewhere" / ".tf_lowdef-0").touch()
        summary = tool(tmp_path / "in", out)
        assert (summary.converted, len(summary.failed)) == (1, 1)
        assert "is a link, and nothing is written through it" in summary.failed[0][1]
        assert os.listdir(tmp_path / "elsewhere") == [".tf_lowdef-0"]
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")  # the output folder itself is the user's to choose
    assert webp_path(tmp_path / "in", tmp_path / "out").converted == 2


def test_a_tree_deeper_than_the_stack(tmp_path, make_scene):
    deep = tmp_path / "in" / "/".join("d" * DEPTH)
    assert sys.getrecursionlimit() <= DEPTH
    write_png(deep / "a.png", make_scene(1))
    write_png(tmp_path / "in" / "b.png", make_scene(1))
    assert webp_path(tmp_path / "in", tmp_path / "out").converted == 2
    assert webp_path(tmp_path / "in", tmp_path / "out", clear_out=True).converted == 2
    assert flip_path(tmp_path / "in").converted == 2
    assert replace_folder(tmp_path / "in").scanned == 4
    for folder in ("in", "out"):
        assert len(list((tmp_path / folder).iterdir())) > 1
        os.system(f"rm -rf '{tmp_path / folder}'")  # pytest would call itself for every level


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o644, 0o400])
def test_results_have_the_original_permissions(tmp_path, make_scene, permissions):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    (tmp_path / "in" / "a.png").chmod(permissions)
    webp_path(tmp_path / "in", tmp_path / "webp")
    flip_path(tmp_path / "in", tmp_path / "flip")
    flip_path(tmp_path / "in")
    webp_path(tmp_path / "in" / "a.png", tmp_path / "one.webp")
    results = ["webp/a.webp", "flip/a.png", "in/a_f.png", "one.webp"]
    assert [mode(tmp_path / name) for name in results] == [permissions] * 4
    webp_path(tmp_path / "in", tmp_path / "webp", force=True)
    assert mode(tmp_path / "webp" / "a.webp") == permissions


@pytest.mark.parametrize("kind", ["BMP", "JPEG", "PCX", "PNG", "PPM", "SGI", "TGA", "TIFF"])
def test_a_replacement_has_permissions_times_and_attributes(tmp_path, make_scene, kind, monkeypatch):
    suffix = next(suffix for suffix, name in Image.registered_extensions().items() if name == kind)
    path = tmp_path / f"a{suffix}"
    smooth(make_scene).save(path, kind)
    path.chmod(0o600)
    try:
        os.setxattr(path, "user.note", b"mine")
    except OSError:
        note = None
    else:
        note = b"mine"
    then = (time.time_ns() // 10**9 - 10**6) * 10**9
    os.utime(path, ns=(then, then + 1))
    widest = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (widest.append(os.stat(a).st_mode & 0o777), replace(a, b))[1])
    assert replace_folder(tmp_path, WebPSettings(20)).converted == 1
    new = tmp_path / "a.webp"
    assert (mode(new), new.stat().st_mtime_ns, widest) == (0o600, then + 1, [0o600])
    assert note is None or os.getxattr(new, "user.note") == note


def test_a_file_being_written_is_nobody_elses(tmp_path, make_scene, monkeypatch):
    write_png(tmp_path / "a.png", make_scene(1))
    (tmp_path / "a.png").chmod(0o600)
    seen = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (seen.append(stat.S_IMODE(os.fstat(fd).st_mode)), fsync(fd))[1])
    flip_path(tmp_path / "a.png")
    assert seen == [0o600]


def test_the_suffix_of_the_output_says_the_format(tmp_path, make_scene):
    Image.fromarray(make_scene(1)).save(tmp_path / "cat.jpg")
    clear = Image.fromarray(make_scene(1))
    clear.putalpha(7)
    clear.save(tmp_path / "clear.png")
    for suffix, kind in (
        ("png", "PNG"),
        ("tif", "TIFF"),
        ("bmp", "BMP"),
        ("webp", "WEBP"),
        ("jpg", "JPEG"),
        ("", "JPEG"),
    ):
        out = tmp_path / f"one.{suffix}".rstrip(".")
        assert flip_path(tmp_path / "cat.jpg", out).converted == 1
        with Image.open(out) as image, Image.open(tmp_path / "cat.jpg") as before:
            assert image.format == kind
            if kind != "JPEG":
                np.testing.assert_array_equal(np.asarray(image), np.asarray(before)[:, ::-1])
    for suffix, kind in (("jpg", "JPEG"), ("bmp", "BMP"), ("ppm", "PPM")):
        failed = flip_path(tmp_path / "clear.png", tmp_path / f"two.{suffix}").failed
        assert failed[0][1] == f"has transparent pixels, which {kind} files cannot hold"
        assert not (tmp_path / f"two.{suffix}").exists()
    assert flip_path(tmp_path / "clear.png", tmp_path / "two.tif").notes == {}
    for tool, name in ((flip_path, "a.ico"), (flip_path, "a.avif"), (webp_path, "a.png"), (webp_path, "a.jpg")):
        with pytest.raises(ArgumentError, match=r"files are not written here, but \."):
            tool(tmp_path / "cat.jpg", tmp_path / name)
    with pytest.raises(ArgumentError, match=r"\.webp files are not written here, but \.png"):
        webp_path(tmp_path / "cat.jpg", tmp_path / "a.webp", WebPSettings(decode=True))
    assert {path.name for path in tmp_path.iterdir() if path.stem == "a"} == set()


def test_names_that_a_spreadsheet_would_carry_out(tmp_path):
    for name in ("=1+1.png", "-a.png", "@b.png", "+c.png", "plain.png"):
        (tmp_path / name).touch()
    summary = flip_path(tmp_path)
    lines = summary.failed_csv.read_text().splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == ["'+c.png", "'-a.png", "'=1+1.png", "'@b.png", "plain.png"]
    assert [name for name, _ in summary.failed] == ["+c.png", "-a.png", "=1+1.png", "@b.png", "plain.png"]
