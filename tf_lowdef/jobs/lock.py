"""One process at a time: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

from filelock import lock_descriptor

_LOCKS_FOLDERS = os.name != "nt"

_SIGNED_FROM = 1
"""Where the text in a lock's file begins. The first byte is what Windows locks, and nobody else can read it then."""


class RunInUseError(OSError):
    """Another process works on the same run."""


@contextmanager
def hold(path: Path, what: str) -> Iterator[None]:
    """Hold a lock until the block ends; the kernel drops it if the process dies before.

    Where the file system has no locks, nothing is locked.

    Args:
        path: The lock's file; made where it is missing, and left there, since whoever deletes it could delete one that
            another process has just opened.
        what: What the lock is of, for the message.

    Raises:
        RunInUseError: Another process holds it; the text names that.
        OSError: The file cannot be opened.
    """
    with _opened(path, os.O_CREAT | os.O_RDWR) as descriptor:
        if not _acquire(descriptor):
            raise RunInUseError(f"{what}: in use by {_holder(descriptor)}; one run folder takes one process at a time")
        _sign(descriptor)
        yield


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder itself, which leaves no file in it; otherwise as `hold`.

    Windows has no locks of folders: there a file among the user's temporary ones is locked.

    Raises:
        RunInUseError: Another process holds it.
        OSError: The folder cannot be opened.
    """
    path, flags = (folder, os.O_RDONLY) if _LOCKS_FOLDERS else (_stand_in(folder), os.O_CREAT | os.O_RDWR)
    with _opened(path, flags) as descriptor:
        if not _acquire(descriptor):
            raise RunInUseError(f"{folder}: in use by another process; an output folder takes one process at a time")
        yield


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _stand_in(folder: Path) -> Path:
    """Return the file that is locked instead of a folder, whichever way the folder is written."""
    name = os.path.normcase(folder.resolve(strict=True))
    return Path(tempfile.gettempdir(), f"tf_lowdef-{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.lock")


def _acquire(descriptor: int) -> bool:
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:  # no locks here, such as on some network drives
        return True


def _sign(descriptor: int) -> None:
    """Write who holds the lock, for the message that others get; a full disk does not hinder the lock."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since})
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.write(descriptor, b" " * _SIGNED_FROM + text.encode())


def _holder(descriptor: int) -> str:
    """Return who holds the lock, as far as the file says it."""
    try:
        os.lseek(descriptor, _SIGNED_FROM, os.SEEK_SET)
        holder = json.loads(os.read(descriptor, 4096))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
