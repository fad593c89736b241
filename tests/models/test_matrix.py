"""Every kind of model through every entry point; see ``scripts/model_matrix.py``."""

from pathlib import Path

import model_matrix as matrix
import pytest

ROOT = Path(__file__).resolve().parents[2]

QUICK = ("as_classifier", "defend", "attack", "grad_cam")
IN_EVERY_RUN = ("[0, 1], softmax, Sequential", "pixels, logits, functional", "[0, 1], grey, softmax")
"""Kinds whose dear cells are in the default run too."""


def marks(kind, entry):
    """Return how dear a cell is: a sweep attacks four defences adaptively, and an export traces the codec."""
    if entry in QUICK:
        return []
    in_every_run = kind.name in IN_EVERY_RUN
    if entry == "sweep":
        return [pytest.mark.slow] if in_every_run else [pytest.mark.long]
    if entry == "export":
        first = kind.name == IN_EVERY_RUN[0]
        return [] if first else [pytest.mark.slow] if in_every_run else [pytest.mark.long]
    return [] if in_every_run else [pytest.mark.slow]


CELLS = [
    pytest.param(
        kind,
        entry,
        id=f"{entry}-{kind.name}",
        marks=marks(kind, entry),
    )
    for kind in matrix.KINDS
    for entry in matrix.ENTRIES
]


@pytest.mark.parametrize(("kind", "entry"), CELLS)
def test_cell(kind, entry):
    assert matrix.ENTRIES[entry](kind) in ("right", "right; untold refused", "right; untold warned", "refused")


def test_there_are_enough_kinds():
    assert len(matrix.KINDS) >= 24
    assert len({kind.name for kind in matrix.KINDS}) == len(matrix.KINDS)


def test_the_readme_has_every_kind_and_no_wrong_cell():
    text = (ROOT / "tf_lowdef" / "models" / "README.md").read_text()
    for kind in matrix.KINDS:
        assert f"| {kind.name} |" in text
    assert "**wrong**" not in text
