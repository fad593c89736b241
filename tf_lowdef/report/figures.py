"""Figures for notebooks and the front page: rows of pictures, maps on pictures, and accuracies as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.report.plot import COLOURS, style_of
from tf_lowdef.results.results import CLEAN, Results
from tf_lowdef.results.table import unique
from tf_lowdef.studies.gallery import lay_on
from tf_lowdef.studies.story import Frame

Pixels = npt.NDArray[np.uint8]

RIGHT, WRONG = COLOURS[3], COLOURS[4]

SIDE = 1.6
"""Inches a picture."""

DPI = 80
"""Small enough that a notebook with a few figures opens on a code host."""


def draw_images(images: Sequence[Pixels] | Pixels, titles: Sequence[str], columns: int = 5) -> Figure:
    """Draw pictures in rows.

    Args:
        images: uint8, each of shape (height, width, 3).
        titles: One an image.
        columns: Pictures in a row.
    """
    figure, axes = _grid(len(images), columns)
    for each, image, title in zip(axes, images, titles, strict=True):
        _show(each, image, title)
    return figure


def draw_story(frames: Sequence[Frame]) -> Figure:
    """Draw frames side by side, below each what the classifier said, and whether that is right."""
    figure, axes = _grid(len(frames), len(frames), side=SIDE * 1.5, text=0.9)
    for each, frame in zip(axes, frames, strict=True):
        _show(each, frame.image, frame.title)
        mark, colour = ("\N{CHECK MARK}", RIGHT) if frame.right else ("\N{BALLOT X}", WRONG)
        each.set_xlabel(f"{mark} {frame.says}", color=colour, fontsize=13, fontweight="bold")
    return figure


def draw_maps(images: Sequence[Pixels], maps: Sequence[npt.NDArray[np.float32]], titles: Sequence[str]) -> Figure:
    """Draw pictures and below each the map that belongs to it, laid on it: bright yellow speaks most for the class.

    Args:
        images: uint8, each of shape (height, width, 3).
        maps: float32 in [0, 1], each of shape (height, width), such as ``grad_cam`` gives.
        titles: One an image.
    """
    figure, axes = _grid(2 * len(images), len(images), text=0.15)
    for place, (image, found, title) in enumerate(zip(images, maps, titles, strict=True)):
        _show(axes[place], image, title)
        _show(axes[len(images) + place], lay_on(image, found), "")
    return figure


def draw_over(results: Results, setting: str, threat: str = "adaptive") -> Figure:
    """Draw top-1 accuracy with 95 % intervals over a setting of the attacks, a line a defence.

    A question mark stands at what is unreliable, an upper bound and no sign of robustness.

    Args:
        results: With several attacks that differ in the setting.
        setting: Such as ``"steps"`` or ``"epsilon"``.
        threat: Whose attacks.
    """
    rows = [row for row in results.rows if row.threat == threat and row.attack != CLEAN and not row.conditional]
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


def _grid(count: int, columns: int, side: float = SIDE, text: float = 0.35) -> tuple[Figure, list[Axes]]:
    rows = -(-count // columns)
    figure = Figure(figsize=(side * columns, (side + text) * rows), dpi=DPI, layout="constrained")
    axes: list[Axes] = list(np.atleast_1d(figure.subplots(rows, columns)).flat)
    for each in axes[count:]:
        each.axis("off")
    return figure, axes[:count]


def _show(axes: Axes, image: Any, title: str) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_title(title, fontsize=11)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
