"""What comes to the terminal from outside: characters that its encoding does not have, signals."""

from __future__ import annotations

import io
import signal
import sys
import threading
from types import FrameType


def guard_output() -> None:
    """Let standard output and error escape what their encoding does not have, instead of raising UnicodeEncodeError."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def obey_sigterm() -> None:
    """Let SIGTERM, which service managers and ``kill`` send, end this process as Ctrl-C does."""
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise KeyboardInterrupt
