"""Several runs side by side: what each found under the same attack behind the same defence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tf_lowdef.results import Results, Row
from tf_lowdef.results.accuracy import accuracy_text
from tf_lowdef.results.names import row_name
from tf_lowdef.results.statistics import compare_paired, holm
from tf_lowdef.results.table import MISSING, Table

SAME, OTHER = "paired", "not paired"
Key = tuple[str | None, str, str]


def side_by_side(runs: Mapping[str, Results]) -> Table:
    """Return a line for each row that at least two of the runs have: its accuracy in each, and what separates them.

    A run is compared with the first one that has the row: in points, with the 95 % interval and p (after Holm, over
    the whole table) where both met the same images; elsewhere without, because intervals of different images say
    nothing of a pair. What is unreliable is an upper bound, and is not compared.

    Args:
        runs: By the name that heads its column.
    """
    found: dict[Key, dict[str, Row]] = {}
    for name, results in runs.items():
        for row in results.rows:
            if not row.conditional:
                found.setdefault((row.threat, row.attack, row.defence), {})[name] = row
    shared = {key: rows for key, rows in found.items() if len(rows) > 1}
    compared = {
        (key, name): compare_paired(_shares(rows[first]), _shares(rows[name]))
        for key, rows in shared.items()
        for first in [next(iter(rows))]
        for name in list(rows)[1:]
        if _comparable(runs[first], rows[first], runs[name], rows[name])
    }
    p_holm = dict(zip(compared, holm([each.p for each in compared.values()]), strict=True))
    names = list(runs)
    lines = []
    for key, rows in shared.items():
        cells = [accuracy_text(rows[name]) if name in rows else MISSING for name in names]
        first = next(iter(rows))
        differences = []
        for name in names[1:]:
            paired = compared.get((key, name))
            if name not in rows or name == first:
                differences.append(MISSING)
            elif paired is None:
                differences.append(_unpaired(rows[first], rows[name]))
            else:
                low, high = (-100 * end for end in reversed(paired.interval))
                points = f"{-100 * paired.difference + 0.0:+.1f} ({low:+.1f} to {high:+.1f})"
                differences.append(f"{points}, p = {p_holm[key, name]:.4f}")
        lines.append([row_name(*key), *cells, *differences])
    return Table(["row", *names, *(f"{name} less {names[0]}" for name in names[1:])], lines)


def differences_of_runs(runs: Mapping[str, Results]) -> list[str]:
    """Return in words what differs between the runs beside their numbers: images, model, budget, versions."""
    names = list(runs)
    said = []
    for what, facts in _facts(runs[names[0]]).items():
        values = {name: _facts(results)[what] for name, results in runs.items()}
        if any(value != facts for value in values.values()):
            said.append(f"{what}: " + "; ".join(f"{name} {_spoken(value)}" for name, value in values.items()))
    return said


def same_images(first: Results, second: Results) -> bool:
    """Return whether two runs used the same images, by the hash of their data and by name."""
    digests = {results.run.get("data", {}).get("sha256") for results in (first, second)}
    return len(digests) == 1 and None not in digests and list(first.images) == list(second.images)


def _comparable(first: Results, mine: Row, second: Results, other: Row) -> bool:
    believed = mine.unreliable is None and other.unreliable is None
    whole = all(row.per_image and None not in row.per_image for row in (mine, other))
    return believed and whole and same_images(first, second)


def _unpaired(first: Row, other: Row) -> str:
    if first.unreliable is not None or other.unreliable is not None:
        return MISSING
    return f"{100 * (other.top1 - first.top1):+.1f}, {OTHER}"


def _shares(row: Row) -> Any:
    return np.array(row.per_image, np.float64)


def _facts(results: Results) -> dict[str, Any]:
    run = results.run
    data, model = run.get("data", {}), run.get("model", {})
    return {
        "images": (data.get("source"), str(data.get("sha256"))[:8], results.n),
        "model": (model.get("name"), str(model.get("weights_sha256"))[:8]),
        "budget": run.get("arguments", {}).get("budget"),
        "seed": run.get("seed"),
        "tf_lowdef": run.get("versions", {}).get("tf_lowdef"),
    }


def _spoken(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
