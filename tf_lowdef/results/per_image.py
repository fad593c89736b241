"""``correct.csv``: what became of every image under every attack and defence."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

from tf_lowdef.files import csv_text, open_text, read_cell

TABLE = "correct.csv"

Shares = tuple[float | None, ...]

IMAGE, LABEL, CLASS = "image", "label", "class"
"""Columns that are no row: those of rows are called by two words or more."""


def to_table(
    columns: Mapping[str, Shares], images: Sequence[str], labels: Sequence[int], class_names: Sequence[str | None]
) -> str:
    """Return a CSV of one line an image; a share is empty where nothing was tried.

    Args:
        columns: What became of each image, by row.
        images: Their names.
        labels: Their classes; none where these are not known.
        class_names: By class.
    """
    names = dict(enumerate(class_names))
    head = [IMAGE, LABEL, CLASS] if labels else [IMAGE]
    lines = [
        [
            image,
            *([labels[place], names.get(labels[place]) or ""] if labels else []),
            *("" if (share := values[place]) is None else f"{share:g}" for values in columns.values()),
        ]
        for place, image in enumerate(images)
    ]
    return csv_text([[*head, *columns], *lines])


def read_table(path: Path) -> tuple[dict[str, Shares], tuple[str, ...], tuple[int, ...]]:
    """Return the columns, the images and their labels that `to_table` wrote.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no such table.
    """
    with open_text(path) as file:
        lines = list(csv.reader(file))
    if not lines or any(len(line) != len(lines[0]) for line in lines):
        raise ValueError(f"{path.name} has lines of different lengths")
    images = tuple(read_cell(line[0]) for line in lines[1:])
    columns, labels = dict[str, Shares](), tuple[int, ...]()
    for place, name in enumerate(lines[0]):
        cells = [line[place] for line in lines[1:]]
        if name == LABEL:
            labels = tuple(map(int, cells))
        elif name not in (IMAGE, CLASS):
            columns[read_cell(name)] = tuple(float(cell) if cell else None for cell in cells)
    return columns, images, labels
