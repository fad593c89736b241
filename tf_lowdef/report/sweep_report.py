"""``sweep.md`` and ``sweep.png``: every setting, the Pareto front, and which one to take."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from matplotlib.figure import Figure

from tf_lowdef.files import atomic_path, write_text
from tf_lowdef.results import BARE, DefenceName, Results
from tf_lowdef.results.plot import COLOURS
from tf_lowdef.results.sweep import SWEEP, Accuracies, Sweep, SweepRow
from tf_lowdef.results.table import Table, markdown_table
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS

MANY = 14
"""Settings up to which each is named in the picture; of more, only the front's."""


def verdict(found: Sweep) -> str:
    """Return in words which setting to take, what it is worth on the other half, and whether anything survives."""
    bare = found.row(BARE)
    parts = []
    if found.ranked_by == OBLIVIOUS:
        parts.append(
            "Nothing survives an attacker who knows of the defence; the settings are ranked by accuracy under attacks "
            "that do not know of it, which is no robustness."
        )
    drop = f"{found.max_clean_drop:g} point{'' if found.max_clean_drop == 1 else 's'}"
    if found.chosen is None:
        return " ".join([*parts, f"No setting keeps clean accuracy within {drop} of the bare model's."])
    row, half = found.row(found.chosen), found.row(found.chosen).report
    low, high = (100 * end for end in half.adaptive_ci95)
    if not found.sure:
        parts.append(f"The images are too few to show that any setting costs at most {drop}.")
    more = ", more than was allowed" if half.drop > found.max_clean_drop / 100 + 1e-9 else ""
    parts += [
        f"For at most {drop} of clean accuracy it would take `{found.chosen}`: on the {half.n} images that had no part "
        f"in the choice {_percent(half.clean)} clean ({_percent(bare.report.clean)} bare: it costs {_cost(half)}"
        f"{more}),",
        f"{_percent(half.oblivious)} under oblivious and {_percent(half.adaptive)} ({low:.0f} to {high:.0f}) under "
        f"adaptive attacks, {row.bytes_per_image / 1000:.1f} kB and {row.ms_per_image:.1f} ms an image.",
    ]
    return " ".join(parts)


def sweep_table(found: Sweep) -> Table:
    """Return a row a setting; the accuracies are those of the half that had no part in the choice."""
    columns = ["setting", "clean", "oblivious", "adaptive", "kB", "ms", "front"]
    return Table(columns, [_cells(row, found.chosen) for row in found.rows])


def sweep_note(found: Sweep) -> str:
    """Return what the table holds, in words."""
    n, other = found.rows[0].selection.n, found.rows[0].report.n
    return (
        f"Top-1 accuracy in % on {other} images; the choice, and the front, were made on {n} others. oblivious: the "
        "mean over the attacks of an attacker who does not know of the defence; adaptive: the mean over the epsilons "
        "of the worst case of one who does, or over his attacks where none has an epsilon. kB and ms: of a WebP file, "
        "and to encode and decode it on one thread; "
        "without WebP the bytes of the pixels. front: no other setting is as good in clean accuracy, "
        f"{found.ranked_by} accuracy, kB and ms, and better in one."
    )


def load_sweep(folder: str | os.PathLike[str], results: Results) -> tuple[Sweep | None, Results]:
    """Return the sweep of a run's folder, None where there is none; and the results, which say if it is damaged.

    They are about the setting that the sweep chose, so that a report does not praise two.
    """
    try:
        swept = Sweep.load(folder, results)
        return swept, results if swept is None else dataclasses.replace(results, about=swept.chosen)
    except (ValueError, OSError) as error:
        note = f"{SWEEP} is damaged ({error}): which setting to take is not known."
        return None, dataclasses.replace(results, run={**results.run, "warnings": [*results.warnings, note]})


def write_sweep(found: Sweep, folder: str | os.PathLike[str]) -> None:
    """Write ``sweep.md`` and ``sweep.png``, each whole or not at all."""
    warnings = [f"> **Warning:** {warning}" for warning in found.results.warnings]
    picture = "![Clean accuracy against accuracy under attack, one mark a setting](sweep.png)"
    parts = ["# Sweep", verdict(found), *warnings, markdown_table(sweep_table(found)), sweep_note(found), picture]
    _plot(found, Path(folder) / "sweep.png")
    write_text(Path(folder) / "sweep.md", "\n\n".join(parts) + "\n")


def _cells(row: SweepRow, chosen: str | None) -> list[str]:
    half = row.report
    adaptive = _percent(half.adaptive) if row.unreliable is None else f"<= {_percent(half.adaptive)} unreliable"
    mark = "chosen" if row.defence == chosen else "yes" if row.on_front else ""
    size, time = f"{row.bytes_per_image / 1000:.1f}", f"{row.ms_per_image:.1f}"
    return [row.defence, _percent(half.clean), _percent(half.oblivious), adaptive, size, time, mark]


def _cost(half: Accuracies) -> str:
    low, high = (100 * end for end in half.drop_ci95)
    return f"{100 * half.drop:.1f} points, 95 % interval {low:.1f} to {high:.1f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _plot(found: Sweep, path: Path) -> None:
    """Draw clean accuracy against that under attack; marks carry the numbers of a list beside them."""
    figure = Figure(figsize=(11, 5), layout="constrained")
    named = [row for row in found.rows if len(found.rows) <= MANY or row.on_front or row.defence == found.chosen]
    numbers = {row.defence: str(number) for number, row in enumerate(named, 1)}
    for place, kind in enumerate((OBLIVIOUS, ADAPTIVE)):
        axes = figure.add_subplot(1, 2, place + 1)
        there: dict[tuple[float, float], list[str]] = {}
        for row in sorted(found.rows, key=lambda row: (row.defence == found.chosen, row.on_front)):  # the last on top
            colour = COLOURS[4] if row.defence == found.chosen else COLOURS[5] if row.on_front else "0.6"
            x, y = 100 * row.report.clean, 100 * getattr(row.report, kind)
            marker = "s" if "flip" in DefenceName(row.defence).layers else "o"
            filled = colour if row.unreliable is None else "white"
            axes.plot(x, y, marker, color=colour, markerfacecolor=filled, markersize=7)
            if row.defence in numbers:
                there.setdefault((round(x), round(y / 3)), []).append(numbers[row.defence])
        for (x, y), found_here in there.items():
            axes.annotate(", ".join(found_here), (x, 3 * y), xytext=(5, 5), textcoords="offset points", fontsize=8)
        axes.set_xlabel("clean top-1 accuracy (%)")
        axes.set_ylabel(f"top-1 accuracy under {kind} attacks (%)")
        axes.set_ylim(-3, 103)
        axes.margins(x=0.12)
        axes.grid(color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Squares flip, circles do not; blue: on the front, red: chosen, hollow: unreliable", fontsize=9)
    listed = "\n".join(f"{number}  {name}" for name, number in numbers.items())
    figure.legend([], [], title=listed, loc="outside right upper", fontsize=8, title_fontsize=8, alignment="left")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=150, format="png")
