"""The one writer and the one reader of a run's ``run.json``, ``results.json``, ``results.csv`` and ``correct.csv``.

Where something was certified, ``certified.csv`` is among them.

The folder that is read may be incomplete, from another version, or edited by hand.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from tf_lowdef._version import __version__
from tf_lowdef.files import csv_text, open_text, write_text
from tf_lowdef.results import certified_file, per_image
from tf_lowdef.results.certificate import Certificate
from tf_lowdef.results.comparison import Comparison
from tf_lowdef.results.entries import Note, as_certificate, as_comparison, as_row, as_run
from tf_lowdef.results.names import now_called, row_name
from tf_lowdef.results.row import PER_IMAGE, Row

if TYPE_CHECKING:
    from tf_lowdef.results.results import Results

RESULTS = "results.json"

MAX_NOTES = 20
"""Notes that are kept; a file of thousands of wrong rows is as well described by the first ones."""

T = TypeVar("T", Row, Comparison, Certificate)


def write_run(results: Results, folder: str | os.PathLike[str]) -> None:
    """Write the files, ``results.json`` last; see `Results.save`."""
    content = {
        "run": results.run,
        "rows": [row.as_dict() for row in results.rows],
        "comparisons": [dataclasses.asdict(comparison) for comparison in results.comparisons],
    }
    if results.certified:
        content["certified"] = [
            {name: value for name, value in dataclasses.asdict(each).items() if name != PER_IMAGE}
            for each in results.certified
        ]
        write_text(Path(folder) / certified_file.TABLE, certified_file.to_table(results.certified, results.class_names))
    columns = {row.name: row.per_image for row in results.rows if row.per_image}
    write_text(Path(folder) / "run.json", _to_json(results.run))
    write_text(
        Path(folder) / per_image.TABLE, per_image.to_table(columns, results.images, results.labels, results.class_names)
    )
    write_text(Path(folder) / "results.csv", _to_csv(results))
    write_text(Path(folder) / RESULTS, _to_json(content))


Parts = tuple[
    dict[str, Any], list[Row], tuple[Comparison, ...], tuple[str, ...], tuple[Certificate, ...], tuple[int, ...]
]


def read_run(folder: str | os.PathLike[str], strict: bool) -> Parts:
    """Return what the results of a run's folder are made of; see `Results.load`."""
    shown = os.path.join(str(folder), RESULTS)  # the text of a folder elsewhere is its URL
    notes: list[str] = []
    note = _refuse if strict else notes.append
    try:
        content = read_json(Path(folder) / RESULTS, shown)
        run = content.get("run") if strict else as_run(content.get("run"), note)
        if not isinstance(run, dict):
            raise ValueError("what was run is not recorded")
        if not strict:
            _compare_versions(run, note)
        rows = _unique(_read_each(content, "rows", as_row, note), note)
        if not rows:
            raise ValueError(f"it holds no row that can be used. {' '.join(notes[:1])}".strip())
        comparisons = _read_each(content, "comparisons", as_comparison, note)
        names = {row.name for row in rows}
        known = [each for each in comparisons if {_name(each, each.first), _name(each, each.second)} <= names]
        if len(known) < len(comparisons):
            note(f"{RESULTS}: {len(comparisons) - len(known)} comparisons are of rows that are not there.")
        rows, images, labels = _with_images(rows, Path(folder), note)
        certified = _certified(content, Path(folder), note)
    except ValueError as error:
        raise ValueError(f"{shown}: not the results of a run: {error}") from error
    if notes:
        run["warnings"] = [*run["warnings"], *_at_most(notes)]
    return run, rows, tuple(known), images, certified, labels


def _refuse(what: str) -> NoReturn:
    raise ValueError(what)


def read_json(path: Path, shown: str) -> dict[str, Any]:
    """Return the object that a JSON file of a run's folder holds.

    Args:
        path: The file.
        shown: What it is called.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is damaged, or no regular file.
    """
    if not path.parent.is_dir():
        what = "is a file, not a run's folder" if path.parent.exists() else "no such folder"
        raise FileNotFoundError(f"{path.parent}: {what}")
    try:
        with open_text(path) as file:
            content = json.loads(file.read().removeprefix("\ufeff"))  # of an editor
    except FileNotFoundError:
        raise FileNotFoundError(f"{shown}: no such file; is this the folder of a finished run?") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is damaged, no JSON: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"Received: {type(content).__name__}, expected an object")
    return content


