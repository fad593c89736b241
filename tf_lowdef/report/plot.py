"""``accuracy.png``: every defence against every attack at a glance."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.evaluation.results import CLEAN, Results
from tf_lowdef.files import atomic_path
from tf_lowdef.report.table import unique

COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")
"""Okabe and Ito 2008, "Color universal design": eight colours that colour-blind people can tell apart."""

MAX_TICK = 12
"""The longest name of an attack that is written in one line."""

MARKERS = "osD^vPXd"
"""A shape a defence besides its colour, for print without colours."""


def plot_accuracy(results: Results, path: str | Path) -> None:
    """Draw top-1 accuracy with 95 % intervals, one group an attack and one mark a defence, and write it as PNG."""
    figure = Figure(figsize=(10, 5.2), layout="constrained")
    axes = figure.subplots()
    attacks, defences = unique(row.attack for row in results.rows), unique(row.defence for row in results.rows)
    for number, defence in enumerate(defences):
        offset = (number - (len(defences) - 1) / 2) * 0.8 / max(len(defences), 1)
        _draw_defence(axes, results, defence, attacks, number, offset)
    _dress(axes, results, attacks)
    figure.legend(loc="outside right upper", title="defence", frameon=False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")


def _draw_defence(axes: Axes, results: Results, defence: str, attacks: list[str], number: int, offset: float) -> None:
    rows = [row for row in results.rows if row.defence == defence]
    places = [attacks.index(row.attack) + offset for row in rows]
    heights = [100 * row.top1 for row in rows]
    # at 0 % and 100 % the interval can miss the estimate by a rounding error
    below = [max(0.0, 100 * (row.top1 - row.ci95[0])) for row in rows]
    above = [max(0.0, 100 * (row.ci95[1] - row.top1)) for row in rows]
    axes.errorbar(
        places,
        heights,
        yerr=[below, above],
        fmt=MARKERS[number % len(MARKERS)],
        color=COLOURS[number % len(COLOURS)],
        # past the eighth defence colours and shapes come again, hollow
        markerfacecolor=None if number < len(COLOURS) else "white",
        markersize=6,
        elinewidth=1,
        capsize=2,
        label=defence,
    )


def _dress(axes: Axes, results: Results, attacks: list[str]) -> None:
    for place in range(1, len(attacks)):
        axes.axvline(place - 0.5, color="0.85", linewidth=0.8)
    axes.set_xticks(range(len(attacks)), [_tick(attack) for attack in attacks], fontsize=9)
    axes.set_xlim(-0.5, len(attacks) - 0.5)
    axes.set_ylim(-3, 103)
    axes.set_ylabel("top-1 accuracy (%)")
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    n = max((row.n for row in results.rows), default=0)
    model = results.run.get("model", {}).get("name", "model")
    lines = [f"{model}, {n} images: attackers who do not know of the defence", *results.warnings]
    axes.set_title("\n".join(fill(line, 110) for line in lines), loc="left", fontsize=10)


def _tick(attack: str) -> str:
    """Return an attack's name, broken where it would run into its neighbours."""
    if attack == CLEAN:
        return "clean"
    return attack if len(attack) <= MAX_TICK else re.sub(r"([:,]|(?==))", r"\1\n", attack)
