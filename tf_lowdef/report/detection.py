"""What the suspicion of gates is worth, as text."""

from __future__ import annotations

from typing import Any

from tf_lowdef.results import Results
from tf_lowdef.results.accuracy import accuracy_text
from tf_lowdef.results.table import MISSING, Table

DETECTED = (
    "What a gate's suspicion is worth as a detector: the area under the ROC curve with its 95 % interval, of clean "
    "images against the adversarial ones that fooled the model that they were made on (of a worst case, the least "
    "suspicious example that fools the gate); and the share of these in % that lies above thresholds which were chosen "
    "on other clean images. To suspect an image is not to get it right: top-1 is what is left."
)


def detection_table(results: Results) -> Table:
    """Return how well each gate tells attacked images from clean ones: one row a gate, threat and attack."""
    rows = [row for row in results.rows if row.detection_n is not None]
    return Table(
        ["row", "images", "AUC", "at 1 % false positives", "at 5 %", "at its threshold", "top-1"],
        [
            [
                row.name,
                str(row.detection_n),
                MISSING if row.auc is None else f"{row.auc:.3f}{_between(row.auc_ci95)}",
                *(percent(share) for share in (row.caught_1, row.caught_5, row.suspected)),
                accuracy_text(row, intervals=False),
            ]
            for row in rows
        ],
    )


def false_positives(results: Results) -> str:
    """Return in words what each gate suspects of the clean images that it is judged on; empty without gates."""
    told, gates = [], _thresholds(results)
    for row in results.select(kind="clean"):
        if row.suspected is not None:
            found = gates.get(row.defence, {})
            where = f" above {found['threshold']:g}" if isinstance(found.get("threshold"), float | int) else ""
            said = f" ({found['rule']}, chosen on {found.get('n')} other images)" if "rule" in found else ""
            told.append(f"{row.defence} suspects {percent(row.suspected)} % of {row.n} clean images{where}{said}.")
    return " ".join(told)


def percent(share: float | None) -> str:
    """Return a share in percent, ``-`` for None."""
    return MISSING if share is None else f"{100 * share:.1f}"


def _thresholds(results: Results) -> dict[str, dict[str, Any]]:
    """Return the thresholds of the gates as the run recorded them, by name; a record may have been edited."""
    record = results.run.get("gates")
    found = record.get("thresholds") if isinstance(record, dict) else None
    return {name: each for name, each in found.items() if isinstance(each, dict)} if isinstance(found, dict) else {}


def _between(ends: tuple[float, float] | None) -> str:
    return "" if ends is None else f" ({ends[0]:.3f} to {ends[1]:.3f})"
