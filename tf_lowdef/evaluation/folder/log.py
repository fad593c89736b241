"""``attack.csv``: what became of every attacked image."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from tf_lowdef.files import csv_text, open_text, read_cell, write_text

TABLE = "attack.csv"

ADVERSARIAL = "adversarial"
MISCLASSIFIED = "misclassified before the attack"
NOT_FOUND = "not adversarial"
LOST = "adversarial until rounded to 8 bits"


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of ``attack.csv``.

    Attributes:
        name: Unique; the source without its suffix.
        file: The source, relative to the folder.
        written: The PNG, relative to the output folder.
        label: The class that the attack leads away from: the true one, or the model's where there are no labels.
        before: The model's class for the clean image.
        after: The model's class for the adversarial image, rounded to 8 bits.
        reread: The model's class for the PNG as it is read back.
        l2: L2 norm of the perturbation, images in [0, 1].
        linf: Its greatest absolute value, in grey levels.
        steps: Steps that the attack took.
        status: What became of the image, in words.
        label_name: The name of the class `label`, empty where nobody named it; so are the next three.
        before_name: That of `before`.
        after_name: That of `after`.
        reread_name: That of `reread`.
    """

    name: str
    file: str
    written: str
    label: int
    before: int
    after: int
    reread: int
    l2: float
    linf: float
    steps: int
    status: str
    label_name: str = ""
    before_name: str = ""
    after_name: str = ""
    reread_name: str = ""


_READ: dict[str, Callable[[str], Any]] = {
    "label": int,
    "before": int,
    "after": int,
    "reread": int,
    "steps": int,
    "l2": float,
    "linf": float,
}


def status(label: int, before: int, reread: int, fooled_in_floats: bool) -> str:
    """Return what became of an image, judged by the PNG as it is read back."""
    if before != label:
        return MISCLASSIFIED
    if reread != label:
        return ADVERSARIAL
    return LOST if fooled_in_floats else NOT_FOUND


def tell_success(lines: Iterable[LogLine]) -> str:
    """Return in how many images the attack succeeded, of those that the model had right before; empty for no images."""
    statuses = [line.status for line in lines]
    right = [status for status in statuses if status != MISCLASSIFIED]
    if not statuses:
        return ""
    left_out = (
        f"; {len(statuses) - len(right)} were misclassified before the attack" if len(right) < len(statuses) else ""
    )
    fooled = right.count(ADVERSARIAL)
    share = f" ({100 * fooled / len(right):.1f} %)" if right else ""
    return f"success: {fooled} of {len(right)} images that the model had right{share}{left_out}"


def read_table(out: Path) -> dict[str, LogLine]:
    """Return the records in an output folder whose images are still there, by name; none without a table.

    Whether an original has changed since is not noticed.

    Raises:
        ValueError: ``attack.csv`` is no table of this tool.
    """
    try:
        with open_text(out / TABLE) as file:
            rows = list(csv.DictReader(file))
        records = [LogLine(**{key: _READ.get(key, read_cell)(cell) for key, cell in row.items()}) for row in rows]
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, csv.Error) as error:
        raise ValueError(f"{out / TABLE}: not a table of this tool ({error}); --force makes it anew") from error
    return {record.name: record for record in records if (out / record.written).is_file()}


def write_table(out: Path, records: Sequence[LogLine]) -> None:
    """Write the table, whole or not at all."""
    columns = [field.name for field in fields(LogLine)]
    write_text(out / TABLE, csv_text([columns, *(list(asdict(record).values()) for record in records)]))
