"""A run's folder: what it is the run of, which of its units are done, and what they left."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tf_lowdef.files import is_temporary, remove_leftovers, write_bytes, write_text
from tf_lowdef.jobs import record_file
from tf_lowdef.jobs.fingerprint import Identity, RunMismatchError, differences, fingerprint
from tf_lowdef.jobs.layout import DONE, LOCK, MANIFEST
from tf_lowdef.jobs.lock import hold
from tf_lowdef.jobs.remote_folder import Folder, RemoteFolder
from tf_lowdef.jobs.units import Record, Unit
from tf_lowdef.threads import for_each

SUFFIX = ".npz"

_FORMAT = 2
"""Of the manifest and the records; another one is refused."""

_LONGEST = 120
"""Characters of a part of a unit's name that its file keeps; file names have room for 255 bytes."""

_WRITERS = 8
"""Files of a unit that are written at once: each waits until its bytes have reached the disk."""

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))

_AGAIN = "take another folder, or move this one away (--restart does, on the command line)"


class Store:
    """The finished units of one run; made by `open_run`.

    Args:
        folder: The run's.
        identity: What the run is.
        started: When it was begun.
        remote: Where the folder is a copy of one elsewhere: that one.
    """

    def __init__(self, folder: Path, identity: Identity, started: datetime, remote: RemoteFolder | None = None) -> None:
        self.folder = folder
        self.started = started
        self.fingerprint = fingerprint(identity)
        self._remote = remote

    def load(self, unit: Unit) -> Record | None:
        """Return what a finished unit left.

        None where the unit is not done, and where what is there does not count: a file that is damaged, belongs to
        another run or another task, or whose unit wrote files that are gone or hold something else by now.
        """
        try:
            data = self.path(unit).read_bytes()
        except OSError:
            return None
        record = record_file.from_bytes(data, self._salt(unit))
        return record if record is not None and self._holds(record) else None

    def _holds(self, record: Record) -> bool:
        """Return whether every file of a record is there as it was written."""
        try:
            return all(_digest((self.folder / name).read_bytes()) == record.digests.get(name) for name in record.files)
        except OSError:
            return False

    def save(self, unit: Unit, record: Record) -> None:
        """Write a unit's files, then mark it as done by writing what it left, whole or not at all.

        Raises:
            ValueError: The record cannot be written: see `Record`.
            RunInUseError: The folder lies elsewhere, and another process has taken it over.
            OSError: The disk is full, or the file cannot be written.
        """
        digests = {name: _digest((self.folder / name).read_bytes()) for name in record.files}
        digests |= {name: _digest(content) for name, content in record.contents.items()}
        content = record_file.to_bytes(replace(record, digests=digests), self._salt(unit))
        files = list(record.contents.items())
        for_each(lambda index: write_bytes(self.folder / files[index][0], files[index][1]), len(files), _WRITERS)
        write_bytes(self.path(unit), content)
        if self._remote is not None:
            self._remote.put([*record.files, *record.contents])
            self._remote.put([self.path(unit).relative_to(self.folder).as_posix()])

    def path(self, unit: Unit) -> Path:
        """Return where a unit's record lies."""
        *folders, name = [_file_name(part) for part in unit.name.split("/")]
        return self.folder.joinpath(DONE, *folders, name + SUFFIX)

    def _salt(self, unit: Unit) -> str:
        return f"{self.fingerprint}\0{unit.key}"


@contextmanager
def open_run(folder: Folder, identity: Identity) -> Iterator[Store]:
    """Begin a run in a new or empty folder, or go on with the same run in its own; locked until the block ends.

    A run that ends with an error before its first unit is done leaves nothing.

    Args:
        folder: The run's, made where it is missing, or what `working_folder` has yielded for a URL.
        identity: All that decides the run's results, in plain JSON values.

    Yields:
        The store of its units.

    Raises:
        FileExistsError: The folder holds files of something else, or is a file.
        RunMismatchError: It holds another run; the text names each field that differs, with both values.
        RunInUseError: Another process works on it.
        OSError: It cannot be made or written to. A full disk anywhere in the block becomes an OSError that says that
            the run can go on.
    """
    root, shown = Path(folder), str(folder)
    remote = folder if isinstance(folder, RemoteFolder) else None
    _refuse_others(root, shown)
    made = not root.exists()
    (root / DONE).mkdir(parents=True, exist_ok=True)
    with hold(root / DONE / LOCK, shown):
        try:
            with explain_full_disk(shown):
                _refuse_others(root, shown)  # another process may have begun since
                _sweep(root)
                started = _check_in(root, shown, json.loads(json.dumps(identity)))
                if remote is not None:
                    remote.put([f"{DONE}/{MANIFEST}"])
                yield Store(root, identity, started, remote)
        except BaseException:
            _forget_if_empty(root, made)
            raise


