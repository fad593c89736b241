"""``report.html``: a run on one page that needs nothing else, neither network nor scripts."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

from tf_lowdef.files import write_bytes
from tf_lowdef.report import page_tables
from tf_lowdef.report.certified import CERTIFIED, TRIED, alpha_note, chosen_note
from tf_lowdef.report.conclusion import conclusion
from tf_lowdef.report.detection import DETECTED, detection_table, false_positives
from tf_lowdef.report.facts import facts
from tf_lowdef.report.glance import glance_caption
from tf_lowdef.report.markdown import ANOTHER, REST
from tf_lowdef.report.page_charts import certified_chart, epsilon_curves, headline_chart
from tf_lowdef.report.page_pictures import Shown, display_note, show
from tf_lowdef.report.ranking import AT_SETTINGS, matched_ranking, setting_ranking
from tf_lowdef.report.sweep_report import load_sweep, sweep_note, sweep_table, verdict
from tf_lowdef.report.table import another_table, attack_table, cascade_table, minimal_table, rest_table
from tf_lowdef.report.templating import render
from tf_lowdef.results import Results
from tf_lowdef.results.accuracy import SIGNIFICANT
from tf_lowdef.results.certified_table import certified_table, tried_table
from tf_lowdef.results.gallery import Gallery
from tf_lowdef.results.sweep import Sweep
from tf_lowdef.results.table import MISSING, Table, unique
from tf_lowdef.text import unread_images
from tf_lowdef.threats import THREATS, knows_defence

PAGE = "report.html"

MAX_BYTES = 6_000_000
"""What a page may weigh; examples are left out until it does not weigh more."""

MAX_EXAMPLES = 24
"""Examples that are shown."""

MAX_LISTED = 50
"""Skipped images that are named."""

_FIRST = re.compile(r"(?<=[a-z0-9)%`])\. (?=[A-Z`])")


def write_page(results: Results, folder: str | os.PathLike[str]) -> Path:
    """Write ``report.html`` into a run's folder, whole or not at all, and return its path.

    Args:
        results: What came out; see ``Results.load`` for a folder that may be damaged.
        folder: The run's, with its ``gallery/`` and ``adversarial/`` as far as they were kept.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from tf_lowdef.report import write_page
        >>> results.save("run")
        >>> write_page(results, "run").name
        'report.html'
    """
    path = Path(folder) / PAGE
    examples, notes = _examples(Path(folder))
    swept, results = load_sweep(folder, results)
    page = to_html(results, examples, notes, swept)
    while len(page) > MAX_BYTES and examples:
        examples = examples[: min(len(examples) - 1, len(examples) * MAX_BYTES // len(page))]
        page = to_html(results, examples, [*notes, "Some examples are left out: the page would be too large."], swept)
    write_bytes(path, page)
    return path


def to_html(results: Results, examples: list[Shown], gallery_notes: list[str], swept: Sweep | None = None) -> bytes:
    """Return the page as UTF-8.

    Args:
        results: What came out.
        examples: What the gallery shows.
        gallery_notes: How its images were chosen, or why there are none.
        swept: The sweep that the run was for; the page then begins with which setting it would take.
    """
    context = _context(results, examples, gallery_notes, swept)
    return render("page.html.j2", {"told": page_tables.difference}, context)


def _examples(folder: Path) -> tuple[list[Shown], list[str]]:
    try:
        gallery = Gallery.load(folder)
    except FileNotFoundError:
        return [], [
            "This run kept no gallery: neither clean images nor predictions. "
            "It is made by `tf-lowdef evaluate` from the adversarial images that a run keeps."
        ]
    except ValueError as error:
        return [], [f"The gallery cannot be shown: {error}"]
    notes = [gallery.selection]
    if (left := len(gallery.examples) - MAX_EXAMPLES) > 0:
        notes.append(f"{left} more examples are in the run's folder and not shown.")
        gallery = dataclasses.replace(gallery, examples=gallery.examples[:MAX_EXAMPLES])
    if gallery.no_cam is not None:
        notes.append(f"There are no maps of where the classifier looks: {gallery.no_cam}")
    shown = show(gallery, folder)
    note = display_note(shown)
    if note is not None:
        notes.append(note)
    if not any(example.pictures for example in shown):
        notes.append("None of its pictures is in the run's folder any more.")
    return shown, notes


def _context(results: Results, examples: list[Shown], gallery_notes: list[str], swept: Sweep | None) -> dict[str, Any]:
    said = conclusion(results) if swept is None else verdict(swept)
    first, *others = _FIRST.split(said, maxsplit=1)
    columns, compared = page_tables.accuracy_columns(results), results.compared(results.subject)
    lines = page_tables.accuracy_lines(results, columns)
    run = results.run
    return {
        "SIGNIFICANT": SIGNIFICANT,
        "lead": first if first.endswith(".") else f"{first}.",
        "more": " ".join(others),
        "warnings": results.warnings,
        "skipped": run.get("skipped", [])[:MAX_LISTED],
        "unread_images": unread_images,
        "skipped_count": len(run.get("skipped", [])),
        "n": results.n,
        "model": run.get("model", {}).get("name", "an unknown model"),
        "subject": results.subject,
        "glance": glance_caption(results),
        "sweep": None if swept is None else (sweep_table(swept), sweep_note(swept), conclusion(results)),
        "chart": headline_chart(results),
        "headlines": page_tables.headline_lines(results),
        "columns": columns,
        "lines": lines,
        "starred": any(cell.star for line in lines for cell in line.cells),
        "drawn": any(row.draws > 1 for row in results.rows),
        "doubts": page_tables.doubts(results),
        "differences": page_tables.differences(results),
        "against": unique(each.second for each in compared),
        "methods": unique(each.method for each in compared),
        "certified": _certified(results),
        "rankings": _rankings(results),
        "rest": (rest_table(results), REST),
        "detected": detection_table(results),
        "detected_text": f"{DETECTED} {suspected}" if (suspected := false_positives(results)) else "",
        "curves": epsilon_curves(results),
        "examples": examples,
        "gallery_notes": gallery_notes,
        "threats": [
            (threat, THREATS[threat].caveat, knows_defence(threat), _without_empty(attack_table(results, threat)))
            for threat in results.threats
            if threat in THREATS
        ],
        "cascade": cascade_table(results),
        "minimal": minimal_table(results),
        "another": (another_table(results), ANOTHER),
        "facts": facts(run),
        "command": run.get("command"),
    }


def _certified(results: Results) -> dict[str, Any] | None:
    """Return what is proved of smoothed classifiers; None where nothing was certified."""
    table = certified_table(results)
    if not table.rows:
        return None
    return {
        "caption": CERTIFIED,
        "table": table,
        "notes": [note for note in (chosen_note(results), alpha_note(results)) if note],
        "chart": certified_chart(results),
        "tried": (tried_table(results), TRIED),
    }


def _rankings(results: Results) -> list[tuple[str, Table]]:
    found = [(AT_SETTINGS, setting_ranking(results)), matched_ranking(results)]
    return [(text, table) for text, table in found if table.rows]


def _without_empty(table: Table) -> Table:
    """Leave out the columns in which nothing stands: a phone has no room for them."""
    used = [place for place, _ in enumerate(table.columns) if any(row[place] != MISSING for row in table.rows)]
    return Table([table.columns[place] for place in used], [[row[place] for place in used] for row in table.rows])
