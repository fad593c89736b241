"""``tf-lowdef gate``."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

import tf_lowdef
from tf_lowdef.defences import make_defence
from tf_lowdef.results import Results


@pytest.fixture
def model_file(model, tmp_path):
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_writes_one_model_and_nothing_over_another(run_cli, model_file, csv_data, dataset, tmp_path):
    out = tmp_path / "new" / "gated.keras"
    arguments = ("gate", "--model", model_file, "--data", csv_data, "--defence", "bits:3", "-o", out)
    outcome = run_cli(*arguments, "--false-positive-rate", "0.2")
    assert outcome.code == 0
    assert "Threshold: suspicion above" in outcome.out
    found = tf_lowdef.load_model(out)(dataset[0].astype(np.float32))
    assert set(found) == {"logits", "suspicion", "defended"}
    before = out.read_bytes()
    again = run_cli(*arguments)
    assert again.code == 2
    assert "is there already" in again.err
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["gated.keras"]


def test_too_few_images_leave_no_file(run_cli, model_file, csv_data, tmp_path):
    outcome = run_cli("gate", "--model", model_file, "--data", csv_data, "--limit", "5", "-o", tmp_path / "g.keras")
    assert outcome.code == 1
    assert "19 clean images or more are needed" in outcome.err
    assert not (tmp_path / "g.keras").exists()


def test_ends_with_a_command_that_measures_this_file(run_cli, model_file, csv_data, dataset, tmp_path):
    out = tmp_path / "my gates" / "gated.keras"
    arguments = ("--model", model_file, "--data", csv_data, "--defence", "bits:3", "--max-clean-drop", "5", "-o", out)
    said = run_cli("gate", *arguments).out.splitlines()[-1]
    what, _, command = said.partition(": ")
    assert what == "What it is worth on other images"
    _, *words = shlex.split(command)
    assert words == ["evaluate", "--model", str(out), "--data", "OTHER", "--defence", "none"]
    words[words.index("OTHER")] = str(csv_data)
    outcome = run_cli(*words, "--attack", "none", "--out", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    (row,) = Results.load(tmp_path / "run").rows  # the classifier is the gate itself
    right = tf_lowdef.load_model(out)(dataset[0].astype(np.float32))["logits"].numpy().argmax(axis=1) == dataset[1]
    assert (row.defence, row.top1) == ("none", right.mean())


def test_over_the_embedded_classifier_the_command_says_the_whole_gate(run_cli, tmp_path):
    rule = ("--defence", "bits:3", "--squeezer", "flip", "--max-clean-drop", "2", "--no-arbitrate", "--limit", "8")
    said = run_cli("gate", *rule, "-o", tmp_path / "gated.keras").out.splitlines()[-1]
    _, *words = shlex.split(said.partition(": ")[2])
    assert words[-1] == "gate:max_clean_drop=2,arbitrate=false(bits:3;flip)"
    assert make_defence(words[-1]).text == words[-1]
