"""What a lock does where the system is not the one that the other tests run on."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tf_lowdef.jobs import RunInUseError, hold, hold_folder, lock


def test_the_holder_is_named_though_nobody_else_can_read_the_byte_that_windows_locks(tmp_path, monkeypatch):
    path, read = tmp_path / "lock", os.read

    def without_the_first_byte(descriptor, size):
        if os.lseek(descriptor, 0, os.SEEK_CUR) == 0:
            raise PermissionError("another process has locked a portion of the file")
        return read(descriptor, size)

    monkeypatch.setattr(lock.os, "read", without_the_first_byte)
    with (
        hold(path, "the run"),
        pytest.raises(RunInUseError, match=f"the run: in use by process {os.getpid()} on "),
        hold(path, "the run"),
    ):
        pytest.fail("it was held twice")
    assert json.loads(path.read_bytes()[1:])["pid"] == os.getpid()


def test_a_folder_is_locked_where_folders_have_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "_LOCKS_FOLDERS", False)
    monkeypatch.setattr(lock.tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    folder, other = tmp_path / "folder", tmp_path / "other"
    folder.mkdir()
    other.mkdir()
    with hold_folder(folder), hold_folder(other):
        with pytest.raises(RunInUseError, match=f"{tmp_path}/other/../folder: in use by another process"):
            hold_folder(other / ".." / "folder").__enter__()
        program = (
            "import sys; from pathlib import Path; from tf_lowdef.jobs import hold_folder, lock\n"
            "lock._LOCKS_FOLDERS, lock.tempfile.tempdir = False, sys.argv[1]\n"
            "with hold_folder(Path(sys.argv[2])): pass"
        )
        command = [sys.executable, "-c", program, tmp_path / "temporary", folder]
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "RunInUseError" in refused.stderr
    with hold_folder(folder):
        assert list(folder.iterdir()) == []
    with pytest.raises(FileNotFoundError):
        hold_folder(tmp_path / "nowhere").__enter__()


def test_without_locks_work_goes_on(tmp_path, monkeypatch):
    def none(descriptor, blocking):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(lock, "lock_descriptor", none)
    with hold_folder(tmp_path), hold_folder(tmp_path):
        pass
