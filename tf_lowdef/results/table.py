"""A table of text: what studies find and reports show."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

MISSING = "-"
"""What stands where there is nothing."""


class Table(NamedTuple):
    """A table of text: column headings and rows of the same length; the first column names the row."""

    columns: list[str]
    rows: list[list[str]]

    def _repr_markdown_(self) -> str:
        """Return what a notebook shows."""
        return markdown_table(self)


def markdown_table(table: Table) -> str:
    """Return a table in Markdown: names to the left, numbers to the right."""
    rule = [":---", *["---:"] * (len(table.columns) - 1)]
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in row)} |" for row in [table.columns, rule, *table.rows])


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def unique(values: Iterable[str]) -> list[str]:
    """Return the values in the order in which they first occur."""
    return list(dict.fromkeys(values))


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text, ``-`` for None."""
    if value is None:
        return MISSING
    return "inf" if math.isinf(value) else f"{value:.{digits}f}".removesuffix("." + "0" * digits)
