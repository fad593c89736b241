"""The rows of an evaluation beside the certificates of the same model on the same images."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tf_lowdef.jobs import Folder, working_folder
from tf_lowdef.results import Results

SAME = (
    ("the model's weights", "model", "weights_sha256"),
    ("the images", "data", "sha256"),
)
"""What two runs must have in common, and where their records say so."""


def open_evaluation(evaluation: Folder | Results) -> Results:
    """Return the results of an evaluation, out of its folder.

    Raises:
        FileNotFoundError: The folder holds no results.
        ValueError: They are damaged.
    """
    if isinstance(evaluation, Results):
        return evaluation
    with working_folder(evaluation, new=False) as folder:
        return Results.load(folder)


def check_same(run: Mapping[str, Any], images: Sequence[str], evaluation: Results) -> None:
    """Raise ValueError where an evaluation is of another model or of other images than a run.

    Args:
        run: What is run, as in `Results`.
        images: The names of its images.
        evaluation: What is to stand beside it.
    """
    for what, part, name in SAME:
        ours, theirs = (each.get(part, {}).get(name) for each in (run, evaluation.run))
        if ours is None or ours != theirs:
            raise ValueError(
                f"`evaluation` must be of the same model and images as what is certified; {what} differ. "
                f"Received: {name}={theirs!r}, here {ours!r}"
            )
    if tuple(images) != tuple(evaluation.images):
        raise ValueError(
            "`evaluation` must be of the same images under the same names as what is certified. "
            f"Received: {len(evaluation.images)} images, here {len(images)}"
        )


def beside(results: Results, evaluation: Results) -> Results:
    """Return the results of a certification with the rows of an evaluation beside them.

    Clean rows that both have are the evaluation's.
    """
    known = {row.name for row in evaluation.rows}
    rows = [*evaluation.rows, *(row for row in results.rows if row.name not in known)]
    warnings = list(dict.fromkeys([*results.warnings, *evaluation.warnings]))
    run = results.run | {"warnings": warnings, "evaluation": evaluation.run.get("command")}
    return dataclasses.replace(results, run=run, rows=rows, comparisons=evaluation.comparisons)
