"""The images in a folder, always in the same order."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from tf_lowdef.files.images import read_formats


@dataclass
class Scan:
    """What a folder holds.

    Attributes:
        images: Regular files with an image's extension, sorted.
        skipped: Files and folders passed over on purpose, each with the reason.
        failed: Folders and files that could not be looked into, each with the reason.
        others: How many files have no image's extension, or are hidden.
        links: All symbolic links, whatever their names and wherever they lead.
    """

    images: list[Path] = field(default_factory=list)
    skipped: list[tuple[Path, str]] = field(default_factory=list)
    failed: list[tuple[Path, str]] = field(default_factory=list)
    others: int = 0
    links: list[Path] = field(default_factory=list)


def image_extensions() -> frozenset[str]:
    """Return the extensions, such as ``".png"``, of the formats that are read."""
    formats = {*read_formats(), "MPO"}  # which is read as JPEG
    return frozenset(suffix for suffix, name in Image.registered_extensions().items() if name in formats)


def find_images(folder: str | os.PathLike[str], recursive: bool = True) -> list[Path]:
    """Return the image files in a folder, sorted by their path's parts, whatever the file system's order.

    A file counts as an image by its extension, in either case; whether it is one shows when it is read. Hidden files
    and folders (a leading dot) are passed over: they are what programs keep for themselves, such as thumbnails,
    ``._`` files and our own temporary files. Symbolic links to folders are not followed; links to files count where
    they lead to a place inside `folder`.

    Args:
        folder: The folder to look through.
        recursive: Whether to look into its subfolders.

    Returns:
        The paths, each beginning with `folder`.

    Raises:
        OSError: `folder`, or a folder in it, cannot be read.
    """
    scan = scan_folder(folder, recursive)
    if scan.failed:
        path, reason = scan.failed[0]
        raise OSError(f"{path}: {reason}")
    return scan.images


def scan_folder(folder: str | os.PathLike[str], recursive: bool = True) -> Scan:
    """Look through a folder as `find_images` does, and say what was passed over and what could not be read.

    Raises:
        OSError: `folder` itself cannot be read, or is no folder.
    """
    root = Path(folder)
    os.listdir(root)  # the folder itself must be readable: raises here
    scan = Scan()
    extensions = image_extensions()
    inside = root.resolve()
    folders = [root]
    while folders:
        current = folders.pop()
        try:
            with os.scandir(current) as entries:
                found = list(entries)
        except OSError as error:
            scan.failed.append((current, f"cannot be read: {error.strerror or error}"))
            continue
        for entry in found:
            path = current / entry.name
            if entry.is_symlink():
                scan.links.append(path)
            if _is_folder(entry):
                if recursive and not entry.name.startswith("."):
                    folders.append(path)
            elif entry.name.startswith(".") or path.suffix.lower() not in extensions:
                scan.others += 1
            else:
                _sort_in(entry, path, inside, scan)
    for paths in (scan.skipped, scan.failed):
        paths.sort(key=lambda item: item[0].parts)
    scan.images.sort(key=lambda path: path.parts)
    return scan


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:
        return False


def _sort_in(entry: os.DirEntry[str], path: Path, inside: Path, scan: Scan) -> None:
    """Put a file with an image's extension where it belongs: among the images, or among the skipped."""
    try:
        if entry.is_symlink():
            target = path.resolve()
            if not target.exists():
                scan.skipped.append((path, "a link that leads nowhere"))
            elif target.is_dir():
                scan.skipped.append((path, "a link to a folder"))
            elif not target.is_relative_to(inside):
                scan.skipped.append((path, "a link that leads out of the folder"))
            elif target.is_file():
                scan.images.append(path)
        elif entry.is_file(follow_symlinks=False):
            scan.images.append(path)
        else:
            scan.skipped.append((path, "not a regular file"))
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        scan.skipped.append((path, f"a link that cannot be followed: {error}"))
