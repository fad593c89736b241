import csv
import json
import math

import pytest

from tf_lowdef.results import Results, Row


@pytest.fixture
def results():
    clean = Row(None, "none", "none", 10, 9, 0.9, (0.6, 0.98), resolution=(8, 8))
    setting = {"name": "deepfool", "norm": "L2", "epsilon": None, "steps": 50}
    attacked = Row(
        "oblivious",
        "deepfool",
        "webp:60+flip",
        10,
        5,
        0.5,
        (0.24, 0.76),
        0.4,
        9,
        1,
        0,
        0.2,
        3.0,
        0.99,
        math.inf,
        setting,
    )
    return Results({"seed": 0, "warnings": ["first", "second"]}, [clean, attacked])


def test_files_give_the_same_results_again(results, tmp_path):
    results.save(tmp_path)
    again = Results.load(tmp_path)
    assert again == results
    assert again.row("deepfool", "webp:60+flip").median_minimal_l2 == math.inf
    with pytest.raises(KeyError, match="no row for attack 'bim:4'"):
        again.row("bim:4", "none")


def test_json_is_strict_and_csv_is_flat(results, tmp_path):
    results.save(tmp_path)
    content = json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)
    assert content["rows"][1]["median_minimal_l2"] == "inf"
    assert content["run"] == json.loads((tmp_path / "run.json").read_text())
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["defence"] == "webp:60+flip"
    assert (rows[1]["ci95_low"], rows[1]["norm"], rows[1]["steps"]) == ("0.24", "L2", "50")
    assert rows[0]["steps"] == ""
    assert {row["warnings"] for row in rows} == {"first | second"}


def test_missing_and_damaged_results_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="results.json: no such file"):
        Results.load(tmp_path)
    for text in ("", "[]", '{"run": {}, "rows": [{"attack": "bim:4"}]}'):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(ValueError, match="results.json: not the results of a run"):
            Results.load(tmp_path)
