"""What a sweep over settings found: each setting's worth and cost, and which one to take."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tf_lowdef.files import write_text
from tf_lowdef.results.entries import read_as
from tf_lowdef.results.names import BARE
from tf_lowdef.results.results import Results
from tf_lowdef.results.run_folder import read_json
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS

SWEEP = "sweep.json"
Folder = str | os.PathLike[str]


@dataclass(frozen=True)
class Accuracies:
    """Of one half of the images.

    Attributes:
        n: How many.
        clean: Top-1 accuracy on clean images.
        oblivious: Mean over the attacks of an attacker who does not know of the defence.
        adaptive: Mean over the epsilons of the worst case.
        adaptive_ci95: Wilson's interval of `adaptive` for `n` images.
        drop: Clean accuracy of the bare model less this one's.
        drop_ci95: Its 95 % interval, paired on the same images.
    """

    n: int
    clean: float
    oblivious: float
    adaptive: float
    adaptive_ci95: tuple[float, float]
    drop: float
    drop_ci95: tuple[float, float]


@dataclass(frozen=True)
class SweepRow:
    """One setting.

    Attributes:
        defence: Such as ``"webp:60+flip"``.
        bytes_per_image: Of a WebP file; of uncompressed pixels where there is no WebP.
        ms_per_image: To encode and decode on one thread; 0 where there is no WebP.
        selection: On the half that the choice is made on.
        report: On the other half.
        unreliable: Why the adaptive accuracy is only an upper bound, and does not rank; None where nothing speaks
            against it.
        on_front: Whether no other setting is at least as good in clean and ranking accuracy, bytes and milliseconds,
            and better in one of them, on the selection half.
    """

    defence: str
    bytes_per_image: float
    ms_per_image: float
    selection: Accuracies
    report: Accuracies
    unreliable: str | None
    on_front: bool = False


@dataclass(frozen=True)
class Sweep:
    """What a sweep found.

    Attributes:
        rows: One for each setting; the bare model first.
        ranked_by: ``"adaptive"``, or ``"oblivious"`` where nothing survives the attacker who knows of the defence.
        max_clean_drop: In points.
        chosen: The setting it would take, None if none keeps enough clean accuracy.
        results: Of the evaluation behind it.
        sure: Whether the interval of what the chosen setting costs lies within `max_clean_drop`, on the half that the
            choice was made on.
    """

    rows: Sequence[SweepRow]
    ranked_by: str
    max_clean_drop: float
    chosen: str | None
    results: Results
    sure: bool = True

    def row(self, defence: str) -> SweepRow:
        """Return one setting; KeyError where there is none."""
        for row in self.rows:
            if row.defence == defence:
                return row
        raise KeyError(f"no setting {defence!r}")

    def save(self, folder: Folder) -> None:
        """Write ``sweep.json``, whole or not at all."""
        content = {
            "chosen": self.chosen,
            "ranked_by": self.ranked_by,
            "max_clean_drop": self.max_clean_drop,
            "sure": self.sure,
            "rows": [dataclasses.asdict(row) for row in self.rows],
        }
        write_text(Path(folder) / SWEEP, json.dumps(content, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, folder: Folder, results: Results) -> Sweep | None:
        """Return what `save` wrote; None where the folder is of no sweep.

        Raises:
            ValueError: The file is damaged, or holds what no sweep can have found.
        """
        try:
            content = read_json(Path(folder) / SWEEP, SWEEP)
        except FileNotFoundError:
            return None
        found = read_as(cls, content, results=results)
        names = [row.defence for row in found.rows]
        if names[:1] != [BARE] or not {found.chosen or BARE} <= set(names) or not all(map(str.isprintable, names)):
            raise ValueError("its settings are none, or the one that it takes is not among them")
        if found.ranked_by not in (ADAPTIVE, OBLIVIOUS):
            raise ValueError(f"it is ranked by {found.ranked_by!r}")
        for half in (half for row in found.rows for half in (row.selection, row.report)):
            if not all(0 <= share <= 1 for share in (half.clean, half.oblivious, half.adaptive, *half.adaptive_ci95)):
                raise ValueError("a share is none")
        return found
