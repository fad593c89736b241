"""``report.md``: what was run, what came out, and what it does not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf_lowdef.evaluation.results import Results
from tf_lowdef.files import write_text
from tf_lowdef.report.table import Table, accuracy_table, attack_table, unique

CAVEATS = {
    "oblivious": (
        "The attacker does not know of the defence: adversarial images were made on the bare model and every defence "
        "was tried on them. These numbers say nothing about an attacker who knows of it; against one, input "
        "transformations have not held (Athalye et al. 2018)."
    )
}
"""What each threat model means, and what its numbers do not say."""


def write_markdown(results: Results, path: str | Path) -> None:
    """Write the report, whole or not at all."""
    write_text(path, to_markdown(results))


def to_markdown(results: Results) -> str:
    """Return the report as text."""
    run = results.run
    parts = ["# Evaluation", *_warnings(results)]
    for threat in unique(row.threat for row in results.rows):
        parts += [f"## Threat: {threat}", CAVEATS.get(threat, "")]
        n = max(row.n for row in results.rows if row.threat == threat)
        parts.append(f"Top-1 accuracy in % with Wilson's 95 % interval, {n} images:")
        parts.append(markdown_table(accuracy_table(results, threat, intervals=True)))
        if any(row.threat == threat and row.setting for row in results.rows):
            parts += [_NORMS, markdown_table(attack_table(results, threat))]
    parts += ["![Top-1 accuracy of every defence against every attack](accuracy.png)", "## What was run", *_run(run)]
    return "\n\n".join(part for part in parts if part) + "\n"


_NORMS = (
    "What the attacks were, and how far they moved the images that the bare model classified correctly: mean L2 "
    "(images in [0, 1]), greatest Linf (grey levels of 255), mean SSIM of clean and adversarial image, and for "
    "minimal-norm attacks the median L2 with failures counted as infinite."
)


def markdown_table(table: Table) -> str:
    """Return a table in Markdown: names to the left, numbers to the right."""
    rule = [":---", *["---:"] * (len(table.columns) - 1)]
    return "\n".join(f"| {' | '.join(_escape(cell) for cell in row)} |" for row in [table.columns, rule, *table.rows])


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _warnings(results: Results) -> list[str]:
    parts = [f"> **Warning:** {warning}" for warning in results.warnings]
    skipped = results.run.get("skipped", [])
    if skipped:
        named = "\n".join(f"- {item['reason']}" for item in skipped)
        parts.append(f"**{len(skipped)} images could not be read and were skipped:**\n\n{named}")
    return parts


def _run(run: dict[str, Any]) -> list[str]:
    data, model, versions = run.get("data", {}), run.get("model", {}), run.get("versions", {})
    left_out = data.get("left_out_misclassified")
    lines = [
        f"- Model: {model.get('name')}, weights SHA-256 `{model.get('weights_sha256')}`",
        f"- Images: {data.get('used')} of {data.get('found')} in `{data.get('source')}`"
        + (f" ({left_out} left out: the bare model misclassifies them)" if left_out else "")
        + f", SHA-256 `{data.get('sha256')}`",
        f"- Seed: {run.get('seed')}",
        f"- Started {run.get('started')}, took {run.get('seconds')} s",
        "- Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()),
    ]
    command = run.get("command")
    return ["\n".join(lines), *([f"To run it again:\n\n    {command}"] if command else [])]
