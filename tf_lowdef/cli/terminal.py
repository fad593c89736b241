"""What comes to the terminal from outside: names that are no text, characters that it would obey, signals."""

from __future__ import annotations

import io
import signal
import sys
import threading
from types import FrameType


def printable(text: object) -> str:
    r"""Return a text on one line and without what a terminal obeys instead of showing.

    Control characters, line ends among them, and bytes that are no text in a file's name come out as Python writes
    them, such as ``\x1b``; so do marks that turn the direction of writing. Everything from outside that is printed
    (names, reasons, errors) goes through this.
    """
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape", "surrogatepass").decode()
        for character in str(text)
    )


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
