import dataclasses

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.report import accuracy_table, attack_table, conclusion, to_markdown, write_report
from tf_lowdef.report.markdown import legend
from tf_lowdef.report.page import to_html
from tf_lowdef.report.table import cascade_table, comparison_table
from tf_lowdef.results import Comparison, Results, Row
from tf_lowdef.results.plot import style_of


def row(attack, defence, top1, **more):
    setting = {} if attack == "none" else {"norm": "Linf", "epsilon": 4, "steps": 10, "step_size": 1.0}
    threat = None if attack == "none" else "oblivious"
    return Row(threat, attack, defence, 10, round(10 * top1), top1, (top1 - 0.1, top1 + 0.1), setting=setting, **more)


@pytest.fixture
def results():
    rows = [
        row("none", "none", 0.9),
        row("none", "webp:60", 0.8),
        row("bim:4", "none", 0.0, l2_mean=0.51234, linf_max=4.0, ssim_mean=0.987, attacked=9, left_out=1),
        row("bim:4", "webp:60", 0.25, l2_mean=0.51234, linf_max=4.0, ssim_mean=0.987, attacked=9, left_out=1),
    ]
    run = {"command": "tf-lowdef evaluate --seed 1", "warnings": ["Beware | of this"], "seed": 1}
    return Results({**run, "skipped": [{"image": "a", "reason": "a.png: is empty"}]}, rows)


def test_accuracy_table(results):
    table = accuracy_table(results, "oblivious")
    assert table.columns == ["defence", "clean", "bim:4"]
    assert table.rows == [["none", "90.0", "0.0"], ["webp:60", "80.0", "25.0"]]
    assert accuracy_table(results, "oblivious", intervals=True).rows[1][2] == "25.0 (15.0 to 35.0)"


def test_a_missing_row_leaves_a_gap(results):
    fewer = Results(results.run, results.rows[:-1])
    assert accuracy_table(fewer, "oblivious").rows[1] == ["webp:60", "80.0", "-"]


def test_attack_table(results):
    table = attack_table(results, "oblivious")
    (cells,) = table.rows
    found = dict(zip(table.columns, cells, strict=True))
    assert found["attack"] == "bim:4"
    assert (found["epsilon"], found["steps"], found["step size"]) == ("4", "10", "1")
    assert (found["L2"], found["Linf"], found["SSIM"], found["median minimal L2"]) == ("0.512", "4", "0.9870", "-")


def test_markdown_says_everything(results):
    text = to_markdown(results)
    for part in (
        "Beware | of this",
        "1 image could not be read and was skipped",
        "a.png: is empty",
        "| webp:60 | 80.0 (70.0 to 90.0)",
        "The attacker does not know of the defence",
        "tf-lowdef evaluate --seed 1",
        "accuracy.png",
    ):
        assert part in text
    assert text.index("Beware") < text.index("| webp:60")


def test_picture_has_a_mark_for_every_row(results, tmp_path):
    write_report(results, tmp_path)
    with Image.open(tmp_path / "accuracy.png") as picture:
        with_all = np.asarray(picture.convert("RGB"))
    assert (with_all != 255).any(axis=-1).mean() > 0.01
    fewer = Results(results.run, results.rows[:-1])
    write_report(fewer, tmp_path)
    with Image.open(tmp_path / "accuracy.png") as picture:
        assert (np.asarray(picture.convert("RGB")) != with_all).any()
    assert (tmp_path / "report.md").exists()


@pytest.fixture
def all_threats(results):
    adaptive = {"norm": "Linf", "epsilon": 4, "budget": "standard", "another_takes": 0.004}
    flags = (1.0, 0.0)
    more = [
        Row("transfer", "bim:4", "webp:60", 10, 7, 0.7, (0.6, 0.8), setting={"epsilon": 4}, attacked=9),
        Row("adaptive", "pgd:4", "webp:60", 4, 3, 0.75, (0, 1), setting=adaptive, conditional=True, attacked=4),
        Row("adaptive", "worst:4", "none", 10, 0, 0.0, (0, 0.1), setting=adaptive, per_image=flags),
        Row("adaptive", "worst:4", "webp:60", 10, 3, 0.3, (0, 1), setting=adaptive, unreliable="masked"),
    ]
    pair = Comparison("oblivious", "bim:4", "none", "webp:60", -0.25, (-0.4, -0.1), 0.004, 0.004, "exact")
    return Results(results.run, [*results.rows, *more], [pair], ("a", "b"))


def test_one_table_holds_all_threats(all_threats):
    table = accuracy_table(all_threats, intervals=True)
    assert table.columns == ["defence", "clean", "oblivious bim:4", "transfer bim:4", "worst:4"]
    intervals = ["80.0 (70.0 to 90.0)", "25.0 (15.0 to 35.0)", "70.0 (60.0 to 80.0)"]
    assert table.rows[1] == ["webp:60", *intervals, "<= 30.0 unreliable"]
    assert table.rows[0][2] == "0.0* (-10.0 to 10.0)"  # the report is about webp:60


def test_conditional_rows_stand_apart(all_threats):
    assert cascade_table(all_threats) == (["attack", "webp:60"], [["pgd:4", "3 of 4"]])


def test_comparisons_are_turned_to_the_defence_that_the_report_is_about(all_threats):
    (cells,) = comparison_table(all_threats).rows
    assert cells == ["oblivious bim:4", "none", "+25.0 (+10.0 to +40.0)", "0.0040", "0.0040", "exact"]


def test_markdown_begins_with_the_conclusion_and_says_what_is_unreliable(all_threats):
    text = to_markdown(all_threats)
    assert text.splitlines()[2] == conclusion(all_threats)
    assert "`webp:60`" in conclusion(all_threats)
    for part in (
        "<= 30.0 unreliable",
        "What is unreliable is an upper bound",
        "* differs from webp:60 on the same images",
        "Conditional:",
        "| none | 4 | 0.4 |",
        "The attacker knows model and defence",
        "made on another model",
        "+25.0 (+10.0 to +40.0)",
    ):
        assert part in text


def test_picture_marks_what_is_unreliable(all_threats, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    write_report(all_threats, tmp_path / "a")
    believed = [dataclasses.replace(row, unreliable=None) for row in all_threats.rows]
    write_report(Results(all_threats.run, believed), tmp_path / "b")
    pictures = [np.asarray(Image.open(tmp_path / name / "accuracy.png").convert("RGB")).astype(int) for name in "ab"]
    red = [((each[..., 0] > 200) & (each[..., 1] < 60) & (each[..., 2] < 60)).sum() for each in pictures]
    assert red[0] > red[1] == 0


def test_every_defence_has_its_own_mark():
    assert len({style_of(number) for number in range(64)}) == 64


def test_means_over_draws_say_which_intervals_they_have():
    drawn = Row(None, "none", "noise:4", n=4, correct=3.5, top1=0.875, ci95=(0.4, 1.0), draws=10)
    page = to_html(Results({}, [drawn]), [], []).decode()
    for text in (legend(Results({}, [drawn])), page):
        assert "never saw, with Wilson" in text
        assert "bootstrap" not in text
