"""What an evaluation gives: rows, what was run, and the files that hold both."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tf_lowdef.files import write_text
from tf_lowdef.results import per_image

CLEAN = "none"
"""The attack of the rows of clean images."""


@dataclass(frozen=True)
class Row:
    """One attack against one defence.

    Attributes:
        threat: ``"oblivious"``: the attacker does not know of the defence; ``"transfer"``: nor of the model;
            ``"adaptive"``: he knows both.
        attack: Such as ``"bim:4"``; ``"none"`` for clean images; ``"worst:4"`` for the worst example of every image
            within epsilon, whoever made it.
        defence: Such as ``"webp:60+flip"``; ``"none"`` for the bare model.
        n: Images counted.
        correct: Of these, classified correctly by the defended model; a mean over draws where it is randomised.
        top1: ``correct / n``.
        ci95: 95 % interval of `top1`: Wilson's; of a mean over draws a bootstrap's, over images.
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
        conditional: Whether `n` are only those images that the attacks before had left: `top1` is no accuracy then.
        unreliable: Why the attack, not the defence, may be the reason for `top1`, which is an upper bound then and does
            not rank; None where nothing speaks against it.
        draws: How many draws of a randomised defence `top1` is a mean of.
        per_image: For each image the share of draws in which it is classified correctly, 0 or 1 where nothing is
            drawn; None where the attack was not tried.
    """

    threat: str
    attack: str
    defence: str
    n: int
    correct: float
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
    conditional: bool = False
    unreliable: str | None = None
    draws: int = 1
    per_image: tuple[float | None, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """What no other row of the evaluation is called."""
        return f"{self.threat} {self.attack} {self.defence}"


@dataclass(frozen=True)
class Comparison:
    """Two defences under one attack, compared image by image.

    Attributes:
        threat: As in the rows.
        attack: As in the rows.
        first: A defence.
        second: Another one.
        difference: Accuracy of the first less that of the second.
        ci95: 95 % interval of the difference.
        p: Two-sided.
        p_holm: Corrected for the comparisons under the same attack (Holm 1979).
        method: Of test and interval.
    """

    threat: str
    attack: str
    first: str
    second: str
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    method: str


@dataclass(frozen=True)
class Results:
    """The rows of an evaluation, and what was run.

    Attributes:
        run: Arguments, versions, hashes, skipped images, warnings.
        rows: One for each attack and defence.
        comparisons: Of every two defences under each attack; unreliable and conditional rows are not compared.
        images: Names of the images, in the order of the rows' `per_image`.
    """

    run: dict[str, Any]
    rows: Sequence[Row]
    comparisons: Sequence[Comparison] = ()
    images: Sequence[str] = ()

    @property
    def warnings(self) -> list[str]:
        """What may make the rows worthless, in words; it stands in every output."""
        return list(self.run.get("warnings", []))

    def row(self, attack: str, defence: str, threat: str = "oblivious") -> Row:
        """Return one row; clean images know no threat.

        Raises:
            KeyError: There is none.
        """
        for row in self.rows:
            if (row.attack, row.defence) == (attack, defence) and (row.threat == threat or attack == CLEAN):
                return row
        raise KeyError(f"no row for attack {attack!r}, defence {defence!r}, threat {threat!r}")

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``run.json``, ``results.json``, ``results.csv`` and ``correct.csv``, each whole or not at all.

        ``correct.csv`` has a line an image and a column a row: what `Row.per_image` holds, empty for None. JSON has no
        infinity: an infinite norm is the text ``"inf"``.
        """
        rows = [_to_dict(row) for row in self.rows]
        comparisons = [dataclasses.asdict(comparison) for comparison in self.comparisons]
        write_text(Path(folder) / "run.json", _to_json(self.run))
        content = {"run": self.run, "rows": rows, "comparisons": comparisons}
        columns = {row.name: row.per_image for row in self.rows if row.per_image}
        write_text(Path(folder) / per_image.TABLE, per_image.to_table(columns, self.images))
        write_text(Path(folder) / "results.csv", _to_csv(rows, self.warnings))
        write_text(Path(folder) / "results.json", _to_json(content))

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
            rows = [_to_row(row) for row in content["rows"]]
            comparisons = [Comparison(**{**each, "ci95": tuple(each["ci95"])}) for each in content["comparisons"]]
            columns, images = per_image.read_table(Path(folder) / per_image.TABLE)
            rows = [dataclasses.replace(row, per_image=columns.get(row.name, ())) for row in rows]
            return cls(content["run"], rows, tuple(comparisons), images)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{error.filename}: no such file; is this the folder of a finished run?") from None
        except (ValueError, KeyError, TypeError, UnicodeDecodeError, csv.Error) as error:
            raise ValueError(f"{path}: not the results of a run: {error}") from error


def _to_dict(row: Row) -> dict[str, Any]:
    plain = {name: getattr(row, name) for name in (each.name for each in dataclasses.fields(Row))}
    del plain["per_image"]
    return plain


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
        setting = {key: _plain(value) for key, value in row["setting"].items() if key not in plain}
        flat.append({**plain, "ci95_low": low, "ci95_high": high, "height": height, "width": width, **setting})
    columns = list(dict.fromkeys(key for row in flat for key in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, [*columns, "warnings"], lineterminator="\n")
    writer.writeheader()
    writer.writerows({**row, "warnings": " | ".join(warnings)} for row in flat)
    return text.getvalue()


def _plain(value: Any) -> Any:
    return "; ".join(str(each) for each in value) if isinstance(value, list | tuple) else value
