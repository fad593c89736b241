"""The sweep: fabricated rows for the choice, a small run for the rest."""

import dataclasses
import json

import numpy as np
import pytest

from tf_lowdef import load_demo
from tf_lowdef.evaluation.sweep import choose, first_half, settings, sweep
from tf_lowdef.report import write_report
from tf_lowdef.report.sweep_report import sweep_table, verdict, write_sweep
from tf_lowdef.results import Results
from tf_lowdef.results.sweep import Accuracies, Sweep, SweepRow

EMPTY = Results({"warnings": []}, [])


def row(defence, clean, oblivious, adaptive, size=10_000.0, time=5.0, unreliable=None, surely=0.0):
    drop = 0.9 - clean
    ends = (max(adaptive - 0.1, 0), min(adaptive + 0.1, 1))
    half = Accuracies(50, clean, oblivious, adaptive, ends, drop, (drop - surely, drop + surely))
    other = dataclasses.replace(half, clean=clean - 0.01, drop=drop + 0.01)
    return SweepRow(defence, size, time, half, other, unreliable)


BARE = row("none", 0.90, 0.0, 0.0, 150_000.0, 0.0)


def test_the_best_adaptive_accuracy_within_the_drop():
    rows = [BARE, row("webp:90", 0.89, 0.3, 0.2), row("webp:60", 0.885, 0.5, 0.3, 7e3), row("webp:20", 0.7, 0.9, 0.6)]
    found = choose(rows, 2, EMPTY)
    assert (found.chosen, found.ranked_by) == ("webp:60", "adaptive")
    assert choose(rows, 30, EMPTY).chosen == "webp:20"
    assert choose(rows, 0, EMPTY).chosen is None
    assert "`webp:60`" in verdict(found)
    assert "No setting keeps clean accuracy within 0 points" in verdict(choose(rows, 0, EMPTY))


def test_the_choice_goes_by_what_is_shown_and_says_what_it_cost():
    rows = [BARE, row("webp:60", 0.89, 0.5, 0.3, surely=0.05), row("webp:90", 0.895, 0.3, 0.2, surely=0.01)]
    found = choose(rows, 2, EMPTY)
    assert (found.chosen, found.sure) == ("webp:90", True)
    assert "it costs 1.5 points, 95 % interval -0.5 to 1.5)" in verdict(found)
    unsure = choose(rows, 1, EMPTY)
    assert (unsure.chosen, unsure.sure) == ("webp:60", False)
    assert "too few to show that any setting costs at most 1 point." in verdict(unsure)
    assert "it costs 2.0 points, 95 % interval -4.0 to 6.0, more than was allowed" in verdict(unsure)


def test_nothing_survives_is_said_and_oblivious_accuracy_ranks():
    rows = [BARE, row("webp:90", 0.89, 0.3, 0.04), row("webp:60", 0.885, 0.5, 0.0)]
    found = choose(rows, 2, EMPTY)
    assert (found.chosen, found.ranked_by) == ("webp:60", "oblivious")
    assert verdict(found).startswith("Nothing survives an attacker who knows of the defence")


def test_what_is_unreliable_is_not_chosen_and_pushes_nobody_off_the_front():
    rows = [BARE, row("webp:90", 0.9, 0.9, 0.9, 1.0, 0.0, "zero gradients"), row("webp:60", 0.89, 0.5, 0.3)]
    found = choose(rows, 2, EMPTY)
    assert found.chosen == "webp:60"
    assert [each.on_front for each in found.rows] == [True, False, True]
    assert "<= 90.0 % unreliable" in sweep_table(found).rows[1]


def test_the_front_holds_what_no_other_setting_beats():
    better, worse = row("webp:60", 0.89, 0.5, 0.3, 5e3, 4.0), row("webp:70", 0.89, 0.5, 0.3, 6e3, 4.0)
    cheaper = row("webp:20", 0.6, 0.5, 0.3, 1e3, 4.0)
    found = choose([BARE, better, worse, cheaper], 2, EMPTY)
    assert {each.defence for each in found.rows if each.on_front} == {"none", "webp:60", "webp:20"}
    twins = choose([BARE, better, dataclasses.replace(better, defence="webp:61")], 2, EMPTY)
    assert sum(each.on_front for each in twins.rows) == 3


