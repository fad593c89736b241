"""The charts of ``report.html``, as SVG that takes its ink from the page, so that it suits light and dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import NamedTuple

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.bounds import LINF, UNITS, Bound
from tf_lowdef.results import Results, Row
from tf_lowdef.results.certified_plot import draw_certified
from tf_lowdef.results.plot import COLOURS, style_of

INK = "#010203"
"""What is drawn in this colour takes the colour of the page's text: it occurs nowhere else."""

WIDTH = 4.2
"""Inches; a chart this wide can still be read on a phone."""

APART = 0.012
"""How far the marks of two defences are drawn apart, as a share of the greatest epsilon: many lie on each other."""


class Chart(NamedTuple):
    """A chart, what to see in it, and what stands for it where it cannot be seen."""

    svg: Markup
    caption: str
    alt: str


class Curves(NamedTuple):
    """Accuracy over epsilon: a chart for each attack that was tried at several, and a note on those that were not."""

    charts: list[Chart]
    missing: list[str]


def headline_chart(results: Results) -> Chart | None:
    """Return each defence clean, against who does not know of it, and against who does; None without any attack."""
    kinds: list[tuple[str, str, str, Callable[[str], Row | None]]] = [
        ("clean", "o", INK, results.clean),
        ("attacker does not know of it", "s", COLOURS[5], results.strongest),
        ("attacker knows of it", "D", COLOURS[4], results.worst),
    ]
    defences, bound = results.defences, results.bound
    shown = [kind for kind in kinds if any(kind[3](each) is not None for each in defences)]
    if len(shown) < 2:
        return None
    figure = Figure(figsize=(WIDTH, 1.3 + 0.45 * len(defences)), layout="constrained")
    axes = figure.subplots()
    for number, (label, marker, colour, of) in enumerate(shown):
        offset = 0.18 * (number - (len(shown) - 1) / 2)
        found = [(place + offset, row) for place, each in enumerate(defences) if (row := of(each)) is not None]
        _draw_points(axes, found, marker, colour, label)
    axes.set_yticks(range(len(defences)), defences)
    axes.set_ylim(len(defences) - 0.5, -0.5)
    axes.set_xlim(-3, 103)
    axes.set_xlabel("top-1 accuracy (%)")
    _dress(axes, "x")
    figure.legend(loc="outside upper left", ncols=1, frameon=False, labelcolor=INK, fontsize=9)
    where = "" if bound is None else f" at {bound.said}"
    caption = (
        f"Look at how far the marks of one defence lie apart: what it keeps of its clean accuracy{where} against each "
        "attacker. Lines are 95 % intervals; hollow marks are unreliable, upper bounds."
    )
    lines = [f"{each}: " + ", ".join(_say(label, of(each)) for label, _, _, of in shown) for each in defences]
    return Chart(_svg(figure, "headline"), caption, f"Top-1 accuracy{where}. " + "; ".join(lines) + ".")


def epsilon_curves(results: Results) -> Curves:
    """Return a chart for each threat and attack that was tried at several epsilons."""
    families: dict[tuple[str, str], list[Row]] = {}
    for row in results.select(conditional=False):
        if row.threat is not None and row.epsilon is not None:
            families.setdefault((row.threat, row.attack.family), []).append(row)
    charts, missing = [], []
    for (threat, name), rows in families.items():
        epsilons = sorted({row.epsilon for row in rows if row.epsilon is not None})
        if len(epsilons) > 1:
            charts.append(_curve(results, threat, name, rows, epsilons))
        else:
            missing.append(f"{name} ({threat}, {Bound(rows[0].norm or LINF, epsilons[0]).said})")
    return Curves(charts, missing)


def certified_chart(results: Results) -> Chart:
    """Return certified accuracy over the L2 radius, a line with its band for each smoothed classifier."""
    figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
    axes = figure.subplots()
    shown = draw_certified(axes, results, INK)
    axes.set_ylabel("certified accuracy (%)")
    axes.set_ylim(-3, 103)
    _dress(axes, "y")
    figure.legend(loc="outside lower left", ncols=1, frameon=False, labelcolor=INK, fontsize=9)
    caption = (
        "Look at how far a line goes before it falls: below it no attacker within that radius gets, whoever he is. "
        "Bands are 95 % intervals over images; each line ends where its draws can prove no more."
    )
    lines = [
        f"{each.name}: " + ", ".join(f"{100 * point.share:.0f} % at {point.radius:g}" for point in each.points)
        for each in shown
    ]
    return Chart(_svg(figure, "certified"), caption, f"Certified accuracy over the radius. {'; '.join(lines)}.")


