"""The table that a report begins with, as text."""

from __future__ import annotations

from tf_lowdef.report.page_tables import Cell, headline_lines
from tf_lowdef.results import Results
from tf_lowdef.results.accuracy import accuracy_text
from tf_lowdef.results.table import MISSING, Table


def glance_caption(results: Results) -> str:
    """Return what the table holds, in words."""
    where = "" if results.bound is None else f", {results.bound.said}"
    return (
        f"Top-1 accuracy in % with its 95 % interval{where}. Attacker does not know: the attack that does most harm, "
        "named beside it. Attacker knows: the worst example of every image. Last column: how many points "
        f"{results.subject} is better on the same images, under the last attack of the row, with p corrected after "
        "Holm."
    )


def glance_table(results: Results) -> Table:
    """Return a row a defence: clean, against an attacker who does not know of it, against one who does."""
    columns = ["defence", "clean", "attacker does not know", "attacker knows", f"{results.subject} less this"]
    return Table(
        columns,
        [
            [line.defence, *(_text(cell) for cell in line.cells), ", ".join(filter(None, (line.difference, line.p)))]
            for line in headline_lines(results)
        ],
    )


def short_table(results: Results) -> Table:
    """Return the same for a narrow terminal: accuracies with the ends of their intervals, and the attack."""
    lines = headline_lines(results)
    columns = ["defence", *(cell.label for cell in lines[0].cells)] if lines else ["defence"]
    return Table(columns, [[line.defence, *(_short(cell) for cell in line.cells)] for line in lines])


def _short(cell: Cell) -> str:
    if cell.row is None:
        return MISSING
    low, high = (f"{100 * end:.0f}" for end in cell.row.ci95)
    text = accuracy_text(cell.row, intervals=False)
    return f"{text if cell.row.unreliable else f'{text} ({low}-{high})'} {cell.note}".strip()


def _text(cell: Cell) -> str:
    return MISSING if cell.row is None else f"{accuracy_text(cell.row)} {cell.note}".strip()
