"""``correct.csv``: what became of every image under every attack and defence."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_lowdef.files import csv_text, open_text, read_cell

TABLE = "correct.csv"

Shares = tuple[float | None, ...]


def to_table(columns: Mapping[str, Shares], images: Sequence[str]) -> str:
    """Return a CSV of one line an image; a share is empty where nothing was tried."""
    lines = [
        [image, *("" if (share := values[place]) is None else f"{share:g}" for values in columns.values())]
        for place, image in enumerate(images)
    ]
    return csv_text([["image", *columns], *lines])


def read_table(path: Path) -> tuple[dict[str, Shares], tuple[str, ...]]:
    """Return the columns and the images that `to_table` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such table.
    """
    with open_text(path) as file:
        lines = list(csv.reader(file))
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError(f"{path.name} has lines of different lengths")
    images = tuple(read_cell(line[0]) for line in lines[1:])
    columns = {
        read_cell(name): tuple(float(line[place]) if line[place] else None for line in lines[1:])
        for place, name in enumerate(lines[0])
        if place
    }
    return columns, images
