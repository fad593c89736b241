"""A table of text: what studies find and reports show."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable
from typing import NamedTuple, TypeVar

from tf_lowdef.text import markdown_text

Text = TypeVar("Text", bound=str)

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
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in row)} |" for row in [table.columns, rule, *table.rows])


def _cell(text: str) -> str:
    """Return a cell's text as Markdown; a star marks a number and begins nothing there."""
    return markdown_text(text).replace("\\*", "*").replace("|", "\\|")


def html_table(table: Table) -> str:
    """Return a table in HTML, its texts escaped."""
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in table.columns)
    body = "".join(
        f"<tr><th>{html.escape(row[0])}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row[1:])}</tr>"
        for row in table.rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def unique(values: Iterable[Text]) -> list[Text]:
    """Return the values in the order in which they first occur."""
    return list(dict.fromkeys(values))


def number(value: float | None, digits: int = 2) -> str:
    """Return a number as text, ``-`` for None."""
    if value is None:
        return MISSING
    return "inf" if math.isinf(value) else f"{value:.{digits}f}".removesuffix("." + "0" * digits)
