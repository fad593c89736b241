"""Results for people: tables, Markdown, a plot, a page."""

from __future__ import annotations

import os
from pathlib import Path

from tf_lowdef.files import atomic_path
from tf_lowdef.report.conclusion import conclusion
from tf_lowdef.report.markdown import CURVE, legend, to_markdown, write_markdown
from tf_lowdef.report.page import write_page
from tf_lowdef.report.sweep_report import load_sweep
from tf_lowdef.report.table import attack_table, comparison_table
from tf_lowdef.results import Results
from tf_lowdef.results.accuracy import accuracy_table
from tf_lowdef.results.certified_table import certified_table
from tf_lowdef.results.plot import draw_over

__all__ = [
    "accuracy_table",
    "attack_table",
    "certified_table",
    "comparison_table",
    "conclusion",
    "draw_over",
    "legend",
    "to_markdown",
    "write_markdown",
    "write_page",
    "write_report",
]


def write_report(results: Results, folder: str | os.PathLike[str]) -> None:
    """Write ``report.md``, ``accuracy.png`` and ``report.html`` into a run's folder, each whole or not at all.

    Where something was certified, ``certified.png`` too.

    Example:
        >>> from tf_lowdef.results import Results, Row
        >>> rows = [
        ...     Row(None, "none", "flip", n=4, correct=4, top1=1.0, ci95=(0.51, 1.0)),
        ...     Row("oblivious", "bim:4", "flip", n=4, correct=2, top1=0.5, ci95=(0.15, 0.85)),
        ... ]
        >>> results = Results({}, rows)
        >>> from pathlib import Path
        >>> from tf_lowdef.report import write_report
        >>> results.save("run")
        >>> write_report(results, "run")
        >>> sorted(path.name for path in Path("run").glob("report.*"))
        ['report.html', 'report.md']
    """
    with atomic_path(Path(folder) / "accuracy.png") as temporary:
        results.plot().savefig(temporary, dpi=150, format="png")
    if results.certified:
        with atomic_path(Path(folder) / CURVE) as temporary:
            results.plot_certified().savefig(temporary, dpi=150, format="png")
    _, about = load_sweep(folder, results)
    write_markdown(about, Path(folder) / "report.md")
    write_page(results, folder)
