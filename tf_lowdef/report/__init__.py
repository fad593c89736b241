"""Results for people: tables, Markdown, a plot, a page."""

from __future__ import annotations

import os
from pathlib import Path

from tf_lowdef.evaluation.results import Results
from tf_lowdef.report.block_study import block_study, blockiness
from tf_lowdef.report.cam import grad_cam
from tf_lowdef.report.cam_study import CamRow, CamStudy, cam_study, cam_table
from tf_lowdef.report.conclusion import conclusion
from tf_lowdef.report.draw_study import draw_study
from tf_lowdef.report.figures import draw_images, draw_maps, draw_over, draw_story
from tf_lowdef.report.gallery import make_gallery
from tf_lowdef.report.gallery_file import Gallery
from tf_lowdef.report.markdown import CAVEATS, legend, to_markdown, write_markdown
from tf_lowdef.report.page import write_page
from tf_lowdef.report.perturbation_study import perturbation_study
from tf_lowdef.report.plot import plot_accuracy
from tf_lowdef.report.run_folder import read_run
from tf_lowdef.report.story import Frame, tell_story, through
from tf_lowdef.report.table import Table, accuracy_table, attack_table, comparison_table, markdown_table

__all__ = [
    "CAVEATS",
    "CamRow",
    "CamStudy",
    "Frame",
    "Gallery",
    "Table",
    "accuracy_table",
    "attack_table",
    "block_study",
    "blockiness",
    "cam_study",
    "cam_table",
    "comparison_table",
    "conclusion",
    "draw_images",
    "draw_maps",
    "draw_over",
    "draw_story",
    "draw_study",
    "grad_cam",
    "legend",
    "make_gallery",
    "markdown_table",
    "perturbation_study",
    "plot_accuracy",
    "read_run",
    "tell_story",
    "through",
    "to_markdown",
    "write_markdown",
    "write_page",
    "write_report",
]


def write_report(results: Results, folder: str | os.PathLike[str]) -> None:
    """Write ``report.md``, ``accuracy.png`` and ``report.html`` into a run's folder, each whole or not at all."""
    plot_accuracy(results, Path(folder) / "accuracy.png")
    write_markdown(results, Path(folder) / "report.md")
    write_page(results, folder)
