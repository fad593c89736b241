"""The page of a training: curves, the kept epoch, before and after."""

from __future__ import annotations

import json

import pytest

from tf_lowdef.report.training_report import Training, comparison_of, to_markdown, to_page, verdict, write_training
from tf_lowdef.results import Results, Row

CURVES = {
    "loss": [2.0, 1.0, 0.5],
    "accuracy": [0.4, 0.5, 0.6],
    "val_clean_accuracy": [0.9, 0.95, 0.94],
    "val_fgsm_accuracy": [0.3, 0.5, 0.6],
    "val_pgd_accuracy": [0.2, 0.45, 0.4],
}


def results(robust, unreliable=None):
    def row(threat, attack, right):
        each = tuple([1.0] * right + [0.0] * (10 - right))
        return Row(
            threat, attack, "webp:60", 10, right, right / 10, (0.1, 0.9), per_image=each, unreliable=unreliable,
            setting={"epsilon": 4.0} if threat else {},
        )  # fmt: skip

    return Results({"warnings": [], "skipped": []}, [row(None, "none", 9), row("adaptive", "worst:4", robust)])


@pytest.fixture
def training():
    return Training({"recipe": "fgsm-rs:4", "epochs": 3}, CURVES, 1, ["something <went> wrong"], results(1), results(7))


def test_the_verdict_says_what_it_was_worth(training):
    said = verdict(training)
    assert "before 90.0 % clean and 10.0 (10 to 90) % in the worst case" in said
    assert "after 90.0 % clean and 70.0 (10 to 90) % in the worst case" in said
    assert "epoch 2, 45.0 % under PGD" in said


def test_the_comparison_is_paired_and_marks_what_is_unreliable():
    table = comparison_of(results(1), results(7, unreliable="no gradient"))
    assert table.rows[1][0] == "adaptive, worst:4, webp:60"
    assert table.rows[1][1] == "10.0 (10 to 90)"
    assert table.rows[1][2] == "≤ 70.0 (10 to 90)"
    assert table.rows[1][3].startswith("+60.0 (")
    assert table.rows[0][3].startswith("+0.0 (")


def test_the_page_needs_nothing_else_and_escapes(training):
    page = to_page(training).decode()
    assert "something &lt;went&gt; wrong" in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "<script" not in page


def test_markdown_marks_the_kept_epoch(training):
    text = to_markdown(training)
    assert "| 2* | 1.000 | 50.0 | 95.0 | 50.0 | 45.0 |" in text
    assert "## Before and after" in text


def test_without_evaluations_there_are_curves_alone(training, tmp_path):
    alone = training._replace(before=None, after=None)
    write_training(alone, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"harden.json", "harden.md", "harden.html", "curves.png"}
    assert "Before and after" not in (tmp_path / "harden.md").read_text()
    content = json.loads((tmp_path / "harden.json").read_text())
    assert content["best_epoch"] == 2
    assert content["curves"]["loss"] == CURVES["loss"]


def test_a_training_under_noise_is_judged_by_it_and_its_page_names_no_attack(training):
    curves = {"loss": [2.0, 1.0], "val_clean_accuracy": [0.9, 0.8], "val_noise_accuracy": [0.6, 0.7]}
    quiet = training._replace(curves=curves, before=None, after=None)
    assert verdict(quiet) == "The weights are those of epoch 2, 70.0 % under noise on held-back images."
    page = to_page(quiet).decode()
    assert "held back, under noise" in page
    assert "PGD" not in page
    assert "how far PGD lies below FGSM" in to_page(training).decode()


def test_a_training_without_attacks_is_judged_clean(training):
    curves = {name: values for name, values in CURVES.items() if "fgsm" not in name and "pgd" not in name}
    said = verdict(training._replace(curves=curves, before=None, after=None))
    assert said == "The weights are those of epoch 2, 95.0 % clean on held-back images."
