"""Which quality, method and flip to take: chosen on one half of the images, judged on the other."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.evaluation.costs import webp_costs
from tf_lowdef.evaluation.evaluator import Progress, evaluate
from tf_lowdef.evaluation.images.selection import stack
from tf_lowdef.evaluation.models.opening import open_classifier, open_data
from tf_lowdef.evaluation.plan import name_attacks
from tf_lowdef.files import write_text
from tf_lowdef.jobs import Folder, working_folder
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.layers import WebPLayer, defence_spec, parse_defence
from tf_lowdef.results import BARE, Results, Row
from tf_lowdef.results.statistics import wilson_interval
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS

FLIP = "flip"
DEFAULT_QUALITIES = (20.0, 40.0, 60.0, 75.0, 90.0)
DEFAULT_METHODS = (0, 4)
DEFAULT_ATTACKS = ("fgsm:4", "bim:4")
DEFAULT_MAX_DROP = 2.0
COST_IMAGES = 32
"""Images that bytes and milliseconds are measured on."""
SURVIVES = 0.05
"""The share of the bare model's clean accuracy up to which nothing counts as surviving, as in a report's conclusion."""

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Accuracies:
    """Of one half of the images.

    Attributes:
        n: How many.
        clean: Top-1 accuracy on clean images.
        oblivious: Mean over the attacks of an attacker who does not know of the defence.
        adaptive: Mean over the epsilons of the worst case.
        adaptive_ci95: Wilson's interval of `adaptive` for `n` images.
    """

    n: int
    clean: float
    oblivious: float
    adaptive: float
    adaptive_ci95: tuple[float, float]


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
    """

    rows: Sequence[SweepRow]
    ranked_by: str
    max_clean_drop: float
    chosen: str | None
    results: Results

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
            "rows": [dataclasses.asdict(row) for row in self.rows],
        }
        write_text(Path(folder) / "sweep.json", json.dumps(content, indent=1, allow_nan=False) + "\n")


