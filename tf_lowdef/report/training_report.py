"""A training on a page: its curves, and the classifier before and after it under every threat."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure

from tf_lowdef.files import atomic_path, write_bytes, write_text
from tf_lowdef.report.page_charts import INK, WIDTH, Chart, dress, to_svg
from tf_lowdef.report.templating import render
from tf_lowdef.results import Results, Row
from tf_lowdef.results.curves import CLEAN, NOISY, ONE_STEP, ROBUST, chosen_by
from tf_lowdef.results.plot import COLOURS, MARKERS
from tf_lowdef.results.statistics import compare_paired
from tf_lowdef.results.table import MISSING, Table, markdown_table

JSON, MARKDOWN, PAGE, PICTURE = "harden.json", "harden.md", "harden.html", "curves.png"

_CURVES = (
    ("accuracy", "in training"),
    (CLEAN, "held back, clean"),
    (ONE_STEP, "held back, FGSM"),
    (NOISY, "held back, under noise"),
    (ROBUST, "held back, PGD"),
)
"""What is drawn of the accuracies, where it was measured."""
_HELD_BACK = {ROBUST: "under PGD", NOISY: "under noise", CLEAN: "clean"}
"""What the best epoch may be chosen by, in words."""


class Training(NamedTuple):
    """A training, for a report.

    Attributes:
        facts: What was asked for and how it went, in plain JSON values.
        curves: A number an epoch: ``loss``, and accuracies.
        best_epoch: 0-based.
        warnings: What went wrong.
        before: The classifier as it was, evaluated; None where nobody did.
        after: The same, hardened.
    """

    facts: Mapping[str, Any]
    curves: Mapping[str, Sequence[float]]
    best_epoch: int
    warnings: Sequence[str]
    before: Results | None = None
    after: Results | None = None


def write_training(training: Training, folder: str | os.PathLike[str]) -> None:
    """Write ``harden.json``, ``harden.md``, ``curves.png`` and ``harden.html``, each whole or not at all."""
    place = Path(folder)
    content = {
        "facts": dict(training.facts),
        "curves": {name: list(values) for name, values in training.curves.items()},
        "best_epoch": training.best_epoch + 1,
        "warnings": list(training.warnings),
    }
    write_text(place / JSON, json.dumps(content, indent=1) + "\n")
    with atomic_path(place / PICTURE) as temporary:
        curves_figure(training).savefig(temporary, dpi=150, format="png")
    write_text(place / MARKDOWN, to_markdown(training))
    write_bytes(place / PAGE, to_page(training))


def comparison_of(before: Results, after: Results) -> Table:
    """Return every row that both have: accuracy before, after, and the paired difference with its 95 % interval."""
    columns = ["attacker, attack, defence", "before", "after", "difference"]
    theirs = {row.name: row for row in after.rows}
    rows = []
    for first in before.rows:
        second = theirs.get(first.name)
        if second is None or first.conditional or second.conditional:
            continue
        who = "clean" if first.threat is None else f"{first.threat}, {first.attack}"
        rows.append([f"{who}, {first.defence}", _told(first), _told(second), _difference(first, second)])
    return Table(columns, rows)


def verdict(training: Training) -> str:
    """Return in words what the training was worth."""
    best = training.best_epoch
    by = chosen_by(training.curves)
    share = 100 * training.curves[by][best]
    kept = f"The weights are those of epoch {best + 1}, {share:.1f} % {_HELD_BACK[by]} on held-back images."
    if training.before is None or training.after is None:
        return kept
    defence = training.after.subject
    said = []
    for name, results in (("before", training.before), ("after", training.after)):
        clean, worst = results.clean(defence), results.worst(defence)
        if clean is None or worst is None:
            return kept
        said.append(f"{name} {100 * clean.top1:.1f} % clean and {_told(worst)} % in the worst case")
    epsilon = f" at epsilon {training.after.epsilon:g}" if training.after.epsilon is not None else ""
    return f"Behind `{defence}`{epsilon}, of {training.after.n} images: {said[0]}; {said[1]}. {kept}"


def to_markdown(training: Training) -> str:
    """Return the report as Markdown."""
    parts = ["# Hardening", verdict(training)]
    warnings = _all_warnings(training)
    if warnings:
        parts.append("\n".join(f"- **Warning:** {each}" for each in warnings))
    if training.before is not None and training.after is not None:
        parts += ["## Before and after", markdown_table(comparison_of(training.before, training.after)), _NOTE]
    parts += [
        "## The training",
        f"![Curves]({PICTURE})",
        markdown_table(epoch_table(training)),
        markdown_table(Table(["setting", "value"], [[key, str(value)] for key, value in training.facts.items()])),
    ]
    return "\n\n".join(parts) + "\n"


def epoch_table(training: Training) -> Table:
    """Return a row an epoch."""
    names = ["loss", *(name for name, _ in _CURVES if name in training.curves)]
    labels = {"loss": "loss", **dict(_CURVES)}
    rows = [
        [f"{epoch + 1}{'*' if epoch == training.best_epoch else ''}", *(_cell(name, training, epoch) for name in names)]
        for epoch in range(len(training.curves["loss"]))
    ]
    return Table(["epoch (* kept)", *(labels[name] for name in names)], rows)


def curves_figure(training: Training) -> Figure:
    """Return the curves of loss and accuracies."""
    figure = Figure(figsize=(WIDTH, 1.3 * WIDTH), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
    epochs = np.arange(1, len(training.curves["loss"]) + 1)
    for number, (name, label) in enumerate(_CURVES):
        if name in training.curves:
            values = 100 * np.asarray(training.curves[name])
            colour = INK if number == 0 else COLOURS[number + 3]
            top.plot(epochs, values, marker=MARKERS[number], color=colour, markersize=4, linewidth=1.4, label=label)
    top.axvline(training.best_epoch + 1, color=INK, linewidth=0.8, alpha=0.4, linestyle=":")
    top.set_ylim(-3, 103)
    top.set_ylabel("accuracy (%)")
    bottom.plot(epochs, training.curves["loss"], color=INK, linewidth=1.4)
    bottom.set_ylabel("loss")
    bottom.set_xlabel("epoch")
    bottom.xaxis.get_major_locator().set_params(integer=True)
    for axes in (top, bottom):
        dress(axes, "y")
    figure.legend(loc="outside upper left", ncols=2, frameon=False, labelcolor=INK, fontsize=9)
    return figure


def to_page(training: Training) -> bytes:
    """Return the page as UTF-8; it needs nothing else, neither network nor scripts."""
    alt = "; ".join(
        f"{label}: {100 * training.curves[name][-1]:.0f} % at the end"
        for name, label in _CURVES
        if name in training.curves
    )
    caption = "The dotted line is the epoch that was kept."
    if ROBUST in training.curves:
        caption = f"Look at how far PGD lies below FGSM, and whether it falls. {caption}"
    both = training.before is not None and training.after is not None
    context = {
        "lead": verdict(training),
        "warnings": _all_warnings(training),
        "chart": Chart(to_svg(curves_figure(training), "training"), caption, alt),
        "comparison": comparison_of(training.before, training.after) if both else None,  # type: ignore[arg-type]
        "note": _NOTE,
        "epochs": epoch_table(training),
        "facts": [(key, str(value)) for key, value in training.facts.items()],
    }
    return render("training.html.j2", {}, context)


_NOTE = (
    "Top-1 accuracy in %, with 95 % intervals; the difference in points is paired, image by image. ≤ marks an upper "
    "bound: the attack, not the defence, may be the reason. `before/report.html` and `after/report.html` tell the rest."
)


def _all_warnings(training: Training) -> list[str]:
    found = list(training.warnings)
    for name, results in (("Before", training.before), ("After", training.after)):
        found += [] if results is None else [f"{name}: {each}" for each in results.warnings]
    return found


def _cell(name: str, training: Training, epoch: int) -> str:
    values = training.curves[name]
    if epoch >= len(values):
        return MISSING
    return f"{values[epoch]:.3f}" if name == "loss" else f"{100 * values[epoch]:.1f}"


def _told(row: Row) -> str:
    low, high = (100 * end for end in row.ci95)
    return f"{'≤ ' if row.unreliable is not None else ''}{100 * row.top1:.1f} ({low:.0f} to {high:.0f})"


def _difference(first: Row, second: Row) -> str:
    if len(first.per_image) != len(second.per_image) or None in (*first.per_image, *second.per_image):
        return f"{100 * (second.top1 - first.top1):+.1f}"
    found = compare_paired(np.asarray(second.per_image, np.float64), np.asarray(first.per_image, np.float64))
    low, high = (100 * end for end in found.interval)
    return f"{100 * found.difference:+.1f} ({low:+.0f} to {high:+.0f})"
