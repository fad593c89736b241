"""One process at a time: a lock that ends with the process that holds it, however that ends."""

from __future__ import annotations

import errno
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_HELD = (errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK)


class RunInUseError(OSError):
    """Another process works on the same run."""


@contextmanager
def hold(path: Path, what: str) -> Iterator[None]:
    """Hold a lock until the block ends; the kernel drops it if the process dies before.

    Where the system or the file system has no locks (Windows), nothing is locked.

    Args:
        path: The lock's file; made where it is missing, and left there, since whoever deletes it could delete one that
            another process has just opened.
        what: What the lock is of, for the message.

    Raises:
        RunInUseError: Another process holds it; the text names that.
        OSError: The file cannot be opened.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
    try:
        if not _acquire(descriptor):
            raise RunInUseError(f"{what}: in use by {_holder(descriptor)}; one run folder takes one process at a time")
        _sign(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder itself, which leaves no file in it; otherwise as `hold`.

    Raises:
        RunInUseError: Another process holds it.
        OSError: The folder cannot be opened.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        if not _acquire(descriptor):
            raise RunInUseError(f"{folder}: in use by another process; an output folder takes one process at a time")
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int) -> bool:
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in _HELD
    return True


def _sign(descriptor: int) -> None:
    """Write who holds the lock, for the message that others get; a full disk does not hinder the lock."""
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    text = json.dumps({"pid": os.getpid(), "host": platform.node(), "since": since})
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0) if hasattr(os, "pwrite") else os.write(descriptor, text.encode())


def _holder(descriptor: int) -> str:
    """Return who holds the lock, as far as the file says it."""
    try:
        holder = json.loads(os.read(descriptor, 4096))
        return f"process {holder['pid']} on {holder['host']} since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
