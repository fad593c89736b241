"""The flip tool: exact pixels, names beside and elsewhere, nothing done twice."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image, ImageOps

from tf_lowdef.files import read_rgb, write_png
from tf_lowdef.folders import ArgumentError, FlipSettings, flip_path
from tf_lowdef.folders.plan import scan_source

TURN = {"horizontal": np.s_[:, ::-1], "vertical": np.s_[::-1], "both": np.s_[::-1, ::-1]}


@pytest.mark.parametrize(("mode", "ending"), [("horizontal", "_f"), ("vertical", "_fv"), ("both", "_fhv")])
def test_png_pixels_equal_numpys(tmp_path, make_scene, mode, ending):
    for seed, size in enumerate([(1, 1), (1, 7), (13, 17), (48, 64)]):
        write_png(tmp_path / f"{seed}.png", make_scene(seed, *size) if min(size) > 3 else np.full((*size, 3), 9, "u1"))
    summary = flip_path(tmp_path, settings=FlipSettings(mode))
    assert (summary.converted, summary.failed) == (4, [])
    for seed in range(4):
        flipped, original = read_rgb(tmp_path / f"{seed}{ending}.png"), read_rgb(tmp_path / f"{seed}.png")
        np.testing.assert_array_equal(flipped, original[TURN[mode]])


def test_a_second_run_does_not_flip_the_flipped(tmp_path, make_scene, read_tree):
    for name in ["a.png", "sub/b.jpg", "alone_f.png", "c.psd.png"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(make_scene(1)).save(tmp_path / name)
    Image.fromarray(make_scene(1)).save(tmp_path / "icon.ico")
    assert flip_path(tmp_path).converted == 5
    first = read_tree(tmp_path)
    expected = {"a_f.png", "sub/b_f.jpg", "alone_f_f.png", "c.psd_f.png", "icon_f.ico.png"}
    assert expected < set(first)
    summary = flip_path(tmp_path)
    assert (summary.converted, summary.present, summary.scanned) == (0, 5, 5)
    assert flip_path(tmp_path, settings=FlipSettings("vertical")).converted == 5
    assert flip_path(tmp_path, settings=FlipSettings("both")).converted == 5
    assert flip_path(tmp_path).converted == 0
    assert {name: data for name, data in read_tree(tmp_path).items() if name in first} == first


def test_the_tree_is_kept_in_the_output_folder_and_only_what_is_missing_is_done(tmp_path, make_scene):
    names = ["a.png", "a b.png", "-q.png", 'it\'s "q".png', "ü/☃.png", "a.jpg", os.fsdecode(b"\xff.png")]
    for name in names:
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(make_scene(1)).save(tmp_path / "in" / name)
    assert flip_path(tmp_path / "in", tmp_path / "out").converted == 7
    assert sorted(os.fspath(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*g")) == sorted(names)
    (tmp_path / "out" / "-q.png").unlink()
    summary = flip_path(tmp_path / "in", tmp_path / "out")
    assert (summary.converted, summary.present) == (1, 6)
    assert flip_path(tmp_path / "in", tmp_path / "out", force=True).converted == 7


def test_an_output_folder_inside_the_input_is_no_input(tmp_path, make_scene):
    write_png(tmp_path / "a.png", make_scene(1))
    for _ in range(2):
        summary = flip_path(tmp_path, tmp_path / "out")
        assert summary.scanned == 1
    assert summary.present == 1


def test_input_equal_to_output(tmp_path, make_scene, read_tree):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    (tmp_path / "link").symlink_to("in")
    before = read_tree(tmp_path)
    for out in ["in", "in/../in", "link", "."]:
        with pytest.raises(ArgumentError, match="Received"):
            flip_path(tmp_path / "in", tmp_path / out, force=True)
    with pytest.raises(ArgumentError, match="must not be the input"):
        flip_path(tmp_path / "in" / "a.png", tmp_path / "in" / "a.png", force=True)
    with pytest.raises(ArgumentError, match="must not be the input"):
        flip_path(tmp_path / "in" / "a.png", tmp_path / "link", force=True)
    assert read_tree(tmp_path) == before


def test_one_file(tmp_path, make_scene):
    write_png(tmp_path / "a.png", make_scene(1))
    assert flip_path(tmp_path / "a.png").converted == 1
    np.testing.assert_array_equal(read_rgb(tmp_path / "a_f.png"), make_scene(1)[:, ::-1])
    assert flip_path(tmp_path / "a.png").present == 1
    (tmp_path / "b.png").write_text("mine")
    failed = flip_path(tmp_path / "a.png", tmp_path / "b.png").failed
    assert "holds something else" in failed[0][1]
    assert (tmp_path / "b.png").read_text() == "mine"
    assert flip_path(tmp_path / "a.png", tmp_path / "b.png", force=True).converted == 1


def test_a_file_of_the_users_in_the_output_folder_is_never_overwritten(tmp_path, make_scene):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_text("mine")
    summary = flip_path(tmp_path / "in", tmp_path / "out")
    assert "no result of this tool" in summary.failed[0][1]
    assert (tmp_path / "out" / "a.png").read_text() == "mine"


def test_links_are_not_followed_out(tmp_path, make_scene):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    write_png(tmp_path / "elsewhere" / "b.png", make_scene(2))
    (tmp_path / "in" / "b.png").symlink_to(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "in" / "folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "in" / "again.png").symlink_to("a.png")
    summary = flip_path(tmp_path / "in", tmp_path / "out")
    assert (summary.converted, summary.skipped) == (2, [("b.png", "a link that leads out of the folder")])
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [".tf_lowdef.json", "a.png", "again.png"]
    assert not (tmp_path / "out" / "again.png").is_symlink()


def test_read_only_originals_can_be_flipped(tmp_path, make_scene):
    write_png(tmp_path / "a.png", make_scene(1))
    (tmp_path / "a.png").chmod(0o444)
    assert flip_path(tmp_path).converted == 1
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o444


def test_vanished_between_listing_and_opening(tmp_path, make_scene, monkeypatch):
    for name in "ab":
        write_png(tmp_path / f"{name}.png", make_scene(1))

    def scan_and_lose(source, out):
        scan = scan_source(source, out)
        (tmp_path / "b.png").unlink()
        return scan

    monkeypatch.setattr("tf_lowdef.folders.flip.scan_source", scan_and_lose)
    summary = flip_path(tmp_path, tmp_path / "out")
    assert (summary.converted, summary.failed) == (1, [("b.png", "no such file")])
    assert summary.failed_csv.read_text() == "file,reason\nb.png,no such file\n"


def test_orientation_is_carried_out_before_the_flip(tmp_path, make_scene):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "Maker"
    Image.fromarray(make_scene(1)).save(tmp_path / "a.png", exif=exif)
    assert flip_path(tmp_path).converted == 1
    np.testing.assert_array_equal(read_rgb(tmp_path / "a_f.png"), np.rot90(make_scene(1), -1)[:, ::-1])
    with Image.open(tmp_path / "a_f.png") as image:
        assert dict(image.getexif()) == {0x010F: "Maker"}


def test_jpeg_is_encoded_with_its_own_tables(tmp_path, make_scene):
    profile = b"a profile"
    image = Image.fromarray(make_scene(1))
    image.save(tmp_path / "a.jpg", quality=40, subsampling=0, icc_profile=profile)
    flip_path(tmp_path)
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "a_f.jpg") as after:
        assert after.format == "JPEG"
        assert after.quantization == before.quantization
        assert after.layer == before.layer
        assert after.info["icc_profile"] == profile
        difference = np.asarray(ImageOps.mirror(before)).astype(int) - np.asarray(after)
    assert np.abs(difference).max() <= 3
