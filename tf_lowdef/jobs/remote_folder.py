"""A run's folder on any fsspec file system, such as ``s3://bucket/runs/first``.

It is worked on in a copy on this machine, so that everything that reads or writes a run's folder need not know of it;
what a unit leaves is put there as soon as the unit is done. Whoever goes on with the run, here or elsewhere, first
fetches what is there.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from tf_lowdef.files import is_temporary
from tf_lowdef.jobs.layout import DONE, LOCK
from tf_lowdef.jobs.lease import Lease, lease

Folder = str | os.PathLike[str]


class RemoteFolder(os.PathLike[str]):
    """The copy on this machine of a folder elsewhere; made by `working_folder`.

    Its path is the copy's, its text the URL.

    Args:
        files: An fsspec file system.
        root: The folder on it.
        url: What the user calls it.
        copy: An empty folder on this machine.
        held: The right to work on it.
    """

    def __init__(self, files: Any, root: str, url: str, copy: Path, held: Lease) -> None:
        self._files = files
        self._root = root
        self._url = url
        self._copy = copy
        self._held = held
        self._stored: dict[str, tuple[int, int]] = {}

    def __fspath__(self) -> str:
        return os.fspath(self._copy)

    def __str__(self) -> str:
        return self._url

    def fetch(self) -> None:
        """Bring everything here that is there, but for the lease.

        Raises:
            OSError: It cannot be read.
        """
        names = [name for name in _names(self._files, self._root) if name != f"{DONE}/{LOCK}"]
        for name in names:
            (self._copy / name).parent.mkdir(parents=True, exist_ok=True)
        if names:
            self._files.get([f"{self._root}/{name}" for name in names], [str(self._copy / name) for name in names])
        self._stored = {name: self._state(name) for name in names}

    def put(self, names: Iterable[str]) -> None:
        """Store files of the copy there, all of them when this returns; an object store shows each whole or not at all.

        Args:
            names: Relative to the folder, with ``/`` between the parts.

        Raises:
            RunInUseError: Another process has taken the run over.
            OSError: They cannot be written there.
        """
        wanted = list(names)
        if not wanted:
            return
        self._held.check()
        states = {name: self._state(name) for name in wanted}
        _make_parents(self._files, self._root, wanted)
        self._files.put([str(self._copy / name) for name in wanted], [f"{self._root}/{name}" for name in wanted])
        self._stored |= states

    def put_changed(self) -> None:
        """Store all that is new or changed in the copy; errors as for `put`."""
        found = [path.relative_to(self._copy).as_posix() for path in self._copy.rglob("*") if path.is_file()]
        kept = [name for name in found if not is_temporary(name) and name != f"{DONE}/{LOCK}"]
        self.put(name for name in sorted(kept) if self._stored.get(name) != self._state(name))

    def _state(self, name: str) -> tuple[int, int]:
        state = (self._copy / name).stat()
        return state.st_size, state.st_mtime_ns


@contextmanager
def working_folder(folder: Folder, new: bool = True) -> Iterator[Path | RemoteFolder]:
    """Yield the path at which a run's folder can be worked on; what has changed elsewhere is stored at the block's end.

    Args:
        folder: A path, a ``file://`` URL, any other URL that fsspec knows, or what an outer block has yielded.
        new: Whether there may be nothing yet.

    Yields:
        The path itself, or a copy of what lies at the URL, which is removed when the block ends.

    Raises:
        ModuleNotFoundError: fsspec, or what it needs for this kind of URL, is not installed.
        ValueError: There is no such kind of URL.
        FileNotFoundError: It is a URL of a folder that has to be there, or in a bucket, and that is not there.
        RunInUseError: Another process works on it.
        OSError: It cannot be read or written.
    """
    here = folder if isinstance(folder, RemoteFolder) else local_path(folder)
    if here is not None:
        yield here
        return
    files, root = _open(os.fspath(folder))
    if not new and not files.exists(root):
        raise FileNotFoundError(f"{folder}: no such folder")
    with ExitStack() as exits:
        held = exits.enter_context(_hold(files, root, os.fspath(folder)))
        copy = Path(tempfile.mkdtemp(prefix="tf_lowdef-"))
        exits.callback(shutil.rmtree, copy, ignore_errors=True)
        remote = RemoteFolder(files, root, os.fspath(folder).rstrip("/"), copy, held)
        remote.fetch()
        try:
            yield remote
        except BaseException:
            with suppress(OSError):  # what has gone wrong first is what is told
                remote.put_changed()
            raise
        remote.put_changed()


def local_path(folder: Folder) -> Path | None:
    """Return the path of a folder on this machine, a ``file://`` URL among them; None for any other URL.

    Raises:
        ModuleNotFoundError, ValueError: As `working_folder`.
    """
    if "://" not in os.fspath(folder):
        return Path(folder)
    files, root = _open(os.fspath(folder))
    protocols = (files.protocol,) if isinstance(files.protocol, str) else files.protocol
    return Path(root) if "file" in protocols else None


def move_remote(folder: str) -> str | None:
    """Rename a folder elsewhere that holds files to ``NAME.1``, ``NAME.2`` ...; return the new URL, None without one.

    Raises:
        RunInUseError: A process works on the run that is in it.
        OSError: It cannot be renamed.
    """
    files, root = _open(folder)
    if not files.exists(root) or not _names(files, root):
        return None
    number = 1
    while files.exists(f"{root}.{number}"):
        number += 1
    with _hold(files, root, folder):
        names = [name for name in _names(files, root) if name != f"{DONE}/{LOCK}"]
        _make_parents(files, f"{root}.{number}", names)
        for name in names:
            files.mv(f"{root}/{name}", f"{root}.{number}/{name}")
    return f"{folder.rstrip('/')}.{number}"


def _hold(files: Any, root: str, url: str) -> Any:
    """Return the lease of a folder, made where it is missing; a bucket is not, which some file systems would do."""
    bucket = root.split("/")[0]  # nothing where paths begin with a slash
    if bucket and not files.exists(bucket):
        raise FileNotFoundError(f"{url}: there is no bucket {bucket}, or it is out of reach")
    files.makedirs(f"{root}/{DONE}", exist_ok=True)
    return lease(files, f"{root}/{DONE}/{LOCK}", url)


def _make_parents(files: Any, root: str, names: Iterable[str]) -> None:
    """Make the folders of files in a folder, where the file system has any."""
    for parent in sorted({name.rpartition("/")[0] for name in names}):
        files.makedirs(f"{root}/{parent}".rstrip("/"), exist_ok=True)


def _names(files: Any, root: str) -> list[str]:
    """Return the files in a folder, relative to it."""
    files.invalidate_cache()  # what another process has written
    return sorted(path[len(root) :].lstrip("/") for path in files.find(root))


def _open(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path on it."""
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{url}: needs fsspec: pip install tf_lowdef[remote]") from error
    try:
        files, root = url_to_fs(url)
    except ImportError as error:
        raise ModuleNotFoundError(f"{url}: {error}") from error
    except ValueError as error:
        raise ValueError(f"{url}: is no URL that fsspec can open: {error}") from error
    return files, str(root).rstrip("/")
