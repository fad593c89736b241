"""Tables as CSV, for programs and for spreadsheets."""

from __future__ import annotations

import csv
import io
import os
import stat
from collections.abc import Iterable, Sequence
from typing import TextIO

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets carry out instead of showing it (OWASP, CSV injection)."""


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV with Unix line ends.

    Texts come from names of files, which anybody may choose: one that a spreadsheet would take for a formula gets an
    apostrophe before it, which spreadsheets do not show; `read_cell` takes it away. Numbers stay numbers.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_safe(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return text.getvalue()


def open_text(path: str | os.PathLike[str]) -> TextIO:
    """Open a regular file of text as it is, with what is no UTF-8 in it escaped.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is no regular file: reading a pipe would wait for ever.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ValueError(f"{os.fspath(path)}: is no regular file")
    return open(path, newline="", encoding="utf-8", errors="surrogateescape")


def read_cell(cell: str) -> str:
    """Return the text that `csv_text` has written into a cell."""
    return cell[1:] if cell.startswith("'") and _is_formula(cell) else cell


def _safe(cell: str) -> str:
    return f"'{cell}" if _is_formula(cell) else cell


def _is_formula(cell: str) -> bool:
    """Return whether a spreadsheet would carry out a cell, behind apostrophes of its own too."""
    return cell.lstrip("'").startswith(_FORMULA)
