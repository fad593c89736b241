"""Clearing: only what this tool made, and nothing outside."""

from __future__ import annotations

import json

import pytest

from tf_lowdef.files import write_png
from tf_lowdef.folders import ArgumentError, webp_path


@pytest.fixture
def source(tmp_path, make_scene):
    write_png(tmp_path / "in" / "a.png", make_scene(1))
    return tmp_path / "in"


def test_a_folder_of_ours_is_cleared_and_links_in_it_are_not_followed(tmp_path, source):
    out = tmp_path / "out"
    webp_path(source, out)
    (tmp_path / "keep").mkdir()
    (tmp_path / "keep" / "safe.txt").write_text("safe")
    (out / "old").mkdir()
    (out / "old" / "x.webp").write_text("stale")
    (out / "link").symlink_to(tmp_path / "keep")
    (out / "file").symlink_to(tmp_path / "keep" / "safe.txt")
    assert webp_path(source, out, clear_out=True).converted == 1
    assert sorted(p.name for p in out.iterdir()) == [".tf_lowdef.json", "a.webp"]
    assert (tmp_path / "keep" / "safe.txt").read_text() == "safe"


def test_a_folder_of_the_users_is_not_cleared_unless_forced(tmp_path, source):
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="not made by this tool"):
        webp_path(source, out, clear_out=True)
    webp_path(source, out)  # its results now lie among the user's files, which does not make it ours
    with pytest.raises(ArgumentError, match="not made by this tool"):
        webp_path(source, out, clear_out=True)
    assert (out / "mine.txt").read_text() == "mine"
    webp_path(source, out, clear_out=True, force=True)
    assert not (out / "mine.txt").exists()
    (tmp_path / "link").symlink_to("out")
    with pytest.raises(ArgumentError, match="not through a link"):
        webp_path(source, tmp_path / "link", clear_out=True, force=True)


def test_the_input_is_never_cleared(tmp_path, source, read_tree):
    before = read_tree(tmp_path)
    for out in (source, tmp_path):
        with pytest.raises(ArgumentError):
            webp_path(source, out, clear_out=True, force=True)
    (source / "out").mkdir()
    assert webp_path(source, source / "out", clear_out=True).converted == 1
    assert webp_path(source, source / "out", clear_out=True).converted == 1
    assert read_tree(tmp_path)["in/a.png"] == before["in/a.png"]


def test_an_output_that_is_a_file(tmp_path, source):
    (tmp_path / "out").write_text("mine")
    for clear in (False, True):
        with pytest.raises(ArgumentError):
            webp_path(source, tmp_path / "out", clear_out=clear)
    assert (tmp_path / "out").read_text() == "mine"


def test_a_damaged_marker_counts_as_none(tmp_path, source):
    webp_path(source, tmp_path / "out")
    for text in ("", "[]", "{", json.dumps({"made": True})):
        (tmp_path / "out" / ".tf_lowdef.json").write_text(text)
        with pytest.raises(ArgumentError, match="not made by this tool"):
            webp_path(source, tmp_path / "out", clear_out=True)


def test_failed_csv_of_the_users_stays_and_ours_goes_when_all_is_well(tmp_path, source, make_scene):
    out = tmp_path / "out"
    (source / "b,\n.png").touch()
    (out).mkdir()
    (out / "failed.csv").write_text("my,table\n")
    summary = webp_path(source, out)
    assert summary.failed_csv == out / "failed_1.csv"
    assert summary.failed_csv.read_text() == 'file,reason\n"b,\n.png",is empty (0 bytes)\n'
    (source / "b,\n.png").unlink()
    write_png(source / "b,\n.png", make_scene(1))
    assert webp_path(source, out).failed_csv is None
    assert sorted(p.name for p in out.iterdir()) == [".tf_lowdef.json", "a.webp", "b,\n.webp", "failed.csv"]
    assert (out / "failed.csv").read_text() == "my,table\n"
