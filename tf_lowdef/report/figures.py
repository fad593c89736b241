"""Accuracies over a setting of the attacks, as lines."""

from __future__ import annotations

from matplotlib.figure import Figure

from tf_lowdef.results import Results
from tf_lowdef.results.plot import style_of
from tf_lowdef.results.table import unique
from tf_lowdef.threats import ADAPTIVE

DPI = 80
"""Small enough that a notebook with a few figures opens on a code host."""


def draw_over(results: Results, setting: str, threat: str = ADAPTIVE) -> Figure:
    """Draw top-1 accuracy with 95 % intervals over a setting of the attacks, a line a defence.

    A question mark stands at what is unreliable, an upper bound and no sign of robustness.

    Args:
        results: With several attacks that differ in the setting.
        setting: Such as ``"steps"`` or ``"epsilon"``.
        threat: Whose attacks.
    """
    rows = results.select(kind="attack", threat=threat, conditional=False)
    rows = [row for row in rows if row.attacked is not None and row.setting.get(setting) is not None]
    figure = Figure(figsize=(7, 3.6), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    for number, defence in enumerate(unique(row.defence for row in rows)):
        line = sorted((row for row in rows if row.defence == defence), key=lambda row: row.setting[setting])
        heights = [100 * row.top1 for row in line]
        spread = [
            [max(0.0, 100 * (row.top1 - row.ci95[0])) for row in line],
            [max(0.0, 100 * (row.ci95[1] - row.top1)) for row in line],
        ]
        marker, colour = style_of(number)
        axes.errorbar(
            [row.setting[setting] for row in line], heights, yerr=spread, label=defence, capsize=2, elinewidth=1,
            marker=marker, color=colour,
        )  # fmt: skip
        for row in line:
            if row.unreliable is not None:
                place = (row.setting[setting], 100 * row.top1)
                axes.annotate("?", place, xytext=(7, -3), textcoords="offset points", color="red", fontweight="bold")
    axes.set_xlabel(setting)
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_ylim(-3, 103)
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", title="defence", frameon=False)
    return figure