def _curve(results: Results, threat: str, name: str, rows: list[Row], epsilons: list[float]) -> Chart:
    figure = Figure(figsize=(WIDTH, WIDTH), layout="constrained")
    axes = figure.subplots()
    defences, said = results.defences, []
    for number, defence in enumerate(defences):
        points = {row.epsilon: row for row in rows if row.defence == defence and row.epsilon is not None}
        if not points:
            continue
        if (clean := results.clean(defence)) is not None:
            points = {0.0: clean, **points}
        marker, colour = style_of(number)
        shift = APART * epsilons[-1] * (number - (len(defences) - 1) / 2)
        _draw_curve(
            axes,
            [(each + shift, points[each]) for each in sorted(points)],
            marker,
            INK if number % len(COLOURS) == 0 else colour,
            defence,
        )
        ends = ", ".join(f"{100 * points[each].top1:.0f} % at {each:g}" for each in sorted(points))
        said.append(f"{defence}: {ends}")
    axes.set_title(f"{name}, {threat}", color=INK, loc="left", fontsize=11)
    axes.set_xticks([0.0, *epsilons], ["clean", *(f"{each:g}" for each in epsilons)])
    axes.set_xlabel(f"epsilon ({UNITS[rows[0].norm or LINF]})")
    axes.set_ylabel("top-1 accuracy (%)")
    axes.set_ylim(-3, 103)
    _dress(axes, "y")
    figure.legend(loc="outside lower left", ncols=2, frameon=False, labelcolor=INK, fontsize=9)
    caption = f"{name}, {threat}: the sooner a line falls, the smaller the change that the defence does not survive."
    return Chart(_svg(figure, f"{threat} {name}"), caption, f"Accuracy over epsilon. {'; '.join(said)}.")


def _draw_points(axes: Axes, found: list[tuple[float, Row]], marker: str, colour: str, label: str) -> None:
    for number, (place, row) in enumerate(found):
        low, high = (100 * end for end in row.ci95)
        axes.plot([low, high], [place, place], color=colour, linewidth=1.2, alpha=0.6)
        face = "none" if row.unreliable is not None else colour
        name = label if number == 0 else None
        axes.plot(100 * row.top1, place, marker, color=colour, markerfacecolor=face, markersize=8, label=name)


def _draw_curve(axes: Axes, points: list[tuple[float, Row]], marker: str, colour: str, label: str) -> None:
    places, heights = [each for each, _ in points], [100 * row.top1 for _, row in points]
    for place, row in points:
        low, high = (100 * end for end in row.ci95)
        axes.plot([place, place], [low, high], color=colour, linewidth=1, alpha=0.5)
        if row.unreliable is not None:
            axes.plot(place, 100 * row.top1, "o", color=colour, markerfacecolor="none", markersize=13)
    axes.plot(places, heights, marker=marker, color=colour, markersize=6, linewidth=1.6, label=label)


def _dress(axes: Axes, grid: str) -> None:
    axes.grid(axis="x" if grid == "x" else "y", color=INK, alpha=0.15)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(INK)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)


def _say(label: str, row: Row | None) -> str:
    if row is None:
        return f"{label} not tried"
    return f"{label} {100 * row.top1:.0f} %" + (", unreliable" if row.unreliable is not None else "")


def _svg(figure: Figure, salt: str) -> Markup:
    """Return a figure as an element for a page, its text in the page's font and its ink the page's."""
    text = io.StringIO()
    settings = {"svg.fonttype": "none", "svg.hashsalt": salt, "text.parse_math": False}
    with matplotlib.rc_context(settings):  # type: ignore[arg-type]
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    found = text.getvalue()
    found = found[found.index("<svg") :]
    found = re.sub(r"<metadata>.*?</metadata>", "", found, flags=re.DOTALL)
    found = re.sub(r'^<svg ([^>]*?)width="[^"]*"', r"<svg \1", found)
    found = re.sub(r'^(<svg [^>]*?)height="[^"]*"', r'\1aria-hidden="true" focusable="false"', found)
    found = re.sub(r"font-family: [^;\"]*", "font-family: inherit", found)
    found = re.sub(r'<g id="[^"]*">', "<g>", found)  # they would stand on the page once a chart
    return Markup(found.replace(INK, "currentColor"))  # noqa: S704 - matplotlib escapes the names in it