def test_settings():
    assert settings([60], [0, 4], [False, True]) == [
        "none",
        "flip",
        "webp:60,method=0",
        "webp:60,method=0+flip",
        "webp:60",
        "webp:60+flip",
    ]
    assert settings([60], [4], [False]) == ["none", "webp:60"]
    with pytest.raises(ValueError, match="needs a quality"):
        settings([], [4], [True])
    with pytest.raises(ValueError, match="quality=101"):
        settings([101], [4], [True])


@pytest.mark.slow
def test_a_small_sweep(model, dataset, tmp_path):
    data = images, _ = tuple(each[:10] for each in dataset)
    found = sweep(model, data, ["fgsm:3"], [40], [0], max_clean_drop=100, out=tmp_path / "run", batch_size=10)
    assert [each.defence for each in found.rows] == ["none", "flip", "webp:40,method=0", "webp:40,method=0+flip"]
    assert found.chosen in {each.defence for each in found.rows if each.on_front} - {"none"}
    for each in found.rows:
        assert (each.selection.n, each.report.n) == (5, 5)
        whole = found.results.row("none", each.defence)
        assert (each.selection.clean + each.report.clean) / 2 == pytest.approx(whole.top1)
        worst = found.results.row("worst:3", each.defence, "adaptive")
        assert (each.selection.adaptive + each.report.adaptive) / 2 == pytest.approx(worst.top1)
    assert found.row("flip").bytes_per_image == images[0].nbytes
    assert 0 < found.row("webp:40,method=0").bytes_per_image < images[0].nbytes / 4
    assert found.row("webp:40,method=0").ms_per_image > 0
    assert "At a glance" in (tmp_path / "run" / "report.html").read_text()
    write_sweep(found, tmp_path / "run")
    assert verdict(found) in (tmp_path / "run" / "sweep.md").read_text()
    assert (tmp_path / "run" / "sweep.png").stat().st_size > 10_000
    stored = json.loads((tmp_path / "run" / "sweep.json").read_text())
    assert stored["chosen"] == found.chosen
    assert stored["rows"][0]["defence"] == "none"
    assert Sweep.load(tmp_path / "run", found.results) == found
    write_report(found.results, tmp_path / "run")
    page = (tmp_path / "run" / "report.html").read_text()
    assert "Which settings" in page
    assert f"{found.chosen} less this" in page  # the report is about the choice, and praises no other setting beside it
    assert (tmp_path / "run" / "report.md").read_text().splitlines()[2].startswith(f"`{found.chosen}` at epsilon 3 ")


def test_without_an_epsilon_a_setting_is_judged_by_the_attacks(model, dataset):
    """There is no worst case then, which is not an accuracy of zero."""
    data = tuple(each[:8] for each in dataset)
    found = sweep(model, data, ["deepfool:steps=1"], [40], [0], [False], max_clean_drop=100, budget=None)
    attacked = found.results.row("deepfool:steps=1", "webp:40,method=0", "adaptive")
    mine = found.row("webp:40,method=0")
    assert mine.selection.adaptive + mine.report.adaptive == pytest.approx(2 * attacked.top1)
    assert attacked.top1 > 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_clean_drop": -1}, "0 to 100 points"),
        ({"budget": "huge"}, "`budget` must be one of"),
        ({"limit": 1}, "two images or more"),
    ],
)
def test_bad_arguments(change, message):
    model, images, labels = load_demo()
    with pytest.raises(ValueError, match=message):
        sweep(model, (images, labels), **{"attacks": ["fgsm:4"], "qualities": [60], "methods": [0], **change})


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"qualities": 60}, TypeError, r"`qualities` must be several values, such as \[60\]. Received: qualities=60"),
        ({"flips": True}, TypeError, "`flips` must be several values"),
        ({"attacks": [4]}, TypeError, "`attacks` must .* Received: 4$"),
        ({"limit": 1.5}, ValueError, "`limit` must be an integer of at least 1. Received: limit=1.5"),
        ({"batch_size": 2.5}, ValueError, "`batch_size` must be an integer"),
        ({"max_clean_drop": "2"}, ValueError, "`max_clean_drop` must be 0 to 100 points. Received: max_clean_drop='2'"),
    ],
)
def test_what_is_of_another_kind_is_named(change, error, message):
    with pytest.raises(error, match=message):
        sweep(None, None, **{"attacks": ["fgsm:4"], "qualities": [60], "methods": [0], **change})


def test_the_seed_cuts_the_halves():
    assert [int(first_half(count, 0).sum()) for count in (2, 9, 10)] == [1, 5, 5]
    np.testing.assert_array_equal(first_half(50, 3), first_half(50, 3))
    assert (first_half(50, 3) != first_half(50, 4)).any()
