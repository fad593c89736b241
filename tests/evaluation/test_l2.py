"""Two norms in one run: each has its own attacks, its own worst case, and its own words."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef import evaluate
from tf_lowdef.bounds import Bound
from tf_lowdef.report import conclusion, to_markdown
from tf_lowdef.results import Results

EPSILON = 0.5


@pytest.fixture(scope="module")
def run(model, dataset, tmp_path_factory):
    """A run in both norms, read from its folder."""
    folder = tmp_path_factory.mktemp("run")
    attacks = ["bim:2,steps=3", f"pgd:l2:{EPSILON},steps=3"]
    evaluate(
        model, dataset, attacks, ["none"], ["oblivious", "adaptive"], folder, batch_size=8, budget="quick", limit=8
    )
    return Results.load(folder)


def test_each_norm_has_its_worst_case(run):
    assert [row.attack for row in run.select(kind="worst")] == ["worst:2", "worst:l2:0.5"]
    assert [row.bound for row in run.select(kind="worst")] == [Bound("Linf", 2), Bound("L2", EPSILON)]
    assert run.bound == Bound("Linf", 2)
    assert run.worst("none").attack == "worst:2"
    assert run.worst("none", EPSILON, "L2").attack == "worst:l2:0.5"
    assert run.worst("none", EPSILON) is None


def test_attacks_keep_to_their_norm(run):
    attacks = [row for row in run.select(norm="L2") if row.epsilon is not None and row.kind == "attack"]
    assert {row.attack.split(":")[0] for row in attacks} >= {"pgd", "mpgd"}
    assert all(row.l2_mean is None or row.l2_mean <= EPSILON for row in attacks)
    assert any(row.linf_max is not None and row.linf_max > 2 for row in attacks)
    tested = [row.setting["self_test"] for row in attacks if "self_test" in row.setting]
    assert tested
    assert all(each.startswith("passed") for each in tested)


def test_a_worst_case_counts_whatever_lies_within_it(run):
    rows = [row for row in run.select(norm="L2") if row.epsilon is not None and row.kind == "attack"]
    worst = np.array(run.worst("none", EPSILON, "L2").per_image)
    for row in rows:
        kept = np.array([1 if share is None else share for share in row.per_image])
        assert (worst <= kept).all()
    for compared in run.comparisons:
        assert compared.attack in {row.attack for row in run.rows}


def test_norm_and_epsilon_are_named(run):
    text = conclusion(run)
    assert "at epsilon 2 " in text
    assert "At L2 epsilon 0.5 (pixels in [0, 1]), the largest that was tried," in text
    assert "| worst:l2:0.5 |" in to_markdown(run)


def test_a_run_in_l2_alone(model, dataset):
    results = evaluate(model, dataset, [f"pgd:l2:{EPSILON},steps=2"], ["none"], "adaptive", batch_size=8, limit=8)
    assert [row.attack for row in results.select(kind="worst")] == ["worst:l2:0.5"]
    assert results.bound == Bound("L2", EPSILON)
    assert "at L2 epsilon 0.5 (pixels in [0, 1])" in conclusion(results)
