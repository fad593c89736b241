"""Certified accuracy over the radius, with its band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tf_lowdef.results.certificate import CHOICE, Certificate
from tf_lowdef.results.names import BARE
from tf_lowdef.results.plot import DPI, dress, style_of
from tf_lowdef.text import printable

if TYPE_CHECKING:
    from tf_lowdef.results.results import Results

FAR = 3
"""Times the largest certified radius up to which the perturbations of attacks are shown: farther ones would squeeze the
curves together."""
BAND = 0.15
"""How dark a band is: of several that lie on each other each can still be seen."""


def certified_figure(results: Results) -> Figure:
    """Return a figure of certified accuracy over the L2 radius: a line and a 95 % band for each smoothed classifier."""
    figure = Figure(figsize=(7, 4), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    draw_certified(axes, results)
    dress(axes)
    axes.set_ylabel("certified accuracy (%)")
    figure.legend(loc="outside right upper", title="smoothed classifier", frameon=False)
    return figure


def draw_certified(axes: Axes, results: Results, ink: str = "#000000") -> list[Certificate]:
    """Draw the lines and bands, and the perturbations that minimal-norm attacks needed; return what was drawn.

    Args:
        axes: To draw on.
        results: With certificates; those that a choice was made on are left out.
        ink: The colour of what is first drawn, and of what is not of one classifier.
    """
    shown = [each for each in results.certified if each.part != CHOICE]
    for number, each in enumerate(shown):
        _draw(axes, each, style_of(number)[1] if number else ink)
    medians, end = median_perturbations(results), max((each.largest for each in shown), default=1.0)
    for name, l2 in medians.items():
        axes.axvline(l2, color=ink, linestyle=":", linewidth=1, label=f"{printable(name)}: median L2 {l2:.2g}")
    axes.set_xlim(0, 1.05 * max([end, *(l2 for l2 in medians.values() if l2 <= FAR * end)]))
    axes.set_xlabel("L2 radius (images in [0, 1])")
    return shown


def median_perturbations(results: Results) -> dict[str, float]:
    """Return the median L2 with which each minimal-norm attack fooled the bare classifier, where it was finite."""
    rows = results.select(kind="attack", defence=BARE)
    return {
        row.attack: row.median_minimal_l2
        for row in rows
        if row.median_minimal_l2 is not None and row.median_minimal_l2 < float("inf")
    }


def _draw(axes: Axes, certificate: Certificate, colour: str) -> None:
    points = certificate.curve()
    places = [point.radius for point in points]
    shares = [100 * point.share for point in points]
    # from one radius to the next it is that of the next, where an image is certified just so far
    axes.step(places, shares, where="pre", color=colour, linewidth=1.6, label=printable(certificate.name))
    low, high = ([100 * point.ci95[end] for point in points] for end in (0, 1))
    axes.fill_between(places, low, high, step="pre", color=colour, alpha=BAND, linewidth=0)