def sweep(
    model: Any,
    data: Any,
    attacks: Sequence[str | Attack] = DEFAULT_ATTACKS,
    qualities: Sequence[float] = DEFAULT_QUALITIES,
    methods: Sequence[int] = DEFAULT_METHODS,
    flips: Sequence[bool] = (False, True),
    max_clean_drop: float = DEFAULT_MAX_DROP,
    out: Folder | None = None,
    seed: int = 0,
    *,
    budget: str = "quick",
    limit: int | None = None,
    batch_size: int = 32,
    input_range: Any = None,
    outputs: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    ray: RayOptions | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> Sweep:
    """Try every quality, method and flip against every attack, oblivious and adaptive, and choose.

    The images are cut into two halves by the seed. The choice is made on the first: of the settings on the Pareto front
    that cost at most `max_clean_drop` points of clean accuracy, the one of the highest adaptive accuracy. All that is
    said of it is measured on the second, since the best of many on the same images looks better than it is. Where
    nothing survives the attacker who knows of the defence, the oblivious accuracy ranks, and `ranked_by` says so.

    Args:
        model: As in :func:`tf_lowdef.evaluate`.
        data: As there.
        attacks: As there; at each of their epsilons the budget's attacks are tried too.
        qualities: Of WebP, each 0 to 100.
        methods: Of WebP, each 0 to 6.
        flips: Without, with, or both.
        max_clean_drop: In points of top-1 accuracy below the bare model's, 0 to 100.
        out: As in ``evaluate``; None writes nothing.
        seed: As there; it also cuts the halves.
        budget: As there.
        limit: As there.
        batch_size: As there.
        input_range: As there.
        outputs: As there.
        labels: As there.
        ray: As there.
        progress: As there.
        command: As there.

    Raises:
        ValueError: As ``evaluate``; or there are fewer than two images, or no setting.
    """
    defences = settings(qualities, methods, flips)
    if not 0 <= max_clean_drop <= 100:
        raise ValueError(f"`max_clean_drop` must be 0 to 100 points. Received: max_clean_drop={max_clean_drop}")
    if limit is not None:
        first_half(limit, seed)  # before hours of work
    norms = {attack.bound.norm for attack in name_attacks(attacks).values() if attack.bound is not None}
    if len(norms) > 1:
        raise ValueError(f"A sweep ranks by means over attacks, so that these must be of one norm. Received: {attacks}")
    threats = (OBLIVIOUS, ADAPTIVE)
    model = open_classifier(model, data, input_range, outputs)
    images = open_data(model, data, labels, input_range)
    with ExitStack() as exits:
        folder = None if out is None else exits.enter_context(working_folder(out))
        results = evaluate(
            model, images, attacks, defences, threats, folder, seed, limit=limit, batch_size=batch_size, budget=budget,
            ray=ray, progress=progress, command=command,
        )  # fmt: skip
        count = len(results.images)
        first = first_half(count, seed)
        pixels = stack(images.read_batch(list(range(min(COST_IMAGES, len(images)))))[0], images.source)
        rows = [_row(results, defence, first, pixels) for defence in defences]
        found = choose(rows, max_clean_drop, results)
        if folder is not None:
            found.save(folder)
    return found


def first_half(count: int, seed: int) -> Flags:
    """Return which of `count` images the choice is made on: half of them, drawn by the seed; one more of an odd number.

    Raises:
        ValueError: There are fewer than two.
    """
    if count < 2:
        raise ValueError(f"A sweep needs two images or more, one for each half. Received: {count}")
    first = np.zeros(count, bool)
    first[np.random.default_rng(seed).permutation(count)[: (count + 1) // 2]] = True
    return first


def settings(qualities: Sequence[float], methods: Sequence[int], flips: Sequence[bool]) -> list[str]:
    """Return the defences of a sweep: the bare model, the flip alone, and WebP in every setting.

    Raises:
        ValueError: An argument is out of its range, or there are none.
    """
    if not len(qualities) or not len(methods) or not len(flips):
        raise ValueError("A sweep needs a quality, a method and a flip at least. Received: none of one of them")
    webp = [
        defence_spec([WebPLayer(quality, method=method), *(parse_defence(FLIP) if flip else [])])
        for quality, method, flip in product(qualities, methods, flips)
    ]
    return list(dict.fromkeys([BARE, *([FLIP] if True in flips else []), *webp]))


def choose(rows: Sequence[SweepRow], max_clean_drop: float, results: Results) -> Sweep:
    """Mark the Pareto front and choose from it, on the selection half.

    Unreliable settings neither rank nor push others off the front. Equal ones go by clean accuracy, then by bytes.
    """
    bare = next(row for row in rows if row.defence == BARE)
    believed = [row for row in rows if row.unreliable is None]
    survives = any(row.selection.adaptive > SURVIVES * bare.selection.clean for row in believed)
    ranked_by = ADAPTIVE if survives else OBLIVIOUS
    front = {row.defence for row in believed if not any(_dominates(other, row, ranked_by) for other in believed)}
    marked = [dataclasses.replace(row, on_front=row.defence in front) for row in rows]
    lowest = bare.selection.clean - max_clean_drop / 100 - 1e-9
    allowed = [row for row in marked if row.on_front and row.defence != BARE and row.selection.clean >= lowest]
    best = max(
        allowed, key=lambda row: (_merit(row, ranked_by), row.selection.clean, -row.bytes_per_image), default=None
    )
    return Sweep(marked, ranked_by, max_clean_drop, best.defence if best else None, results)


def _merit(row: SweepRow, ranked_by: str) -> float:
    return row.selection.adaptive if ranked_by == ADAPTIVE else row.selection.oblivious


def _dominates(other: SweepRow, row: SweepRow, ranked_by: str) -> bool:
    """Return whether one setting is at least as good as another in everything, and better in something."""
    pairs = [
        (other.selection.clean, row.selection.clean),
        (_merit(other, ranked_by), _merit(row, ranked_by)),
        (-other.bytes_per_image, -row.bytes_per_image),
        (-other.ms_per_image, -row.ms_per_image),
    ]
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def _row(results: Results, defence: str, first: Flags, pixels: npt.NDArray[np.uint8]) -> SweepRow:
    webp = next((layer for layer in parse_defence(defence) if isinstance(layer, WebPLayer)), None)
    size, time = (float(pixels[0].nbytes), 0.0) if webp is None else webp_costs(pixels, webp.quality, webp.method)
    worst = results.select(kind="worst", defence=defence)
    doubts = list(dict.fromkeys(row.unreliable for row in worst if row.unreliable is not None))
    halves = [_accuracies(results, defence, half) for half in (first, ~first)]
    return SweepRow(defence, size, time, halves[0], halves[1], "; ".join(doubts) or None)


def _accuracies(results: Results, defence: str, half: Flags) -> Accuracies:
    clean = results.select(kind="clean", defence=defence)
    oblivious, worst = results.select(threat=OBLIVIOUS, defence=defence), results.select(kind="worst", defence=defence)
    n, adaptive = int(half.sum()), _mean(worst, half)
    interval = wilson_interval(round(adaptive * n), n)
    return Accuracies(n, _mean(clean, half), _mean(oblivious, half), adaptive, interval)


def _mean(rows: Sequence[Row], half: Flags) -> float:
    return float(np.mean([np.array(row.per_image, np.float64)[half] for row in rows])) if rows else 0.0
