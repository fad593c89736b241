"""Runs side by side: paired where the images are the same, and only there."""

from __future__ import annotations

import csv
import io

import pytest

from tf_lowdef.files import read_cell
from tf_lowdef.results import Results, Row

N = 100


def run(folder, right, digest="a", unreliable=None, budget="quick", **arguments):
    """Write a run of N images, of which the first `right` are right under the attack."""
    shares = (1.0,) * right + (0.0,) * (N - right)
    clean = Row(None, "none", "flip", N, N, 1.0, (0.96, 1.0), per_image=(1.0,) * N)
    attacked = Row(
        "oblivious", "bim:4", "flip", N, right, right / N, (0.0, 1.0), unreliable=unreliable, per_image=shares
    )
    facts = {
        "data": {"source": "arrays", "sha256": digest},
        "arguments": {"budget": budget, **arguments},
        "skipped": [],
    }
    Results(facts, [clean, attacked], images=tuple(map(str, range(N)))).save(folder)
    return folder


def lines(text):
    found = csv.DictReader(io.StringIO(text))
    return [{name: read_cell(cell) for name, cell in line.items()} for line in found]


def test_the_same_images_are_compared_in_pairs(run_cli, tmp_path):
    folders = [run(tmp_path / "before", 40), run(tmp_path / "after", 60)]
    outcome = run_cli("compare", *folders, "--csv")
    assert outcome.code == 0, outcome.err
    clean, attacked = lines(outcome.out)
    assert clean["after less before"].startswith("+0.0 (")
    assert attacked["before"].startswith("40.0 (")
    assert attacked["after"].startswith("60.0 (")
    points, p = attacked["after less before"].split(", p = ")
    assert points.startswith("+20.0 (+11.8 to +27.")
    assert float(p) == pytest.approx(2 * 2 * 0.5**20, abs=1e-4)  # twenty images, all one way; two comparisons


def test_other_images_are_not_paired_and_what_differs_is_said(run_cli, tmp_path):
    folders = [run(tmp_path / "before", 40), run(tmp_path / "after", 60, digest="b", budget="standard")]
    outcome = run_cli("compare", *folders, "--csv")
    assert lines(outcome.out)[1]["after less before"] == "+20.0, not paired"
    shown = run_cli("compare", *folders).out
    assert "The runs differ in budget: before quick; after standard" in shown
    assert "The runs differ in images: before arrays a 100; after arrays b 100" in shown


def test_what_was_asked_for_differs_in_words(run_cli, tmp_path):
    asked = {"threat": ["oblivious", "adaptive"], "attacks": ["bim:4", "fgsm:1"], "defences": ["none"], "batch_size": 4}
    mine = run(tmp_path / "before", 40, budget="none", **asked)
    other = run(tmp_path / "after", 60, budget=None, threat=["oblivious"], attacks=[], defences=["flip"], batch_size=8)
    shown = run_cli("compare", mine, other).out
    for said in (
        "threats: before oblivious, adaptive; after oblivious",
        "attacks: before bim:4, fgsm:1; after none",
        "defences: before none; after flip",
        "budget: before none; after no adaptive attacker",
        "batch size: before 4; after 8",
    ):
        assert f"The runs differ in {said}" in shown


def test_rows_of_one_run_alone_are_counted(run_cli, tmp_path):
    folders = [run(tmp_path / name, right) for name, right in (("before", 40), ("after", 60))]
    assert "Left out" not in run_cli("compare", *folders).out
    results = Results.load(folders[1])
    Results(results.run, results.rows[:1], images=results.images).save(folders[1])
    assert "Left out: 1 row of one run alone (before 1)" in run_cli("compare", *folders).out
    outcome = run_cli("compare", *folders, "--csv")
    assert "Left out" in outcome.err
    assert len(lines(outcome.out)) == 1


def test_what_is_unreliable_is_not_compared(run_cli, tmp_path):
    folders = [run(tmp_path / "before", 40), run(tmp_path / "after", 60, unreliable="no gradient")]
    line = lines(run_cli("compare", *folders, "--csv").out)[1]
    assert line["after"] == "<= 60.0 unreliable"
    assert line["after less before"] == "-"


def test_runs_of_one_name_are_called_by_their_paths(run_cli, tmp_path):
    folders = [run(tmp_path / part / "run", right) for part, right in (("a", 40), ("b", 60))]
    assert str(folders[0]) in lines(run_cli("compare", *folders, "--csv").out)[0]


def test_wrong_arguments(run_cli, tmp_path):
    folder = run(tmp_path / "run", 40)
    for arguments in ([folder], [folder, folder], [folder, tmp_path / "nowhere"]):
        outcome = run_cli("compare", *arguments)
        assert outcome.code == 2
        assert outcome.err.count("\n") == 1


def test_of_three_runs_a_row_that_the_first_has_not_is_compared_with_nothing(run_cli, tmp_path):
    folders = [run(tmp_path / name, right) for name, right in (("a", 40), ("b", 50), ("c", 60))]
    results = Results.load(folders[0])
    Results(results.run, results.rows[:1], images=results.images).save(folders[0])
    clean, attacked = lines(run_cli("compare", *folders, "--csv").out)
    assert clean["c less a"].startswith("+0.0 (")
    assert (attacked["a"], attacked["b less a"], attacked["c less a"]) == ("-", "-", "-")
    assert attacked["c"].startswith("60.0 (")
