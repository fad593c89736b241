import json

import pytest


def test_a_sweep_ends_in_a_table_and_files(run_cli, model_file, csv_file, tmp_path):
    out = tmp_path / "run"
    arguments = [
        "sweep", "--model", model_file, "--data", csv_file, "--quality", "60", "--method", "0", "--flip", "no",
        "--attack", "fgsm:8", "--max-clean-drop", "100", "--batch-size", "8", "-o", out,
    ]  # fmt: skip
    outcome = run_cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert "webp:60,method=0" in outcome.out
    assert f"Report: {out / 'sweep.md'}" in outcome.out
    assert {"sweep.json", "sweep.md", "sweep.png", "results.json", "report.md"} <= {path.name for path in out.iterdir()}
    assert json.loads((out / "sweep.json").read_text())["chosen"] == "webp:60,method=0"
    outcome = run_cli(*arguments, "--seed", "1")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "holds another run (arguments.seed: 0, now 1)" in outcome.err
    (out / "sweep.json").unlink()
    assert run_cli(*arguments).code == 0
    assert json.loads((out / "sweep.json").read_text())["chosen"] == "webp:60,method=0"


@pytest.mark.long
def test_a_sweep_by_ray_equals_one_here(run_cli, tmp_path):
    pytest.importorskip("ray")
    arguments = [
        "sweep", "--quality", "60", "--method", "0", "--flip", "no", "--attack", "fgsm:8", "--limit", "8",
        "--max-clean-drop", "100", "--batch-size", "8", "-o",
    ]  # fmt: skip
    outcome = run_cli(*arguments, tmp_path / "ray", "--ray", "--workers", "1")
    assert outcome.code == 0, outcome.err
    assert run_cli(*arguments, tmp_path / "here").code == 0
    assert (tmp_path / "ray" / "correct.csv").read_bytes() == (tmp_path / "here" / "correct.csv").read_bytes()
    rows = [json.loads((tmp_path / each / "sweep.json").read_text())["rows"] for each in ("ray", "here")]
    for row in (row for run in rows for row in run):
        del row["ms_per_image"]
    assert rows[0] == rows[1]


def test_model_and_data_go_together(run_cli):
    outcome = run_cli("sweep", "--model", "MobileNetV2")
    assert outcome.code == 2
    assert "--model needs --data" in outcome.err
