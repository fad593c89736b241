"""2,000 damaged files: each is processed or listed in failed.csv, and none is touched."""

from __future__ import annotations

import csv
import warnings

import pytest
from PIL import Image

from tf_lowdef.files import is_temporary


@pytest.fixture(params=[("flip",), ("webp", "-q", "60"), ("webp", "--decode")], ids=" ".join)
def arguments(request):
    return request.param


def test_every_file_is_processed_or_listed(corpus, arguments, tool, read_tree, tmp_path):
    before = read_tree(corpus)
    assert len(before) > 2000
    out = tmp_path / "out"
    run = tool(arguments[0], corpus, "-o", out, *arguments[1:])
    assert run.returncode == 1, run.stderr
    assert "Traceback" not in run.stderr
    assert "Warning" not in run.stderr
    assert read_tree(corpus) == before

    with (out / "failed.csv").open(newline="", encoding="utf-8") as file:
        failed = {row["file"]: row["reason"] for row in csv.DictReader(file)}
    assert all(failed.values())
    results = [path for path in out.rglob("*.*") if path.is_file() and path.parent != out]
    assert not [path for path in results if is_temporary(path)]
    assert len(failed) + len(results) == len(before)
    assert len(failed) > 500
    assert len(results) > 500
    assert not [name for name in failed if name.startswith("sound")]
    for path in results:  # whole: each decodes
        with warnings.catch_warnings(), Image.open(path) as image:
            warnings.simplefilter("ignore")
            image.load()

    again = tool(arguments[0], corpus, "-o", out, *arguments[1:])
    assert f"already there {len(results)}" in again.stdout
    assert ", ".join(again.stdout.split(", ")[1:2]).endswith(" 0")
