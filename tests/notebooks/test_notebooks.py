"""Every notebook runs from top to bottom, and is stored as it should be."""

import json
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest
import run_notebooks
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
SCREEN = 40
"""Lines of a cell that fit on a screen."""
TIME_LIMIT = 900
KERNEL = "tf-lowdef-tests"
LARGEST = 500_000
"""Bytes of a notebook that a code host still shows."""
SLACK = 15
"""Points by which a stored number may differ from a fresh one: another TensorFlow, a few images of fifty."""
NUMBER = re.compile(r"[-+]?\d+(?:,\d{3})*(?:\.\d+)?")

MINUTES = {"adaptive", "certify", "gate", "harden", "own_model"}
"""Notebooks that attack for two minutes or three, with what other tests run too."""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
each_run = pytest.mark.parametrize(
    "path",
    [pytest.param(path, id=path.stem, marks=[pytest.mark.long] * (path.stem in MINUTES)) for path in NOTEBOOKS],
)


def read(path):
    return nbformat.read(path, as_version=4)


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    """A kernel of the interpreter that runs the tests, whatever else is installed on the machine."""
    folder = tmp_path / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (folder / "kernel.json").write_text(json.dumps({"argv": command, "display_name": KERNEL, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    return KERNEL


def code(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cell):
    """Return the kinds of a cell's outputs, and the numbers in its text."""
    kinds, numbers = [], []
    for output in cell.outputs:
        if output.output_type == "stream":
            kinds += ["stdout"] * (kinds[-1:] != ["stdout"])  # it comes in pieces of any size
            numbers += NUMBER.findall(output.text)
        else:
            kinds.append(sorted(output.data))
            numbers += NUMBER.findall(output.data.get("text/markdown", ""))
    return kinds, [float(each.replace(",", "")) for each in numbers]


def test_there_are_notebooks():
    assert {path.stem for path in NOTEBOOKS} == {
        "adaptive",
        "certify",
        "gate",
        "harden",
        "own_model",
        "paper",
        "quickstart",
        "serving",
        "why_flip",
    }


@each_notebook
def test_is_stored_whole_and_without_paths(path):
    notebook = read(path)
    nbformat.validate(notebook)
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts in ([None] * len(counts), list(range(1, len(counts) + 1)))  # not run at all, or from top to bottom
    for cell in notebook.cells:
        assert cell.source.count("\n") < SCREEN
    for cell in code(notebook):
        assert cell.execution_count or not cell.outputs
        assert not any(output.output_type == "error" or output.get("name") == "stderr" for output in cell.outputs)
    text = path.read_text()
    assert len(text) < LARGEST
    for root in ("/home/", "/root/", "/tmp/", "WARNING", os.fspath(path.parents[1])):
        assert root not in text


@each_notebook
def test_links_lead_somewhere(path):
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for link in re.findall(r"\]\(([^)#]+)\)", cell.source):
                assert link.startswith("https://") or (path.parent / link).is_file(), link


@each_notebook
def test_opens_with_what_it_shows_and_ends_with_what_to_try(path):
    cells = read(path).cells
    assert cells[0].cell_type == cells[-1].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert "next" in cells[-1].source.splitlines()[0]


@pytest.mark.slow
@each_run
def test_runs(path, kernel, tmp_path):
    client = NotebookClient(
        read(path), timeout=TIME_LIMIT, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}
    )
    fresh = client.execute()
    run_notebooks.clean(fresh)  # as it is stored: without logs, which depend on the machine
    for stored, cell in zip(code(read(path)), code(fresh), strict=True):
        if stored.execution_count:  # its outputs must come from such a run
            kinds, numbers = shown(stored)
            assert (kinds, pytest.approx(numbers, abs=SLACK)) == shown(cell), stored.source
