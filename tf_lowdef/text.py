"""Text from outside (names of files, reasons of errors), made harmless for where it is shown."""

from __future__ import annotations

import re

_OBEYED = re.compile(r"[\\`*\[\]&]|<(?=[A-Za-z/!?])|!(?=\[)")
"""What Markdown and HTML would obey; a lone < is none of it."""


def unread_images(count: int, then: str = "skipped") -> str:
    """Return that so many images, one or more, could not be read, and what was done with them."""
    what, was = ("image", "was") if count == 1 else ("images", "were")
    return f"{count} {what} could not be read and {was} {then}"


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


def markdown_text(text: object) -> str:
    """Return a text as one line of Markdown that says just this: no heading, link, picture or HTML can stand in it."""
    return _OBEYED.sub(r"\\\g<0>", printable(text))


def markdown_prose(text: str) -> str:
    """Return a sentence of this package with names in it, as Markdown: what stands between backquotes stays code."""
    parts = text.split("`")
    return "`".join(printable(part) if number % 2 else markdown_text(part) for number, part in enumerate(parts))
