"""A terminal's table is one that can be read."""

from __future__ import annotations

import json

import pytest

from tf_lowdef.cli.tables import show_results
from tf_lowdef.results import Results, Row

DEFENCES = ["none", "flip", "webp:60", "webp:60+flip", "jpeg:60", "median:3", "tv:3.8"]
ATTACKS = ["fgsm:4", "bim:2", "bim:4", "deepfool", "square:4"]


def results(defences, attacks):
    """Return a run of which every number is the same."""

    def row(threat, attack, defence):
        return Row(threat, attack, defence, 200, 150, 0.75, (0.69, 0.81), per_image=(1.0,) * 150 + (0.0,) * 50)

    threats = [("oblivious", attack) for attack in attacks] + [("adaptive", attack) for attack in [*attacks, "worst:4"]]
    cells = [(None, "none"), *threats]
    rows = [row(threat, attack, defence) for threat, attack in cells for defence in defences]
    return Results({"skipped": []}, rows, images=tuple(map(str, range(200))))


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_no_number_and_no_heading_is_broken(columns, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    show_results(results(DEFENCES, ATTACKS), "run")
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in DEFENCES)
    assert "clean" in out
    assert out.count(" 75.0") >= 3 * len(DEFENCES)
    assert ("see the page" in out) == (columns < 200)


def test_a_small_table_is_shown_whole(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    show_results(results(["none", "flip"], ["fgsm:4"]), "run")
    out = capsys.readouterr().out
    assert "fgsm:4" in out
    assert "see the page" not in out


@pytest.mark.parametrize("output", ["json", "quiet"])
def test_rows_for_programs_or_nothing(output, capsys):
    found = results(["none", "flip"], ["fgsm:4"])
    found.run["warnings"] = ["Budget quick"]
    show_results(found, "run", output)
    out, err = capsys.readouterr()
    assert err == "Warning: Budget quick\n"
    if output == "quiet":
        assert out == ""
    else:
        rows = json.loads(out)
        assert [(row["attack"], row["defence"]) for row in rows] == [(row.attack, row.defence) for row in found.rows]
        assert rows[0]["top1"] == 0.75
