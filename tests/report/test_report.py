import numpy as np
import pytest
from PIL import Image

from tf_lowdef.evaluation import Results, Row
from tf_lowdef.report import accuracy_table, attack_table, to_markdown, write_report


def row(attack, defence, top1, **more):
    setting = {} if attack == "none" else {"norm": "Linf", "epsilon": 4, "steps": 10, "step_size": 1.0}
    return Row(
        "oblivious", attack, defence, 10, round(10 * top1), top1, (top1 - 0.1, top1 + 0.1), setting=setting, **more
    )


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
        "1 images could not be read",
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
