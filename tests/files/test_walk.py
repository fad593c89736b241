"""The images in a folder: all of them, in one order, and nothing from outside."""

from __future__ import annotations

import os

import pytest

from tf_lowdef.files import find_images, image_extensions, scan_folder


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")


def relative(paths, root):
    return [path.relative_to(root).as_posix() for path in paths]


def test_the_order_is_by_parts_and_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    for name in ["b/a.png", "b.png", "a.JPG", "b/c/d.webp", "B/z.tif", "-q.png", "a b.png", "ü.gif"]:
        touch(tmp_path / name)
    expected = ["-q.png", "B/z.tif", "a b.png", "a.JPG", "b/a.png", "b/c/d.webp", "b.png", "ü.gif"]
    assert relative(find_images(tmp_path), tmp_path) == expected
    scandir = os.scandir

    class Reversed:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = sorted(entries, key=lambda e: e.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_):
            pass

    monkeypatch.setattr(os, "scandir", Reversed)
    assert relative(find_images(tmp_path), tmp_path) == expected
    assert relative(find_images(tmp_path, recursive=False), tmp_path) == [n for n in expected if "/" not in n]


def test_what_is_passed_over(tmp_path):
    for name in ["a.png", ".hidden.png", ".git/b.png", "notes.txt", "no_suffix", "c.eps", ".tf_lowdef-0a.png"]:
        touch(tmp_path / name)
    os.mkfifo(tmp_path / "pipe.png")
    scan = scan_folder(tmp_path)
    assert relative(scan.images, tmp_path) == ["a.png"]
    assert scan.skipped == [(tmp_path / "pipe.png", "not a regular file")]
    assert scan.others == 5
    assert ".eps" not in image_extensions()


def test_links_never_lead_out(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    touch(inside / "a.png")
    touch(inside / "sub" / "b.png")
    touch(outside / "c.png")
    (inside / "to_a.png").symlink_to("a.png")
    (inside / "out.png").symlink_to(outside / "c.png")
    (inside / "up.png").symlink_to("../outside/c.png")
    (inside / "broken.png").symlink_to("nowhere.png")
    (inside / "loop.png").symlink_to("loop.png")
    (inside / "folder").symlink_to(outside)
    (inside / "again").symlink_to(".")
    (inside / "dir.png").symlink_to("sub")
    scan = scan_folder(inside)
    assert relative(scan.images, inside) == ["a.png", "sub/b.png", "to_a.png"]
    assert sorted(p.name for p, _ in scan.skipped) == ["broken.png", "dir.png", "loop.png", "out.png", "up.png"]


def test_a_folder_given_through_a_link_is_read(tmp_path):
    touch(tmp_path / "real" / "a.png")
    (tmp_path / "link").symlink_to("real")
    assert find_images(tmp_path / "link") == [tmp_path / "link" / "a.png"]


def test_folders_that_cannot_be_read_are_not_passed_over_silently(tmp_path, monkeypatch):
    touch(tmp_path / "a.png")
    touch(tmp_path / "locked" / "b.png")
    scandir = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(OSError, match="locked: cannot be read: Permission denied"):
        find_images(tmp_path)
    assert relative(scan_folder(tmp_path).images, tmp_path) == ["a.png"]


def test_not_a_folder(tmp_path):
    with pytest.raises(FileNotFoundError):
        find_images(tmp_path / "absent")
    touch(tmp_path / "a.png")
    with pytest.raises(NotADirectoryError):
        find_images(tmp_path / "a.png")
