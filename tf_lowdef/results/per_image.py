"""``correct.csv``: what became of every image under every attack and defence."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

TABLE = "correct.csv"

Shares = tuple[float | None, ...]


def to_table(columns: Mapping[str, Shares], images: Sequence[str]) -> str:
    """Return a CSV of one line an image; a share is empty where nothing was tried."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["image", *columns])
    for place, image in enumerate(images):
        shares = (values[place] for values in columns.values())
        writer.writerow([image, *("" if share is None else f"{share:g}" for share in shares)])
    return text.getvalue()


def read_table(path: Path) -> tuple[dict[str, Shares], tuple[str, ...]]:
    """Return the columns and the images that `to_table` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such table.
    """
    with path.open(newline="", encoding="utf-8", errors="surrogateescape") as file:
        lines = list(csv.reader(file))
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError(f"{path.name} has lines of different lengths")
    images = tuple(line[0] for line in lines[1:])
    columns = {
        name: tuple(float(line[place]) if line[place] else None for line in lines[1:])
        for place, name in enumerate(lines[0])
        if place
    }
    return columns, images
