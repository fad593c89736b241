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


_USUAL = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
_seen: list[int] = []
"""The signals that this command was sent to end it."""


def obey_signals() -> None:
    """Let SIGTERM, which service managers and ``kill`` send, end this process as Ctrl-C does; see `interrupts` too."""
    _seen.clear()
    if threading.current_thread() is not threading.main_thread():
        return
    for number, usual in _USUAL.items():
        if signal.getsignal(number) is usual:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del frame
    _seen.append(number)
    raise KeyboardInterrupt


@contextmanager
def interrupts() -> Iterator[None]:
    """Let an error that follows Ctrl-C be a KeyboardInterrupt.

    One that is raised while TensorFlow traces or calls back comes out as an error of TensorFlow's or Keras' own.
    """
    try:
        yield
    except Exception as error:
        if _seen:
            raise KeyboardInterrupt from error
        raise


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
