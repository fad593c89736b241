"""Every notebook runs from top to bottom, and is stored as it should be."""

import json
import os
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("*.ipynb"))
SCREEN = 40
"""Lines of a cell that fit on a screen."""
TIME_LIMIT = 900
KERNEL = "tf-lowdef-tests"

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


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
    monkeypatch.setenv("MPLBACKEND", "agg")
    return KERNEL


def test_there_are_notebooks():
    assert "serving" in [path.stem for path in NOTEBOOKS]


@each_notebook
def test_stored_without_outputs_and_paths(path):
    notebook = read(path)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        assert cell.source.count("\n") < SCREEN
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None
    text = path.read_text()
    assert "/home/" not in text
    assert os.fspath(path.parents[1]) not in text


@each_notebook
def test_opens_with_what_it_shows_and_ends_with_what_to_try(path):
    cells = read(path).cells
    assert cells[0].cell_type == cells[-1].cell_type == "markdown"
    assert cells[0].source.startswith("# ")
    assert "next" in cells[-1].source.splitlines()[0]


@pytest.mark.slow
@each_notebook
def test_runs(path, kernel, tmp_path):
    client = NotebookClient(
        read(path), timeout=TIME_LIMIT, kernel_name=kernel, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
