"""What comes to the terminal from outside: characters that its encoding does not have, signals, warnings."""

from __future__ import annotations

import io
import signal
import sys
import threading
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

import click

from tf_lowdef.text import printable


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


def say_warnings(texts: Iterable[str]) -> None:
    """Print what to know before a number is believed, a line each, on standard error."""
    for text in texts:
        click.echo(f"Warning: {printable(text)}", err=True)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Let warnings be printed as one line of words, without the place in the code that only a programmer can use."""
    usual = warnings.formatwarning

    def plain(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
    ) -> str:
        if not issubclass(category, UserWarning):
            return usual(message, category, filename, lineno, line)
        return f"Warning: {printable(' '.join(str(message).split()))}\n"

    warnings.formatwarning = plain
    try:
        yield
    finally:
        warnings.formatwarning = usual
