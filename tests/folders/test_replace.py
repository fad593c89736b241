"""Replacing originals: never before the new file is safe."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.files import write_png
from tf_lowdef.folders import ArgumentError, WebPSettings, replace_folder
from tf_lowdef.folders.encode import EncodedFile


@pytest.fixture
def folder(tmp_path, make_scene):
    for name in ["a.png", "sub/b.bmp"]:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(make_scene(1)).save(tmp_path / name)
    return tmp_path


def names(folder):
    return sorted(os.fspath(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_originals_go_and_a_second_run_does_nothing(folder, read_tree):
    assert replace_folder(folder).converted == 2
    assert names(folder) == ["a.webp", "sub/b.webp"]
    first = read_tree(folder)
    summary = replace_folder(folder)
    assert (summary.converted, len(summary.skipped)) == (0, 2)
    assert read_tree(folder) == first


@pytest.mark.parametrize("step", ["write_bytes", "read back", "decode", "sync"])
def test_an_original_stays_when_any_step_before_fails(folder, monkeypatch, step, read_tree):
    before = read_tree(folder)

    def fail(*_):
        raise OSError(5, "Input/output error")

    if step == "write_bytes":
        monkeypatch.setattr("tf_lowdef.folders.run.write_bytes", fail)
    elif step == "read back":
        monkeypatch.setattr(
            "tf_lowdef.folders.run.write_bytes", lambda path, data, _: path.write_bytes(data[:-1] + b"?")
        )
    elif step == "decode":
        damaged = EncodedFile(b"RIFF", Image.new("RGB", (64, 48)), (), ())
        monkeypatch.setattr("tf_lowdef.folders.replace.encode_open", lambda *_: damaged)
    else:
        monkeypatch.setattr("tf_lowdef.folders.replace.sync_folder", fail)
    assert len(replace_folder(folder).failed) == 2
    after = read_tree(folder)
    assert {name: after[name] for name in before} == before


def test_what_is_not_replaced(tmp_path, make_scene, read_tree):
    image = Image.fromarray(make_scene(1))
    image.save(tmp_path / "moving.gif", save_all=True, append_images=[Image.fromarray(make_scene(2))])
    image.save(tmp_path / "already.webp")
    image.save(tmp_path / "mislabelled.png", "WEBP")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.jpg", quality=1)
    image.save(tmp_path / "two.png")
    image.save(tmp_path / "two.bmp")
    image.save(tmp_path / "locked.png")
    (tmp_path / "locked.png").chmod(0o444)
    image.save(tmp_path / "taken.png")
    (tmp_path / "taken.webp").write_text("mine")
    image.save(tmp_path / "led.png")
    (tmp_path / "link.png").symlink_to("led.png")
    before = read_tree(tmp_path)
    summary = replace_folder(tmp_path, WebPSettings(90))
    assert summary.converted == 0
    reasons = dict([*summary.skipped, *summary.failed])
    assert {
        name: reasons[name] for name in ("led.png", "link.png", "already.webp", "mislabelled.png", "noise.jpg")
    } == {
        "led.png": "a link leads to it",
        "link.png": "a link",
        "already.webp": "already WebP",
        "mislabelled.png": "already WebP",
        "noise.jpg": "would be larger than the original",
    }
    assert "several frames" in reasons["moving.gif"]
    assert sorted(name for name, _ in summary.failed) == ["locked.png", "taken.png", "two.bmp", "two.png"]
    after = read_tree(tmp_path)
    after.pop("failed.csv")
    assert after == before


def test_metadata_move_into_the_new_file(tmp_path, make_scene):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 3, "Maker"
    Image.fromarray(make_scene(1)).save(tmp_path / "a.png", exif=exif, icc_profile=b"profile")
    replace_folder(tmp_path)
    with Image.open(tmp_path / "a.webp") as image:
        assert dict(image.getexif()) == {0x010F: "Maker"}
        assert image.info["icc_profile"] == b"profile"


def test_arguments(tmp_path, make_scene):
    write_png(tmp_path / "a.png", make_scene(1))
    with pytest.raises(ArgumentError, match="exclude each other"):
        replace_folder(tmp_path, WebPSettings(decode=True))
    with pytest.raises(ArgumentError, match="wants a folder"):
        replace_folder(tmp_path / "a.png")
