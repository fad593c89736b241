"""Which quality, method and flip to take: chosen on one half of the images, judged on the other."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from itertools import product
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.evaluation.costs import webp_costs
from tf_lowdef.evaluation.evaluator import evaluate
from tf_lowdef.evaluation.images.selection import stack
from tf_lowdef.evaluation.models.opening import open_classifier, open_data
from tf_lowdef.evaluation.plan import check_counts, name_attacks
from tf_lowdef.jobs import Folder, working_folder
from tf_lowdef.jobs.progress import Progress
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.layers import WebPLayer, defence_spec, parse_defence
from tf_lowdef.results import BARE, Results, Row
from tf_lowdef.results.statistics import compare_paired, wilson_interval
from tf_lowdef.results.sweep import Accuracies, Sweep, SweepRow
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


def sweep(
    model: Any,
    data: Any,
    attacks: str | Attack | Sequence[str | Attack] = DEFAULT_ATTACKS,
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
    progress: Progress | bool | None = None,
    command: str | None = None,
) -> Sweep:
    """Try every quality, method and flip against every attack, oblivious and adaptive, and choose.

    The images are cut into two halves by the seed. The choice is made on the first: of the settings on the Pareto front
    that cost at most `max_clean_drop` points of clean accuracy by the upper end of the paired 95 % interval (or, where
    so few images show that of none, by the cost itself; `Sweep.sure` tells), the one of the highest adaptive accuracy.
    All that is said of it is measured on the second, since the best of many on the same images looks better than it
    is. Where nothing survives the attacker who knows of the defence, the oblivious accuracy ranks, and `ranked_by`
    says so.

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
        TypeError: As ``evaluate``; or a single value stands for several.
        ValueError: As ``evaluate``; or there are fewer than two images, or no setting.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.evaluation.sweep import settings, sweep
        >>> settings(qualities=[40, 60], methods=[4], flips=[True])  # what will be tried
        ['none', 'flip', 'webp:40+flip', 'webp:60+flip']
        >>> model, images, labels = load_demo()
        >>> found = sweep(  # doctest: +SKIP
        ...     model, (images, labels), ["bim:4"], qualities=[40, 60], methods=[4], flips=[True], limit=50
        ... )  # which takes minutes
        >>> found.save("run")  # doctest: +SKIP
    """
    defences = settings(qualities, methods, flips)
    if not isinstance(max_clean_drop, Real) or not 0 <= max_clean_drop <= 100:
        raise ValueError(f"`max_clean_drop` must be 0 to 100 points. Received: max_clean_drop={max_clean_drop!r}")
    limit, batch_size, seed = check_counts(limit, batch_size, seed)
    if limit is not None:
        first_half(limit, seed)  # before hours of work
    check_one_norm(attacks)
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


def check_one_norm(attacks: str | Attack | Sequence[str | Attack]) -> None:
    """Raise ValueError for attacks of several norms: a mean over them would say nothing."""
    norms = {attack.bound.norm for attack in name_attacks(attacks).values() if attack.bound is not None}
    if len(norms) > 1:
        raise ValueError(f"A sweep ranks by means over attacks, so that these must be of one norm. Received: {attacks}")


def first_half(count: int, seed: int) -> Flags:
    """Return which of `count` images the choice is made on: half of them, drawn by the seed; one more of an odd number.

    Raises:
        ValueError: There are fewer than two.
    """
    if count < 2:
        raise ValueError(f"A choice needs two images or more, one for each half. Received: {count}")
    first = np.zeros(count, bool)
    first[np.random.default_rng(seed).permutation(count)[: (count + 1) // 2]] = True
    return first


def settings(qualities: Sequence[float], methods: Sequence[int], flips: Sequence[bool]) -> list[str]:
    """Return the defences of a sweep: the bare model, the flip alone, and WebP in every setting.

    Raises:
        TypeError: One of them is a single value.
        ValueError: An argument is out of its range, or there are none.
    """
    for name, values in (("qualities", qualities), ("methods", methods), ("flips", flips)):
        if not isinstance(values, Iterable):
            raise TypeError(f"`{name}` must be several values, such as [{values!r}]. Received: {name}={values!r}")
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
    most = max_clean_drop / 100 + 1e-9
    within = [row for row in marked if row.on_front and row.defence != BARE and row.selection.drop <= most]
    shown = [row for row in within if row.selection.drop_ci95[1] <= most]
    allowed = shown or within
    best = max(
        allowed, key=lambda row: (_merit(row, ranked_by), row.selection.clean, -row.bytes_per_image), default=None
    )
    return Sweep(tuple(marked), ranked_by, max_clean_drop, best.defence if best else None, results, bool(shown))


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
    doubts = list(dict.fromkeys(row.unreliable for row in _knowing(results, defence) if row.unreliable is not None))
    halves = [_accuracies(results, defence, half) for half in (first, ~first)]
    return SweepRow(defence, size, time, halves[0], halves[1], "; ".join(doubts) or None)


def _accuracies(results: Results, defence: str, half: Flags) -> Accuracies:
    clean = results.select(kind="clean", defence=defence)
    oblivious = results.select(threat=OBLIVIOUS, defence=defence)
    n, adaptive = int(half.sum()), _mean(_knowing(results, defence), half)
    interval = wilson_interval(round(adaptive * n), n)
    bare, mine = (_shares(results.select(kind="clean", defence=each)[0], half) for each in (BARE, defence))
    cost = compare_paired(bare, mine)
    return Accuracies(n, _mean(clean, half), _mean(oblivious, half), adaptive, interval, cost.difference, cost.interval)


def _knowing(results: Results, defence: str) -> list[Row]:
    """Return the worst cases of a defence; where no attack has an epsilon, his attacks who knows of it."""
    worst = results.select(kind="worst", defence=defence)
    return worst or results.select(threat=ADAPTIVE, defence=defence, conditional=False)


def _shares(row: Row, half: Flags) -> npt.NDArray[np.float64]:
    return np.array(row.per_image, np.float64)[half]


def _mean(rows: Sequence[Row], half: Flags) -> float:
    return float(np.mean([_shares(row, half) for row in rows])) if rows else 0.0
