"""Tables as CSV, for programs and for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets carry out instead of showing it (OWASP, CSV injection)."""


def csv_text(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as CSV with Unix line ends.

    Cells come from file names, which anybody may choose: one that a spreadsheet would take for a formula gets an
    apostrophe before it, which spreadsheets do not show.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_safe(cell) for cell in row] for row in rows)
    return text.getvalue()


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
