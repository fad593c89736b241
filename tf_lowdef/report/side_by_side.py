"""Several runs side by side: what each found under the same attack behind the same defence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf_lowdef.report.table import points_text
from tf_lowdef.results import Results, Row
from tf_lowdef.results.accuracy import accuracy_text
from tf_lowdef.results.statistics import compare_paired, holm
from tf_lowdef.results.table import MISSING, Table

NO_ATTACKER = "no adaptive attacker"
"""What a run's budget is where nobody knew of the defence, for whom alone there is one; "none" is one without attacks.
"""


def side_by_side(runs: Mapping[str, Results]) -> Table:
    """Return a line for each row that at least two of the runs have: its accuracy in each, and what separates them.

    A run is compared with the first one: in points, with the 95 % interval and p (after Holm, over the whole table)
    where both met the same images; elsewhere without, because intervals of different images say nothing of a pair.
    What is unreliable is an upper bound, and is not compared.

    Args:
        runs: By the name that heads its column.
    """
    shared = {row: rows for row, rows in _by_row(runs).items() if len(rows) > 1}
    first, *others = runs
    compared = {
        (row, name): compare_paired(_shares(rows[name]), _shares(rows[first]))
        for row, rows in shared.items()
        for name in others
        if first in rows and name in rows and _comparable(runs[first], rows[first], runs[name], rows[name])
    }
    p_holm = dict(zip(compared, holm([each.p for each in compared.values()]), strict=True))
    lines = []
    for row, rows in shared.items():
        cells = [accuracy_text(rows[name]) if name in rows else MISSING for name in runs]
        for name in others:
            paired = compared.get((row, name))
            if paired is not None:
                points = points_text(paired.difference, paired.interval)
                cells.append(f"{points}, p = {p_holm[row, name]:.4f}")
            else:
                cells.append(_unpaired(rows.get(first), rows.get(name)))
        lines.append([row, *cells])
    return Table(["row", *runs, *(f"{name} less {first}" for name in others)], lines)


def differences_of_runs(runs: Mapping[str, Results]) -> list[str]:
    """Return in words what differs between the runs beside their numbers: images, model, arguments, versions."""
    names = list(runs)
    said = []
    for what, facts in _facts(runs[names[0]]).items():
        values = {name: _facts(results)[what] for name, results in runs.items()}
        if any(value != facts for value in values.values()):
            said.append(f"{what}: " + "; ".join(f"{name} {_spoken(value)}" for name, value in values.items()))
    return said


def left_out(runs: Mapping[str, Results]) -> str | None:
    """Return in words how many rows stand in one run alone, which `side_by_side` leaves out; None where none does."""
    counts = Counter(name for rows in _by_row(runs).values() if len(rows) == 1 for name in rows)
    total = counts.total()
    if not total:
        return None
    whose = "; ".join(f"{name} {counts[name]}" for name in runs if counts[name])
    return f"Left out: {total} {'row' if total == 1 else 'rows'} of one run alone ({whose})"


def _by_row(runs: Mapping[str, Results]) -> dict[str, dict[str, Row]]:
    """Return each row by its name, in the runs that have it; a conditional one means nothing beside another run's."""
    found: dict[str, dict[str, Row]] = {}
    for name, results in runs.items():
        for each in results.rows:
            if not each.conditional:
                found.setdefault(each.name, {})[name] = each
    return found


def same_images(first: Results, second: Results) -> bool:
    """Return whether two runs used the same images, by the hash of their data and by name."""
    digests = {results.run.get("data", {}).get("sha256") for results in (first, second)}
    return len(digests) == 1 and None not in digests and list(first.images) == list(second.images)


def _comparable(first: Results, mine: Row, second: Results, other: Row) -> bool:
    believed = mine.unreliable is None and other.unreliable is None
    whole = all(row.per_image and None not in row.per_image for row in (mine, other))
    return believed and whole and same_images(first, second)


def _unpaired(first: Row | None, other: Row | None) -> str:
    if first is None or other is None or first.unreliable is not None or other.unreliable is not None:
        return MISSING
    return f"{100 * (other.top1 - first.top1):+.1f}, not paired"


def _shares(row: Row) -> Any:
    return np.array(row.per_image, np.float64)


def _facts(results: Results) -> dict[str, Any]:
    run = results.run
    data, model, arguments = run.get("data", {}), run.get("model", {}), run.get("arguments", {})
    return {
        "images": (data.get("source"), str(data.get("sha256"))[:8], results.n),
        "model": (model.get("name"), str(model.get("weights_sha256"))[:8]),
        "threats": _listed(arguments.get("threat")),
        "attacks": _listed(arguments.get("attacks")),
        "defences": _listed(arguments.get("defences")),
        "budget": NO_ATTACKER if arguments.get("budget") is None else arguments["budget"],
        "batch size": arguments.get("batch_size"),
        "seed": run.get("seed"),
        "tf_lowdef": run.get("versions", {}).get("tf_lowdef"),
    }


def _listed(names: Any) -> Any:
    return ", ".join(map(str, names)) or "none" if isinstance(names, Sequence) and not isinstance(names, str) else names


def _spoken(value: Any) -> str:
    if value is None:
        return "unknown"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
