"""Run notebooks from top to bottom and store them with what they showed.

What goes to the error stream is left out: it holds paths and messages of the machine. Needs ``pip install .[test]``.

Example:
    python scripts/run_notebooks.py notebooks/quickstart.ipynb
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import click
import nbformat
from nbclient import NotebookClient

from tf_lowdef.files import write_text

TIME_LIMIT = 900
"""Seconds that a cell may take."""
LOG = "INFO:tensorflow:"
TEMPORARY = re.compile(rf"{re.escape(tempfile.gettempdir())}/[^/\s]+/")


@click.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False))
def main(paths: tuple[Path, ...]) -> None:
    """Run and store each of PATHS."""
    root = os.fspath(Path(__file__).resolve().parents[1])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
    for path in paths:
        started = time.monotonic()
        notebook = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            client = NotebookClient(notebook, timeout=TIME_LIMIT, resources={"metadata": {"path": folder}})
            client.execute()
        clean(notebook)
        write_text(path, nbformat.writes(notebook) + "\n")
        click.echo(f"{path.name}: {time.monotonic() - started:.0f} s, {path.stat().st_size / 1000:.0f} kB")


def clean(notebook: nbformat.NotebookNode) -> None:
    """Leave out what is of this machine: the error stream, TensorFlow's printed log, temporary folders, versions."""
    notebook.metadata.language_info = nbformat.NotebookNode(name="python")
    for cell in notebook.cells:
        cell.metadata = nbformat.NotebookNode()
        if cell.cell_type == "code":
            for each in cell.outputs:
                if each.get("name") == "stdout":
                    lines = each.text.splitlines(keepends=True)
                    shown = "".join(line for line in lines if not line.startswith(LOG))
                    each.text = TEMPORARY.sub("", shown.lstrip("\n"))
            cell.outputs = [each for each in cell.outputs if each.get("name") != "stderr" and each.get("text") != ""]


if __name__ == "__main__":
    sys.exit(main())