def _compare_versions(run: Mapping[str, Any], note: Note) -> None:
    made_by = run["versions"].get("tf_lowdef")
    if made_by != __version__:
        note(f"The run was made by tf_lowdef {made_by or 'of an unknown version'}, this is {__version__}.")


def _read_each(content: Mapping[str, Any], key: str, read: Callable[[Any, Note], T], note: Note) -> list[T]:
    """Return the entries of a list that can be read, with a note for each other one."""
    entries = content.get(key)
    if not isinstance(entries, list):
        note(f"{RESULTS}: there are no {key}: " + ("missing." if entries is None else "not a list."))
        return []
    found = []
    for number, entry in enumerate(entries, 1):
        try:
            found.append(read(entry, note))
        except ValueError as error:
            note(f"{RESULTS}: entry {number} of {key} is left out: {error}.")
    return found


def _unique(rows: list[Row], note: Note) -> list[Row]:
    found: dict[str, Row] = {}
    for row in rows:
        if row.name in found:
            note(f"{RESULTS}: the row {row.name} stands there twice; the first one is shown.")
        found.setdefault(row.name, row)
    return list(found.values())


def _name(comparison: Comparison, defence: str) -> str:
    return row_name(comparison.threat, comparison.attack, defence)


def _with_images(rows: list[Row], folder: Path, note: Note) -> tuple[list[Row], tuple[str, ...], tuple[int, ...]]:
    """Return the rows with what became of each image, as far as ``correct.csv`` fits them; the images; their labels."""
    try:
        read, images, labels = per_image.read_table(folder / per_image.TABLE)
    except FileNotFoundError:
        note(f"{per_image.TABLE} is missing: what became of each image is not known.")
        return rows, (), ()
    except (ValueError, OSError, csv.Error) as error:
        note(f"{per_image.TABLE} is damaged ({error}): what became of each image is not known.")
        return rows, (), ()
    columns = {now_called(name): shares for name, shares in read.items()}
    found = [dataclasses.replace(row, per_image=columns.get(row.name, ())) for row in rows]
    strange = [row.name for row in found if row.per_image and not _fits(row)]
    if strange:
        note(f"{per_image.TABLE} and {RESULTS} disagree on {', '.join(strange[:3])}: one of them was edited.")
    return found, images, labels


def _certified(content: Mapping[str, Any], folder: Path, note: Note) -> tuple[Certificate, ...]:
    """Return the certificates of a run, each with its images as far as ``certified.csv`` proves it."""
    if "certified" not in content:
        return ()
    found = _read_each(content, "certified", as_certificate, note)
    try:
        table = certified_file.read_table(folder / certified_file.TABLE)
    except FileNotFoundError:
        note(f"{certified_file.TABLE} is missing: what is proved of each image is not known.")
        return tuple(found)
    except (ValueError, OSError, csv.Error) as error:
        note(f"{certified_file.TABLE} is damaged ({error}): what is proved of each image is not known.")
        return tuple(found)
    whole = []
    for each in found:
        certificate, wrong = certified_file.with_images(each, table)
        if wrong is not None:
            note(f"{certified_file.TABLE} and {RESULTS} disagree on {each.name}: {wrong}; one of them was edited.")
        whole.append(certificate)
    return tuple(whole)


def _fits(row: Row) -> bool:
    shares = [share for share in row.per_image if share is not None]
    return len(shares) == row.n and abs(sum(shares) - row.correct) <= 0.01 * max(row.n, 1)


def _at_most(notes: list[str]) -> list[str]:
    left = len(notes) - MAX_NOTES
    return [*notes[:MAX_NOTES], *([f"{left} more things are wrong with the run's files."] if left > 0 else [])]


def _to_json(content: Any) -> str:
    return json.dumps(_without_infinity(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _without_infinity(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_infinity(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_infinity(value) for value in content]
    return "inf" if isinstance(content, float) and math.isinf(content) else content


def _to_csv(results: Results) -> str:
    """Return one line a row; the last column holds the warnings."""
    rows = [row.flat() for row in results.rows]
    columns, warnings = list(dict.fromkeys(key for row in rows for key in row)), " | ".join(results.warnings)
    return csv_text([[*columns, "warnings"], *([*(row.get(key) for key in columns), warnings] for row in rows)])
