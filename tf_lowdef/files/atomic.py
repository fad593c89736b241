"""Files that are written whole or not at all: a temporary file in the same folder, then a rename."""

from __future__ import annotations

import os
import shutil
import stat
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

PREFIX = ".tf_lowdef-"
"""How the names of our temporary files start; hidden, so that a file manager or a glob passes them over."""

_MAX_SUFFIX = 32
"""A longer suffix is dropped from the temporary name, which must stay below the 255 bytes of a file name."""

_ABANDONED = 24 * 3600.0
"""Age in seconds at which a temporary file is taken for abandoned where its lock cannot be asked."""


def is_temporary(path: str | os.PathLike[str]) -> bool:
    """Return whether a path has the name of one of our temporary files."""
    return Path(path).name.startswith(PREFIX)


@dataclass(frozen=True)
class Like:
    """The file that a new one takes its permissions from, so that nobody may read more than before.

    Attributes:
        path: The file.
        whole: Whether times, extended attributes and, where permitted, the owner are taken too.
    """

    path: Path
    whole: bool = False


@contextmanager
def atomic_path(path: str | os.PathLike[str], like: Like | None = None) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it onto `path` when the block ends without an error.

    The temporary file exists, is empty, and has the same suffix. Its data reach the disk before the rename, so that
    not even a power cut leaves a partial file under the final name. On an error, KeyboardInterrupt among them, it is
    removed and `path` stays as it was. Parent folders are created. An existing file is replaced and hands on its
    permissions; a symbolic link is replaced itself, not what it points to.

    Args:
        path: The file to write.
        like: Whose permissions the file gets; None means those of the file that it replaces, or the usual ones. Not
            even the temporary file has wider ones.

    Yields:
        The path to write to.

    Raises:
        OSError: The folder cannot be made or written to, or the disk is full.
    """
    with _beside(Path(path), like) as (temporary, _):
        yield temporary


@contextmanager
def _beside(target: Path, like: Like | None, through_descriptor: bool = False) -> Iterator[tuple[Path, int]]:
    """Yield `atomic_path`'s temporary path and a descriptor of that file.

    `through_descriptor` says that the data are written through it alone: opening a file is dear where there are many.
    """
    make_folders(target.parent)
    mode = _mode(target, like)
    suffix = target.suffix if len(os.fsencode(target.suffix)) <= _MAX_SUFFIX else ""
    temporary = target.parent / f"{PREFIX}{uuid.uuid4().hex}{suffix}"
    descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666 if mode is None else 0o600)
    try:
        try:
            _lock(descriptor)  # tells remove_leftovers that somebody is still at work here
            yield temporary, descriptor
            if like is not None and like.whole:
                mode = _take_over(like.path, temporary)
            _flush(descriptor if through_descriptor else temporary)
        finally:
            os.close(descriptor)
        if mode is not None:
            with suppress(OSError):  # a file system without permissions
                temporary.chmod(mode)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


def write_bytes(path: str | os.PathLike[str], data: bytes, like: Like | None = None) -> None:
    """Write `data` to a file, whole or not at all; see `atomic_path`."""
    with (
        _beside(Path(path), like, through_descriptor=True) as (_, descriptor),
        open(descriptor, "wb", closefd=False) as file,
    ):
        file.write(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` to a file as UTF-8, whole or not at all; see `atomic_path`.

    Line ends are written as they are. File names that are not valid UTF-8 come out with the bytes that they went in
    with (surrogateescape).
    """
    write_bytes(path, text.encode("utf-8", "surrogateescape"))


def make_folders(folder: str | os.PathLike[str]) -> None:
    """Make a folder with its parents, however many they are; `Path.mkdir` calls itself for each of them."""
    missing = []
    path = Path(folder)
    while not path.is_dir() and path != path.parent:
        missing.append(path)
        path = path.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the renames in a folder reach the disk; needed before something else that they replace is deleted."""
    if os.name == "nt":
        return  # Windows cannot open a folder, and NTFS journals the rename
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: str | os.PathLike[str]) -> int:
    """Remove the temporary files directly in `folder` that a killed process left, and return how many there were.

    A file that a living process still writes is locked and stays. Where there are no locks (Windows) files of less
    than a day stay.
    """
    removed = 0
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_temporary(entry.name) and entry.is_file(follow_symlinks=False) and _abandoned(entry.path):
                with suppress(OSError):
                    os.unlink(entry.path)
                    removed += 1
    return removed


def _lock(descriptor: int) -> None:
    if fcntl is not None:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _abandoned(path: str) -> bool:
    try:
        if fcntl is None:
            return time.time() - os.stat(path).st_mtime > _ABANDONED
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True


def _flush(file: Path | int) -> None:
    if isinstance(file, int):
        os.fsync(file)
        return
    descriptor = os.open(file, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _mode(target: Path, like: Like | None) -> int | None:
    """Return the permissions that a new file gets; None where they are the usual ones."""
    if like is not None:
        return stat.S_IMODE(like.path.stat().st_mode) & 0o777
    with suppress(OSError):
        mode = target.lstat().st_mode
        if stat.S_ISREG(mode):
            return stat.S_IMODE(mode)
    return None


def _take_over(source: Path, temporary: Path) -> int:
    """Give a file another one's owner, times and extended attributes; return the permissions that it may have.

    Where the group cannot be handed on, the file's own group gets no more than everybody.
    """
    status = source.stat()
    if hasattr(os, "chown"):
        with suppress(OSError):
            os.chown(temporary, status.st_uid, status.st_gid)
    shutil.copystat(source, temporary)
    mode = stat.S_IMODE(status.st_mode) & 0o777
    if temporary.stat().st_gid != status.st_gid:
        mode &= 0o707 | (mode & 0o007) << 3
    return mode
