"""Reading a run's folder that may be incomplete, from another version, or edited by hand: what can be used of it.

``Results.load`` refuses what is damaged anywhere; a report should rather show the rest and say what is missing.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tf_lowdef._version import __version__
from tf_lowdef.jobs import Folder
from tf_lowdef.results import per_image
from tf_lowdef.results.entries import as_comparison, as_row, as_run
from tf_lowdef.results.results import Comparison, Results, Row

RESULTS = "results.json"

MAX_NOTES = 20
"""Notes that are kept; a file of thousands of wrong rows is as well described by the first ones."""

T = TypeVar("T", Row, Comparison)


def read_run(folder: Folder) -> Results:
    """Return what can be used of a run's folder; what cannot stands among the results' warnings.

    Args:
        folder: With ``results.json``, and ``correct.csv`` if it is there.

    Raises:
        FileNotFoundError: There is no such folder, or no ``results.json`` in it.
        ValueError: ``results.json`` holds no row that can be used.
    """
    shown = os.path.join(str(folder), RESULTS)  # the text of a folder elsewhere is its URL
    content = _read_json(Path(folder) / RESULTS, shown)
    notes: list[str] = []
    run = as_run(content.get("run"), notes)
    _compare_versions(run, notes)
    rows = _unique(_read_each(content, "rows", as_row, notes), notes)
    if not rows:
        raise ValueError(f"{shown}: holds no row that can be used. {' '.join(notes[:1])}".strip())
    comparisons = _read_each(content, "comparisons", as_comparison, notes)
    names = {(row.threat, row.attack, row.defence) for row in rows}
    known = [each for each in comparisons if {_key(each, each.first), _key(each, each.second)} <= names]
    if len(known) < len(comparisons):
        notes.append(f"{RESULTS}: {len(comparisons) - len(known)} comparisons are of rows that are not there.")
    rows, images = _with_images(rows, Path(folder), notes)
    run["warnings"] = [*run["warnings"], *_at_most(notes)]
    return Results(run, rows, tuple(known), images)


def _read_json(path: Path, shown: str) -> dict[str, Any]:
    if not path.parent.is_dir():
        what = "is a file, not a run's folder" if path.parent.exists() else "no such folder"
        raise FileNotFoundError(f"{path.parent}: {what}")
    try:
        content = json.loads(path.read_text(encoding="utf-8", errors="surrogateescape"))
    except FileNotFoundError:
        raise FileNotFoundError(f"{shown}: no such file; is this the folder of a finished run?") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown}: is damaged, no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{shown}: not the results of a run. Received: {type(content).__name__}, expected an object")
    return content


def _compare_versions(run: Mapping[str, Any], notes: list[str]) -> None:
    made_by = run["versions"].get("tf_lowdef")
    if made_by != __version__:
        notes.append(f"The run was made by tf_lowdef {made_by or 'of an unknown version'}, this is {__version__}.")


def _read_each(content: Mapping[str, Any], key: str, read: Callable[[Any, list[str]], T], notes: list[str]) -> list[T]:
    """Return the entries of a list that can be read, with a note for each other one."""
    entries = content.get(key)
    if not isinstance(entries, list):
        notes.append(f"{RESULTS}: there are no {key}: " + ("missing." if entries is None else "not a list."))
        return []
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(read(entry, notes))
        except ValueError as error:
            notes.append(f"{RESULTS}: entry {number} of {key} is left out: {error}.")
    return found


def _unique(rows: list[Row], notes: list[str]) -> list[Row]:
    found: dict[str, Row] = {}
    for row in rows:
        if row.name in found:
            notes.append(f"{RESULTS}: the row {row.name} stands there twice; the first one is shown.")
        found.setdefault(row.name, row)
    return list(found.values())


def _key(comparison: Comparison, defence: str) -> tuple[str, str, str]:
    return comparison.threat, comparison.attack, defence


def _with_images(rows: list[Row], folder: Path, notes: list[str]) -> tuple[list[Row], tuple[str, ...]]:
    """Return the rows with what became of each image, as far as ``correct.csv`` fits them."""
    try:
        columns, images = per_image.read_table(folder / per_image.TABLE)
    except FileNotFoundError:
        notes.append(f"{per_image.TABLE} is missing: what became of each image is not known.")
        return rows, ()
    except (ValueError, OSError, csv.Error) as error:
        notes.append(f"{per_image.TABLE} is damaged ({error}): what became of each image is not known.")
        return rows, ()
    found = [dataclasses.replace(row, per_image=columns.get(row.name, ())) for row in rows]
    strange = [row.name for row in found if row.per_image and not _fits(row)]
    if strange:
        notes.append(f"{per_image.TABLE} and {RESULTS} disagree on {', '.join(strange[:3])}: one of them was edited.")
    return found, images


def _fits(row: Row) -> bool:
    shares = [share for share in row.per_image if share is not None]
    return len(shares) == row.n and abs(sum(shares) - row.correct) <= 0.01 * max(row.n, 1)


def _at_most(notes: list[str]) -> list[str]:
    left = len(notes) - MAX_NOTES
    return [*notes[:MAX_NOTES], *([f"{left} more things are wrong with the run's files."] if left > 0 else [])]
