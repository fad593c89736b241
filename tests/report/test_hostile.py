"""A run's folder that somebody made by hand to harm: a report of the rest, that obeys nothing in it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tf_lowdef.report import write_report
from tf_lowdef.report.page import MAX_EXAMPLES
from tf_lowdef.results import Results

HUGE = 10**400
FORGED = "cat.png\n# Forged\n![x](http://there/x.png) <script>alert(1)</script> \x1b[31m"


@pytest.fixture
def run(model, dataset, tmp_path):
    """A whole run with a gallery, and a function that changes one of its files."""
    from tf_lowdef import evaluate
    from tf_lowdef.studies import make_gallery

    folder = tmp_path / "run"
    results = evaluate(model, dataset, ["bim:4"], ["none", "webp:60+flip"], out=folder, limit=8)
    make_gallery(model, dataset, results, folder)

    def change(name, *path, value):
        content = json.loads((folder / name).read_text())
        *parents, last = path
        part = content
        for each in parents:
            part = part[each]
        part[last] = value
        (folder / name).write_text(json.dumps(content))

    return folder, change


def report(folder):
    results = Results.load(folder, strict=False)
    write_report(results, folder)
    return results, (folder / "report.md").read_text("utf-8"), (folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("rows", 0, "n"), HUGE),
        (("rows", 0, "draws"), -HUGE),
        (("rows", 0, "seconds"), HUGE),
        (("rows", 0, "attack_seconds"), HUGE),
        (("rows", 2, "setting", "epsilon"), HUGE),
        (("rows", 0, "defence"), "a\0b"),
        (("rows", 0, "attack"), "a\n# Forged"),
        (("rows", 0, "ci95"), [0, HUGE]),
    ],
    ids=lambda value: str(value)[:30].replace("\0", "NUL"),
)
def test_an_impossible_value_costs_its_row_alone(run, path, value):
    folder, change = run
    whole = len(Results.load(folder).rows)
    change("results.json", *path, value=value)
    results, markdown, _ = report(folder)
    assert len(results.rows) == whole - 1
    assert "is left out" in " ".join(results.warnings)
    assert "\n# Forged" not in markdown


def test_names_forge_neither_headings_nor_html(run):
    folder, change = run
    change("results.json", "run", "skipped", value=[{"image": "x", "reason": FORGED}])
    change("results.json", "run", "warnings", value=[FORGED])
    change("results.json", "run", "command", value=FORGED)
    change("results.json", "run", "model", "name", value=FORGED)
    change("results.json", "rows", 2, "unreliable", value=FORGED)
    change("gallery/gallery.json", "examples", 0, "label_name", value=FORGED)
    _, markdown, page = report(folder)
    assert "Forged" in markdown
    assert not [line for line in markdown.splitlines() if line.startswith("# ") and line != "# Evaluation"]
    assert "<script" not in page
    assert "\x1b" not in markdown
    rest = "\n".join(line for line in markdown.splitlines() if not line.startswith("    "))  # code obeys nothing
    assert "<script" not in rest.replace(r"\<script", "")
    assert "![x]" not in rest


def test_a_gallery_of_thousands_is_shown_in_part(run):
    folder, change = run
    (example, *_) = json.loads((folder / "gallery" / "gallery.json").read_text())["examples"]
    change("gallery/gallery.json", "examples", value=[example] * 3000)
    _, _, page = report(folder)
    assert page.count('class="example"') == MAX_EXAMPLES
    assert f"{3000 - MAX_EXAMPLES} more examples" in page


@pytest.mark.parametrize("name", ["gallery/\0.png", "../../secret.png", "/etc/passwd"])
def test_pictures_with_impossible_names_are_named(run, name):
    folder, change = run
    change("gallery/gallery.json", "examples", 0, "views", 0, "image", value=name)
    _, _, page = report(folder)
    assert "lies outside the run" in page


@pytest.mark.parametrize("name", ["results.json", "correct.csv", "gallery/gallery.json"])
def test_a_pipe_is_not_waited_for(run, name):
    folder, _ = run
    (folder / name).unlink()
    os.mkfifo(folder / name)
    if name == "results.json":
        with pytest.raises(ValueError, match="is no regular file"):
            report(folder)
    else:
        _, _, page = report(folder)
        assert "is no regular file" in page


def test_a_file_of_results_that_a_spreadsheet_opens_holds_no_formula(model, dataset, tmp_path):
    from tf_lowdef import WebPLayer, evaluate

    results = evaluate(model, dataset, ["bim:4"], ["none", ("=1+1", [WebPLayer(55)])], out=tmp_path / "run", limit=4)
    for name in ("results.csv", "correct.csv"):
        text = (tmp_path / "run" / name).read_text()
        assert "=1+1" in text
        assert ",=1+1" not in text
    assert Results.load(tmp_path / "run").row("bim:4", "=1+1").per_image == results.row("bim:4", "=1+1").per_image
    shutil.rmtree(tmp_path / "run")


@pytest.mark.parametrize(
    "content",
    [
        "no JSON",
        "[]",
        "{}",
        '{"rows": [], "ranked_by": "adaptive", "max_clean_drop": 2}',
        '{"rows": [{"defence": 3}], "ranked_by": "adaptive", "max_clean_drop": 2}',
        "[" * 100_000,
    ],
    ids=lambda content: content[:12],
)
def test_a_damaged_sweep_is_named_and_the_rest_is_shown(run, content):
    folder, _ = run
    (folder / "sweep.json").write_text(content)
    results, _, page = report(folder)
    assert "sweep.json is damaged" in page
    assert "At a glance" in page
    assert not any("sweep.json" in warning for warning in results.warnings)


def test_a_pipe_in_the_place_of_a_sweep_hangs_nothing(run):
    folder, _ = run
    os.mkfifo(folder / "sweep.json")
    assert "sweep.json is damaged" in report(folder)[2]