@contextmanager
def hold_run(folder: Path) -> Iterator[None]:
    """Hold the lock of the run in a folder, if there is one, until the block ends.

    Raises:
        RunInUseError: A process works on it.
    """
    if not (folder / DONE / LOCK).exists():
        yield
        return
    with hold(folder / DONE / LOCK, str(folder)):
        yield


def _refuse_others(root: Path, shown: str) -> None:
    """Raise FileExistsError for a folder with files that no run of ours made."""
    if not root.exists() or (root.is_dir() and (root / DONE / MANIFEST).exists()):
        return
    if root.is_dir():
        entries = [path for path in root.iterdir() if path.name != DONE]
        inside = (root / DONE).iterdir() if (root / DONE).is_dir() else iter(())
        # a process that was killed, or is about to begin, has made no more than these
        if not entries and all(path.name == LOCK or is_temporary(path) for path in inside):
            return
    raise FileExistsError(
        f"{shown}: holds files already; a run is written to a new or empty folder (--restart, on the command line, "
        "moves the old one aside)"
    )


def _check_in(root: Path, shown: str, identity: Mapping[str, Any]) -> datetime:
    """Write the manifest, or compare with the one that is there; return when the run was begun."""
    manifest = root / DONE / MANIFEST
    if not manifest.exists() or _is_empty(root):
        started = datetime.now(timezone.utc)
        content = {"format": _FORMAT, "started": started.isoformat(), "identity": identity}
        write_text(manifest, json.dumps(content, indent=1) + "\n")
        return started
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        known, there, started = content["format"], content["identity"], datetime.fromisoformat(content["started"])
        changed = differences(there, identity)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunMismatchError(
            f"{shown}: {DONE}/{MANIFEST} is damaged ({error}): what run it is, is not known; {_AGAIN}"
        ) from error
    if known != _FORMAT:
        raise RunMismatchError(f"{shown}: holds a run of format {known}, this is format {_FORMAT}; {_AGAIN}")
    if changed:
        raise RunMismatchError(f"{shown}: holds another run ({'; '.join(changed)}); {_AGAIN}")
    return started


def _sweep(root: Path) -> None:
    """Remove the temporary files that a killed process left."""
    for folder, _, names in os.walk(root):
        if any(is_temporary(name) for name in names):
            remove_leftovers(folder)


def _is_empty(root: Path) -> bool:
    """Return whether a run has left nothing yet, no unit and no other file."""
    if any(path.name != DONE for path in root.iterdir()):
        return False
    return all(is_temporary(path) for path in (root / DONE).rglob(f"*{SUFFIX}"))


def _forget_if_empty(root: Path, made: bool) -> None:
    """Take back a run without a finished unit, so that a corrected command may use the folder."""
    if not _is_empty(root):
        return
    with suppress(OSError):
        (root / DONE / MANIFEST).unlink(missing_ok=True)
        (root / DONE / LOCK).unlink(missing_ok=True)
        (root / DONE).rmdir()
        if made:
            root.rmdir()


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the disk, or what one may use of it, is full."""
    return isinstance(error, OSError) and error.errno in _FULL


@contextmanager
def explain_full_disk(shown: str) -> Iterator[None]:
    """Make an OSError that the disk is full say that what is finished is kept, and how the run in a folder goes on."""
    try:
        yield
    except OSError as error:
        if error.errno is None or not is_full(error):
            raise
        raise OSError(
            f"{shown}: {os.strerror(error.errno)}. What is finished is kept: make room, and the same command goes on"
        ) from error


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _file_name(part: str) -> str:
    """Return a part of a unit's name as a file's name that no other part has: ``"bim:4"`` becomes ``"bim%3A4"``."""
    name = quote(part, safe="+,=")
    name = name.replace(".", "%2E") if not name.strip(".") else name
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST // 2]}-{hashlib.sha256(part.encode('utf-8', 'surrogateescape')).hexdigest()[:32]}"
