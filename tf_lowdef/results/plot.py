"""Pictures of accuracies: every defence against every attack, and lines over a setting of the attacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.results.row import Row
from tf_lowdef.results.table import unique
from tf_lowdef.text import printable
from tf_lowdef.threats import ADAPTIVE

if TYPE_CHECKING:
    from tf_lowdef.results.results import Results

COLOURS = ("#000000", "#E69F00", "#56B4E9", "#009E73", "#D55E00", "#0072B2", "#CC79A7", "#F0E442")
"""Okabe and Ito 2008, "Color universal design": eight colours that colour-blind people can tell apart."""

Group = tuple[str | None, str]
"""Threat and attack."""

MAX_TICK = 12
"""The longest name of an attack that is written in one line."""

DPI = 80
"""Of lines: small enough that a notebook with a few figures opens on a code host."""

PER_ATTACK = 1.2
"""Inches that an attack needs."""

MAX_WARNINGS = 3
"""Warnings that are written on the picture; it would be all text otherwise."""

MARKERS = "osD^vPXd"
"""A shape a defence besides its colour, for print without colours."""

SHIFT = 3
"""How many shapes further the next eight defences begin: having no divisor in common with 8, it makes 64 pairs."""


def style_of(number: int) -> tuple[str, str]:
    """Return marker and colour of a defence by its place: another pair for each of the first 64."""
    turn = number // len(COLOURS)
    return MARKERS[(number + SHIFT * turn) % len(MARKERS)], COLOURS[number % len(COLOURS)]


def accuracy_figure(results: Results) -> Figure:
    """Return a figure of top-1 accuracies with 95 % intervals: one group an attack, one mark a defence."""
    attacks, defences = _attacks(results), results.defences
    figure = Figure(figsize=(max(10, PER_ATTACK * len(attacks)), 5.2), layout="constrained")
    axes = figure.subplots()
    for number, defence in enumerate(defences):
        offset = (number - (len(defences) - 1) / 2) * 0.8 / max(len(defences), 1)
        _draw_defence(axes, results, defence, attacks, number, offset)
    _dress(axes, results, attacks)
    figure.legend(loc="outside right upper", title="defence", frameon=False)
    return figure


def draw_over(results: Results, setting: str, threat: str = ADAPTIVE) -> Figure:
    """Draw top-1 accuracy with 95 % intervals over a setting of the attacks, a line a defence.

    A question mark stands at what is unreliable, an upper bound and no sign of robustness.

    Args:
        results: With several attacks that differ in the setting.
        setting: Such as ``"steps"`` or ``"epsilon"``.
        threat: Whose attacks.

    Example:
        >>> from tf_lowdef.report import draw_over
        >>> from tf_lowdef.results import Results, Row
        >>> results = Results({}, [
        ...     Row("adaptive", f"bim:4,steps={steps}", "flip", 4, right, right / 4, (0.0, 1.0), attacked=4,
        ...         setting={"steps": steps})
        ...     for steps, right in ((10, 2), (20, 1))
        ... ])
        >>> figure = draw_over(results, "steps")
        >>> figure.axes[0].get_xlabel()
        'steps'
        >>> figure.savefig("steps.png")
    """
    rows = results.select(kind="attack", threat=threat, conditional=False)
    rows = [row for row in rows if row.attacked is not None and row.setting.get(setting) is not None]
    figure = Figure(figsize=(7, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for number, defence in enumerate(unique(row.defence for row in rows)):
        line = sorted((row for row in rows if row.defence == defence), key=lambda row: row.setting[setting])
        places, (marker, colour) = [row.setting[setting] for row in line], style_of(number)
        _draw(axes, places, line, marker=marker, color=colour, label=defence)
        for place, row in zip(places, line, strict=True):
            if row.unreliable is not None:
                at = (place, 100 * row.top1)
                axes.annotate("?", at, xytext=(7, -3), textcoords="offset points", color="red", fontweight="bold")
    axes.set_xlabel(setting)
    dress(axes)
    figure.legend(loc="outside right upper", title="defence", frameon=False)
    return figure


def _attacks(results: Results) -> list[Group]:
    """Return what every group is of; conditional rows are no accuracies."""
    return list(dict.fromkeys((row.threat, row.attack) for row in results.select(conditional=False)))


def _draw_defence(axes: Axes, results: Results, defence: str, attacks: list[Group], number: int, offset: float) -> None:
    rows = results.select(defence=defence, conditional=False)
    places = [attacks.index((row.threat, row.attack)) + offset for row in rows]
    marker, colour = style_of(number)
    face = None if number < len(COLOURS) else "white"  # past the eighth defence the colours come again, hollow
    _draw(axes, places, rows, fmt=marker, color=colour, markerfacecolor=face, markersize=6, label=defence)
    for place, row in zip(places, rows, strict=True):
        if row.unreliable is not None:
            axes.annotate(
                "?", (place, 100 * row.top1), xytext=(0, 5), textcoords="offset points", ha="center", color="red"
            )


def _draw(axes: Axes, places: Sequence[float], rows: Sequence[Row], **style: Any) -> None:
    """Draw accuracies with their intervals."""
    # at 0 % and 100 % the interval can miss the estimate by a rounding error
    spread = [
        [max(0.0, 100 * (row.top1 - row.ci95[0])) for row in rows],
        [max(0.0, 100 * (row.ci95[1] - row.top1)) for row in rows],
    ]
    axes.errorbar(places, [100 * row.top1 for row in rows], yerr=spread, elinewidth=1, capsize=2, **style)


def dress(axes: Axes) -> None:
    """Give axes over which accuracies stand in percent their scale and look."""
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_ylim(-3, 103)
    axes.grid(axis="y", color="0.9")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _dress(axes: Axes, results: Results, attacks: list[Group]) -> None:
    for place in range(1, len(attacks)):
        axes.axvline(place - 0.5, color="0.85", linewidth=0.8)
    alone = len(results.threats) < 2
    axes.set_xticks(range(len(attacks)), [_tick(*attack, alone=alone) for attack in attacks], fontsize=9)
    axes.set_xlim(-0.5, len(attacks) - 0.5)
    dress(axes)
    model = results.run.get("model", {}).get("name", "model")
    lines = [
        f"{model}, {results.n} images, threats: {', '.join(results.threats) or 'none'}",
        *results.warnings[:MAX_WARNINGS],
    ]
    if len(results.warnings) > MAX_WARNINGS:
        lines.append(f"and {len(results.warnings) - MAX_WARNINGS} more warnings, in report.md")
    if any(row.unreliable is not None for row in results.rows):
        lines.append("? unreliable: an upper bound, no sign of robustness")
    axes.set_title("\n".join(fill(printable(line), 110) for line in lines), loc="left", fontsize=10)


def _tick(threat: str | None, attack: str, alone: bool) -> str:
    """Return an attack's name, broken where it would run into its neighbours, below the threat if there are several."""
    if threat is None:
        return "clean"
    name = attack if len(attack) <= MAX_TICK else re.sub(r"([:,]|(?==))", r"\1\n", attack)
    return name if alone else f"{threat}\n{name}"
