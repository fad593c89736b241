"""Examples at the end of a command's help, as they can be pasted."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator

MOST = 56
"""Characters a line: with their indentation they fit a terminal of 60 columns."""
AS_IT_STANDS = "\b"
"""What keeps click from filling a paragraph."""


def examples(*commands: str) -> str:
    """Return the epilog of a command: each example on lines of its own, none longer than `MOST`.

    Args:
        commands: Such as ``"tf-lowdef flip photos"``; what follows ``" # "`` is put above it as a comment.
    """
    return "\n".join([AS_IT_STANDS, "Examples:", *(f"  {line}" for command in commands for line in _lines(command))])


def _lines(command: str) -> Iterator[str]:
    command, _, remark = command.partition(" # ")
    if remark:
        yield f"# {remark}"
    line = ""
    for part in _with_their_values(shlex.split(command)):
        longer = f"{line} {part}" if line else part
        if line and len(longer) > MOST - 2:  # room for the backslash
            yield f"{line} \\"
            longer = f"  {part}"
        line = longer
    yield line


def _with_their_values(words: Iterable[str]) -> list[str]:
    """Return the words of a command, each option together with the value that follows it."""
    found: list[str] = []
    for word in map(shlex.quote, words):
        if found and found[-1].startswith("-") and " " not in found[-1] and not word.startswith("-"):
            found[-1] += f" {word}"
        else:
            found.append(word)
    return found
