"""``tf-lowdef gate``."""

from __future__ import annotations

import numpy as np
import pytest

import tf_lowdef


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
    assert "--defence 'gate(bits:3)'" in outcome.out
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
