"""One process at a time where there are no locks of the kernel: a file that says who works, renewed while he does."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import Any

from tf_lowdef.jobs.lock import RunInUseError

LEASE = 120.0
"""Seconds for which a process that does not renew its lease is waited for: it may be on another machine, whose clock
is a little off, behind a slow line."""

RENEWAL = 20.0
"""Seconds from one renewal to the next."""


class Lease:
    """The right to work on a folder of an fsspec file system; made by `lease`."""

    def __init__(self, files: Any, path: str, what: str) -> None:
        self._files = files
        self._path = path
        self._what = what
        self._holder = {"pid": os.getpid(), "host": platform.node(), "token": uuid.uuid4().hex}

    def take(self) -> None:
        """Write who works, unless somebody else does.

        Raises:
            RunInUseError: Somebody else does.
            OSError: The file cannot be written.
        """
        holder = self._read()
        if holder is not None and _is_alive(holder):
            self._refuse(holder)
        self.renew()
        self.check()  # of two that begin at once, the one that wrote last goes on

    def renew(self) -> None:
        """Write that this process still works."""
        self._files.pipe_file(self._path, json.dumps({**self._holder, "renewed": time.time()}).encode())

    def check(self) -> None:
        """Make sure that nobody else has taken over.

        Raises:
            RunInUseError: Somebody has, since this process did not renew its lease in time.
        """
        holder = self._read()
        if holder is not None and holder["token"] != self._holder["token"]:
            self._refuse(holder)

    def give_back(self) -> None:
        """Remove the file, if it still is this process's."""
        with suppress(OSError, RunInUseError):
            self.check()
            self._files.rm_file(self._path)

    def _read(self) -> dict[str, Any] | None:
        """Return who works, None where nobody does or the file is damaged."""
        try:
            holder = json.loads(self._files.cat_file(self._path))
        except (FileNotFoundError, ValueError):
            return None
        known = isinstance(holder, dict) and {*self._holder, "renewed"} <= set(holder)
        return holder if known and isinstance(holder["renewed"], (int, float)) else None

    def _refuse(self, holder: dict[str, Any]) -> None:
        renewed = datetime.fromtimestamp(holder["renewed"], timezone.utc).isoformat(timespec="seconds")
        raise RunInUseError(
            f"{self._what}: in use by process {holder['pid']} on {holder['host']}, which last said so at {renewed}; "
            f"one run folder takes one process at a time. If it is dead, the folder is free {LEASE:.0f} s after that"
        )


@contextmanager
def lease(files: Any, path: str, what: str) -> Iterator[Lease]:
    """Hold a lease until the block ends, renewing it in a thread.

    A process that is killed does not give it back: on the same machine its lease then counts no more, elsewhere it runs
    out after `LEASE` seconds. Between two processes that begin in the same moment it is not airtight, as nothing is
    that all of fsspec's file systems offer.

    Args:
        files: An fsspec file system.
        path: Of the file on it.
        what: What the lease is of, for messages.

    Raises:
        RunInUseError: Another process holds it.
        OSError: The file cannot be written.
    """
    held = Lease(files, path, what)
    held.take()
    ended = threading.Event()
    thread = threading.Thread(target=_keep, args=(held, ended), daemon=True)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join()
        held.give_back()


def _keep(held: Lease, ended: threading.Event) -> None:
    while not ended.wait(RENEWAL):
        try:
            held.check()
            held.renew()
        except RunInUseError:
            return  # whoever asks the lease next is told
        except Exception:  # noqa: S112 - whatever the file system raises while its line is down: the next turn may succeed
            continue


def _is_alive(holder: dict[str, Any]) -> bool:
    if time.time() - holder["renewed"] > LEASE:
        return False
    return holder["host"] != platform.node() or _is_running(holder["pid"])


def _is_running(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill would end the process there
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError, TypeError):
        return True
    return True
