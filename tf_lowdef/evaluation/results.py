"""What an evaluation gives: rows, what was run, and the files that hold both."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tf_lowdef.files import write_text

CLEAN = "none"
"""The attack of the rows of clean images."""


@dataclass(frozen=True)
class Row:
    """One attack against one defence.

    Attributes:
        threat: ``"oblivious"``: the attacker does not know of the defence.
        attack: Such as ``"bim:4"``; ``"none"`` for clean images.
        defence: Such as ``"webp:60+flip"``; ``"none"`` for the bare model.
        n: Images counted.
        correct: Of these, classified correctly by the defended model.
        top1: ``correct / n``.
        ci95: Wilson's 95 % interval of `top1`.
        success_rate: Of the images that the defended model classifies correctly when clean, the share that it does not
            when attacked; None for clean rows.
        attacked: Images in the norms below: those that the attacked model classified correctly when clean.
        left_out: Images left out of the norms because they were misclassified already.
        zero_gradient: Of the attacked images, those for which the attack met nothing but zero gradients: that it failed
            there says nothing.
        l2_mean: Mean L2 norm of the perturbation, images in [0, 1].
        linf_max: Greatest perturbation of a channel, in grey levels (of 255).
        ssim_mean: Mean structural similarity of the clean and the adversarial image.
        median_minimal_l2: For minimal-norm attacks, the median L2 norm with failures counted as infinite.
        setting: What the attack was: norm, epsilon, steps, step_size, restarts, loss, labels, knowledge of the defence.
        resolution: Height and width in pixels at which the images were attacked, defended and classified.
        seconds: Time for the defended predictions of this row.
        attack_seconds: Time for making the adversarial images, once for all defences.
    """

    threat: str
    attack: str
    defence: str
    n: int
    correct: int
    top1: float
    ci95: tuple[float, float]
    success_rate: float | None = None
    attacked: int | None = None
    left_out: int | None = None
    zero_gradient: int | None = None
    l2_mean: float | None = None
    linf_max: float | None = None
    ssim_mean: float | None = None
    median_minimal_l2: float | None = None
    setting: dict[str, Any] = field(default_factory=dict)
    resolution: tuple[int, int] | None = None
    seconds: float = 0.0
    attack_seconds: float | None = None


@dataclass(frozen=True)
class Results:
    """The rows of an evaluation, and what was run: arguments, versions, hashes, skipped images, warnings."""

    run: dict[str, Any]
    rows: Sequence[Row]

    @property
    def warnings(self) -> list[str]:
        """What may make the rows worthless, in words; it stands in every output."""
        return list(self.run.get("warnings", []))

    def row(self, attack: str, defence: str, threat: str = "oblivious") -> Row:
        """Return one row.

        Raises:
            KeyError: There is none.
        """
        for row in self.rows:
            if (row.attack, row.defence, row.threat) == (attack, defence, threat):
                return row
        raise KeyError(f"no row for attack {attack!r}, defence {defence!r}, threat {threat!r}")

    def save(self, folder: str | Path) -> None:
        """Write ``run.json``, ``results.json`` and ``results.csv``, each whole or not at all.

        JSON has no infinity: an infinite norm is the text ``"inf"``.
        """
        rows = [dataclasses.asdict(row) for row in self.rows]
        write_text(Path(folder) / "run.json", _to_json(self.run))
        write_text(Path(folder) / "results.json", _to_json({"run": self.run, "rows": rows}))
        write_text(Path(folder) / "results.csv", _to_csv(rows, self.warnings))

    @classmethod
    def load(cls, folder: str | Path) -> Results:
        """Read what `save` wrote.

        Raises:
            FileNotFoundError: The folder holds no results.
            ValueError: They are damaged.
        """
        path = Path(folder) / "results.json"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(content["run"], [_to_row(row) for row in content["rows"]])
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such file; is this the folder of a finished run?") from None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
            raise ValueError(f"{path}: not the results of a run: {error}") from error


def _to_row(content: dict[str, Any]) -> Row:
    numbers = {name: math.inf if content.get(name) == "inf" else content.get(name) for name in ("median_minimal_l2",)}
    pairs = {name: tuple(content[name]) if content.get(name) else None for name in ("ci95", "resolution")}
    return Row(**{**content, **numbers, **pairs})


def _to_json(content: Any) -> str:
    return json.dumps(_without_infinity(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"


def _without_infinity(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _without_infinity(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_infinity(value) for value in content]
    return "inf" if isinstance(content, float) and math.isinf(content) else content


def _to_csv(rows: Sequence[dict[str, Any]], warnings: Sequence[str]) -> str:
    """Return one line a row; settings become columns of their own, and the last column holds the warnings."""
    flat = []
    for row in rows:
        plain = {key: value for key, value in row.items() if key not in ("setting", "ci95", "resolution")}
        low, high = row["ci95"]
        height, width = row["resolution"] or (None, None)
        setting = {key: value for key, value in row["setting"].items() if key not in plain}
        flat.append({**plain, "ci95_low": low, "ci95_high": high, "height": height, "width": width, **setting})
    columns = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "warnings"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "warnings": " | ".join(warnings)} for row in flat)
    return text.getvalue()
