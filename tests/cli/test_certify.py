import csv
import json

import pytest

SMALL = ["--n", "12", "--n0", "4", "--limit", "3", "--batch-size", "12"]


def test_certifying_the_embedded_classifier_ends_in_a_table_and_files(run_cli, tmp_path):
    out = tmp_path / "run"
    arguments = ["certify", "--defence", "gaussian:1", "--sigma", "0.05", "--radius", "0.005", *SMALL, "-o", out]
    outcome = run_cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert "gaussian:1" in outcome.out
    assert "is proved right on" in outcome.out
    assert "whatever is done to them within L2 0.005" in outcome.out.replace("\n", " ")
    wanted = {"certified.csv", "certified.png", "results.json", "report.md", "report.html", "accuracy.png"}
    assert wanted <= {path.name for path in out.iterdir()}
    with (out / "certified.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 3
    run = json.loads((out / "run.json").read_text())
    assert run["command"].startswith("tf-lowdef certify --defence gaussian:1")
    (out / "report.md").unlink()
    assert run_cli("report", out).code == 0
    assert "## Certified" in (out / "report.md").read_text()
    other = run_cli(*arguments, "--seed", "1")
    assert (other.code, other.err.count("\n")) == (1, 1)
    assert "arguments.seed: 0, now 1" in other.err


@pytest.mark.slow
def test_one_command_chooses_on_one_half_and_tells_of_the_other(run_cli, tmp_path):
    arguments = ["--defence", "none", "--sigma", "0.02", "--sigma", "0.5", "--radius", "0.01", "--choose-n", "10"]
    outcome = run_cli("certify", "--choose", *arguments, *SMALL[:4], "--limit", "4", "-o", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert "Chosen on the other half" in outcome.out
    parts = [each["part"] for each in json.loads((tmp_path / "run" / "results.json").read_text())["certified"]]
    assert parts == ["report", "choice", "choice"]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--sigma", "15"], "15 grey levels of 255 are 0.0588"),
        (["--sigma", "much"], "--sigma"),
        (["--n", "5"], "fewer than 10 draws certifies nothing"),
        (["--n", "0"], "--n"),
        (["--alpha", "0"], "alpha"),
        (["--radius", "64"], "64 grey levels of 255"),
        (["--defence", "noise:4"], "draws nothing"),
        (["--defence", "nln:4"], "nlm"),
        (["--choose-n", "50"], "--choose-n needs --choose"),
        (["--choose", "--sigma", "0.1", "--defence", "none"], "two settings or more"),
        (["--evaluation", "nowhere"], "no such folder"),
        (["--model", "MobileNetV2"], "--model needs --data"),
        (["--workers", "2"], "need --ray"),
    ],
)
def test_wrong_arguments_are_one_line_and_2(run_cli, tmp_path, monkeypatch, arguments, text):
    monkeypatch.chdir(tmp_path)
    outcome = run_cli("certify", *arguments, "-o", tmp_path / "run")
    assert outcome.code == 2, outcome.err
    assert text in outcome.err
    assert outcome.err.count("\n") == 1
    assert not (tmp_path / "run").exists()
