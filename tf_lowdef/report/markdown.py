"""``report.md``: what was run, what came out, and what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf_lowdef.files import write_text
from tf_lowdef.report.certified import CERTIFIED, TRIED, alpha_note, chosen_note
from tf_lowdef.report.conclusion import conclusion
from tf_lowdef.report.detection import DETECTED, detection_table, false_positives
from tf_lowdef.report.facts import facts
from tf_lowdef.report.glance import glance_caption, glance_table
from tf_lowdef.report.page_tables import doubts
from tf_lowdef.report.ranking import AT_SETTINGS, matched_ranking, setting_ranking
from tf_lowdef.report.table import another_table, attack_table, cascade_table, comparison_table, rest_table
from tf_lowdef.results import Results
from tf_lowdef.results.accuracy import accuracy_table
from tf_lowdef.results.certified_table import certified_table, tried_table
from tf_lowdef.results.table import markdown_table
from tf_lowdef.text import markdown_prose, markdown_text, printable, unread_images
from tf_lowdef.threats import THREATS, knows_defence


def write_markdown(results: Results, path: str | Path) -> None:
    """Write the report, whole or not at all.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from pathlib import Path
        >>> from tf_lowdef.report import to_markdown, write_markdown
        >>> write_markdown(results, "report.md")
        >>> Path("report.md").read_text(encoding="utf-8") == to_markdown(results)
        True
    """
    write_text(path, to_markdown(results))


def to_markdown(results: Results) -> str:
    """Return the report as text.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from tf_lowdef.report import to_markdown
        >>> "| flip |" in to_markdown(results)
        True
    """
    run = results.run
    parts = ["# Evaluation", markdown_prose(conclusion(results)), *_warnings(results), "## At a glance"]
    parts += [markdown_prose(glance_caption(results)), markdown_table(glance_table(results)), "## Every attack"]
    parts += [f"Top-1 accuracy in % with its 95 % interval, {results.n} images. {_legend(results)}".strip()]
    parts += [markdown_table(accuracy_table(results, intervals=True))]
    why = [f"- {markdown_text(doubt)}" for doubt in doubts(results)]
    parts += ["Why some numbers are unreliable:\n\n" + "\n".join(why)] if why else []
    parts += ["![Top-1 accuracy of every defence against every attack](accuracy.png)"]
    parts += _certified(results)
    parts += _ranking(results)
    detected, suspected = detection_table(results), false_positives(results)
    parts += ["## Detection", f"{DETECTED} {markdown_prose(suspected)}"] if suspected else []
    parts += [markdown_table(detected)] if detected.rows else []
    rest = rest_table(results)
    parts += ["## What else was measured", REST, markdown_table(rest)] if rest.rows else []
    for threat in results.threats:
        parts += [f"## Threat: {markdown_text(threat)}", THREATS[threat].caveat if threat in THREATS else ""]
        if knows_defence(threat):
            parts += _cascade(results)
        attacks = attack_table(results, threat)
        if attacks.rows:
            parts += [_SPENT if knows_defence(threat) else _NORMS, markdown_table(attacks)]
    if results.comparisons:
        parts += ["## Paired comparisons", markdown_prose(_COMPARED.format(results.subject))]
        parts += [markdown_table(comparison_table(results))]
    parts += ["## What was run", *_run(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _certified(results: Results) -> list[str]:
    """Return what is proved of smoothed classifiers, and what there was to choose from."""
    table, tried = certified_table(results), tried_table(results)
    if not table.rows:
        return []
    notes = " ".join(filter(None, [CERTIFIED, chosen_note(results), alpha_note(results)]))
    parts = ["## Certified", markdown_prose(notes), markdown_table(table)]
    parts += [f"![Certified accuracy over the L2 radius]({CURVE})"]
    return [*parts, TRIED, markdown_table(tried)] if tried.rows else parts


def legend(results: Results) -> str:
    """Return what the marks in the table of accuracies mean, as far as they occur.

    Example:
        >>> from tf_lowdef.report import legend
        >>> from tf_lowdef.results import Results, Row
        >>> row = Row("oblivious", "bim:4", "flip", 4, 4, 1.0, (0.51, 1.0), unreliable="all gradients are zero")
        >>> "unreliable" in legend(Results({}, [row]))
        True
    """
    marks = [cell for row in accuracy_table(results).rows for cell in row]
    notes = []
    if any("*" in cell for cell in marks):
        notes.append(f"* differs from {results.subject} on the same images (p < .05, corrected after Holm).")
    if any("unreliable" in cell for cell in marks):
        notes.append("What is unreliable is an upper bound, no sign of robustness.")
    if any(row.draws > 1 for row in results.rows):
        notes.append(
            "Randomised defences: means over draws that the attack never saw, with Wilson's intervals for as many "
            "images as these are worth."
        )
    return " ".join(notes)


def _legend(results: Results) -> str:
    """Return the legend as Markdown; the star is followed by a blank and begins nothing."""
    return markdown_prose(legend(results)).replace("\\*", "*")


def _ranking(results: Results) -> list[str]:
    at_settings, (matched, at_matched) = setting_ranking(results), matched_ranking(results)
    if not at_settings.rows:
        return []
    parts = ["## Ranking", AT_SETTINGS, markdown_table(at_settings)]
    return [*parts, markdown_prose(matched), markdown_table(at_matched)] if at_matched.rows else parts


CURVE = "certified.png"
"""The picture of certified accuracy over the radius, in a run's folder."""

_SPENT = "What the attacks were, how many images they were tried on, defence after defence, and how long that took."

_COMPARED = (
    "{} less every other defence, in points of accuracy on the same images, with the 95 % interval of the difference; "
    "p is two-sided, and corrected for the comparisons under one attack (Holm 1979). Unreliable rows are not compared."
)


def _cascade(results: Results) -> list[str]:
    """Return what became of the images that went on from attack to attack."""
    table = cascade_table(results)
    if not table.rows:
        return []
    text = (
        "Conditional: each of these attacks was tried only on the images that those before it had left at the same "
        "epsilon. Of these still classified correctly:"
    )
    another = another_table(results)
    return [text, markdown_table(table), *([ANOTHER, markdown_table(another)] if another.rows else [])]


ANOTHER = "What an attack of another kind, tried last, still took from the worst case, in points of accuracy."

REST = "What was measured of each row besides."

_NORMS = (
    "What the attacks were, and how far they moved the images that the attacked model classified correctly: mean L2 "
    "(images in [0, 1]), greatest Linf (grey levels of 255), mean SSIM of clean and adversarial image, and for "
    "minimal-norm attacks the median L2 with failures counted as infinite."
)


def _warnings(results: Results) -> list[str]:
    parts = [f"> **Warning:** {markdown_text(warning)}" for warning in results.warnings]
    skipped = results.run.get("skipped", [])
    if skipped:
        named = "\n".join(f"- {markdown_text(item['reason'])}" for item in skipped)
        parts.append(f"**{unread_images(len(skipped))}:**\n\n{named}")
    return parts


def _run(run: dict[str, Any]) -> list[str]:
    command = run.get("command")
    lines = [f"- {name}: {markdown_text(value)}" for name, value in facts(run)]
    return ["\n".join(lines), *([f"To run it again:\n\n    {printable(command)}"] if command else [])]
