"""Whole files or none."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tf_lowdef.files import atomic_path, is_temporary, remove_leftovers, write_bytes, write_text


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_the_file_appears_only_at_the_end(tmp_path):
    target = tmp_path / "deep" / "er" / "out.png"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".png"
        assert is_temporary(temporary)
        temporary.write_bytes(b"new")
        assert not target.exists()
    assert target.read_bytes() == b"new"
    assert names(target.parent) == ["out.png"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "out.txt"
    target.write_text("old")

    def write():
        with atomic_path(target) as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(error):
        write()
    assert target.read_text() == "old"
    assert names(tmp_path) == ["out.txt"]


def test_a_writer_that_loses_its_temporary_file_fails(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "out") as temporary:
        temporary.unlink()
    assert names(tmp_path) == []


def test_permissions(tmp_path):
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "fresh", "x")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o640
    (tmp_path / "fresh").chmod(0o604)
    write_text(tmp_path / "fresh", "y")
    assert stat.S_IMODE((tmp_path / "fresh").stat().st_mode) == 0o604


def test_a_link_is_replaced_not_followed(tmp_path):
    (tmp_path / "target").write_text("untouched")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "target").read_text() == "untouched"
    assert not (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("name", ["-q", "a b'\"", "ü☃.png", "x" * 251 + ".png", "." + "y" * 250, "no_suffix"])
def test_any_name(tmp_path, name):
    write_bytes(tmp_path / name, b"1")
    assert names(tmp_path) == [name]


def test_text_is_utf8_and_keeps_the_bytes_of_odd_names(tmp_path):
    write_text(tmp_path / "t", "é\r\n" + os.fsdecode(b"\xff"))
    assert (tmp_path / "t").read_bytes() == b"\xc3\xa9\r\n\xff"


def test_the_data_reach_the_disk_before_the_rename(tmp_path, monkeypatch):
    events = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append("fsync"), fsync(fd))[1])
    monkeypatch.setattr(os, "replace", lambda a, b: (events.append("replace"), replace(a, b))[1])
    write_text(tmp_path / "t", "x")
    assert events == ["fsync", "replace"]


def test_leftovers_of_a_killed_process_go_and_those_of_a_living_one_stay(tmp_path):
    code = (
        "import sys, time\n"
        "from tf_lowdef.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as t:\n"
        "    t.write_bytes(b'half'); print('ready', flush=True); time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "out.png")], stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        (tmp_path / ".tf_lowdef-notours").mkdir()
        assert remove_leftovers(tmp_path) == 0
        assert len(names(tmp_path)) == 2
    finally:
        process.kill()
        process.communicate()
    assert not (tmp_path / "out.png").exists()
    deadline = time.monotonic() + 10
    while remove_leftovers(tmp_path) == 0:
        assert time.monotonic() < deadline
    assert names(tmp_path) == [".tf_lowdef-notours"]
    assert remove_leftovers(tmp_path / "absent") == 0
