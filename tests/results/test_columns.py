"""Every field of a row reaches every output, or stands on a list of exceptions; so does one that is new."""

import csv
import dataclasses
import json

import pytest

from tf_lowdef.report import write_report
from tf_lowdef.report.table import NOT_SHOWN, attack_table
from tf_lowdef.results import Results, Row, entries
from tf_lowdef.results.row import PER_IMAGE

SETTING = {
    "norm": "Linf", "epsilon": 4.0, "steps": 13, "step_size": 1.375, "restarts": 6, "loss": "margin", "labels": "true",
    "knowledge": "none",
}  # fmt: skip
ROW = Row(
    "oblivious", "bim:4,steps=13", "jpeg:60", 97, 61, 61 / 97, (0.512, 0.733), success_rate=0.123, attacked=83,
    left_out=14, zero_gradient=71, l2_mean=1.2345, linf_max=3.25, ssim_mean=0.9876, median_minimal_l2=2.468,
    setting=SETTING, resolution=(31, 37), seconds=5.4321, attack_seconds=67.8, draws=3,
    per_image=(0.625,) * 96 + (1.0,), detection_n=79, auc=0.8765, auc_ci95=(0.8111, 0.9222), caught_1=0.345,
    caught_5=0.678, suspected=0.456,
)  # fmt: skip
CLEAN = Row(
    None, "none", "jpeg:60", 97, 90, 90 / 97, (0.8, 0.99), per_image=(0.9375,) * 96 + (0.0,), suspected=0.04
)  # fmt: skip
DOUBTFUL = dataclasses.replace(ROW, attack="fgsm:4", unreliable="masked gradients")
CONDITIONAL = Row("adaptive", "pgd:4", "jpeg:60", 89, 43.5, 43.5 / 89, (0.4, 0.6), conditional=True)

IN_REPORTS = {
    "threat": "oblivious",
    "attack": "bim:4,steps=13",
    "defence": "jpeg:60",
    "n": "97 images",
    "correct": "43.5 of 89",
    "top1": "62.9",
    "ci95": "51",
    "attacked": "83",
    "left_out": "14",
    "l2_mean": "1.234",
    "linf_max": "3.25",
    "ssim_mean": "0.9876",
    "median_minimal_l2": "2.468",
    "setting": "1.375",
    "attack_seconds": "67.8",
    "conditional": "Conditional: each",
    "unreliable": "masked gradients",
    "detection_n": "79",
    "auc": "0.876",
    "auc_ci95": "0.811",
    "caught_1": "34.5",
    "caught_5": "67.8",
    "suspected": "45.6",
    "draws": "Randomised defences: means over draws",
}
"""What stands of each field in ``report.md`` and ``report.html``."""


@dataclasses.dataclass(frozen=True)
class Wider(Row):
    """A row with a column more."""

    sharpness: float | None = None


@pytest.fixture
def folder(tmp_path):
    Results({"seed": 0, "warnings": []}, [CLEAN, ROW, DOUBTFUL, CONDITIONAL], (), tuple(map(str, range(97)))).save(
        tmp_path
    )
    write_report(Results.load(tmp_path), tmp_path)
    return tmp_path


def names():
    return {field.name for field in dataclasses.fields(Row)}


def test_the_files_hold_every_field_and_give_it_back(folder):
    content = json.loads((folder / "results.json").read_text())["rows"][1]
    assert set(content) == names() - {PER_IMAGE}
    with (folder / "results.csv").open(newline="") as file:
        flat = list(csv.DictReader(file))[1]
    pairs = {
        "ci95": ("ci95_low", "ci95_high"),
        "auc_ci95": ("auc_low", "auc_high"),
        "resolution": ("height", "width"),
        "setting": tuple(SETTING),
    }
    columns = {column for name in content for column in pairs.get(name, (name,))}
    assert set(flat) == columns | {"warnings"}
    assert all(flat[column] for column in columns - {"unreliable"})
    assert "oblivious bim:4,steps=13 jpeg:60" in (folder / "correct.csv").read_text()
    assert Results.load(folder).rows == [CLEAN, ROW, DOUBTFUL, CONDITIONAL]
    assert Results.load(folder, strict=False).rows == [CLEAN, ROW, DOUBTFUL, CONDITIONAL]


def test_the_reports_show_every_field_but_those_on_the_list(folder):
    assert set(IN_REPORTS) | set(NOT_SHOWN) == names()
    assert not set(IN_REPORTS) & set(NOT_SHOWN)
    for report in ("report.md", "report.html"):
        text = (folder / report).read_text()
        assert [name for name, said in IN_REPORTS.items() if said not in text] == []
        assert "What else was measured" not in text


def test_the_table_of_attacks_is_whole(folder):
    table = attack_table(Results.load(folder), "oblivious")
    assert table.rows[0] == [
        "bim:4,steps=13", "Linf", "4", "13", "1.375", "6", "margin", "true", "none", "83", "14", "1.234", "3.25",
        "0.9876", "2.468", "67.8",
    ]  # fmt: skip
    assert len(table.columns) == len(table.rows[0])


def test_a_new_field_touches_the_row_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(entries, "Row", Wider)
    wide = [Wider(**{**vars(row), "sharpness": 0.1875 * place}) for place, row in enumerate((CLEAN, ROW))]
    Results({"warnings": []}, wide, (), tuple(map(str, range(97)))).save(tmp_path)
    loaded = Results.load(tmp_path)
    assert [row.sharpness for row in loaded.rows] == [0.0, 0.1875]
    write_report(loaded, tmp_path)
    assert "sharpness" in (tmp_path / "results.csv").read_text().splitlines()[0]
    assert "| oblivious bim:4,steps=13 jpeg:60 | 0.188 |" in (tmp_path / "report.md").read_text()
    for said in ("What else was measured", '<th scope="col">sharpness</th>', "0.188"):
        assert said in (tmp_path / "report.html").read_text()
