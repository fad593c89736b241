"""The names of the classes stand wherever a class does."""

import csv
import json

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path):
    """Class folders by name, class 0 "amber"."""
    for number in range(6):
        colour = [110, 110, 110]
        colour[number % 2] += 3
        path = tmp_path / "photos" / ("amber", "green")[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), colour, np.uint8)).save(path)
    return tmp_path / "photos"


def lines(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_names_the_classes_of_its_folders_everywhere(run_cli, model_file, folder, tmp_path):
    out = tmp_path / "run"
    outcome = run_cli(
        "evaluate", "--model", model_file, "--data", folder, "--attack", "bim:4", "--defence", "none",
        "--defence", "flip", "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "Classes: 0 amber, 1 green" in outcome.err
    assert json.loads((out / "run.json").read_text())["data"]["classes"] == ["amber", "green"]
    found = [(line["image"], line["label"], line["class"]) for line in lines(out / "correct.csv")]
    expected = [(f"amber/{number}", "0", "amber") for number in (0, 2, 4)]
    assert found == expected + [(f"green/{number}", "1", "green") for number in (1, 3, 5)]
    (example, *_) = json.loads((out / "gallery" / "gallery.json").read_text())["examples"]
    assert example["label_name"] == "amber"
    assert [view["predicted_name"] for view in example["views"]][:2] == ["amber", "green"]
    assert "0 amber, 1 green" in (out / "report.md").read_text()
    page = (out / "report.html").read_text()
    assert "0 amber, 1 green" in page
    assert "amber" in page.replace("0 amber, 1 green", "").replace("amber/", "")  # in the gallery


def test_attack_names_the_class_of_every_picture(run_cli, model_file, folder, tmp_path):
    out = tmp_path / "adversarial"
    outcome = run_cli("attack", folder, "--out", out, "--model", model_file, "--attack", "bim:4")
    assert outcome.code == 0, outcome.err
    assert "Classes: 0 amber, 1 green" in outcome.err
    for line in lines(out / "attack.csv"):
        assert line["file"].startswith(line["label_name"])
        other = {"amber": "green", "green": "amber"}[line["label_name"]]
        names = [line[column] for column in ("before_name", "after_name", "reread_name")]
        assert names == [line["label_name"], other, other]
    again = run_cli("attack", folder, "--out", out, "--model", model_file, "--attack", "bim:4")
    assert "already there 6" in again.out


def test_attack_names_the_embedded_classes_and_those_of_a_file(run_cli, model_file, folder, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    (folder / "amber" / "0.png").rename(flat / "0.png")
    (tmp_path / "names.txt").write_text("red\nleaf\n")
    with pytest.warns(UserWarning, match="no labels"):
        run_cli(
            "attack", flat, "--out", tmp_path / "a", "--model", model_file, "--attack", "fgsm:4", "--labels",
            tmp_path / "names.txt",
        )  # fmt: skip
    (line,) = lines(tmp_path / "a" / "attack.csv")
    assert (line["before_name"], line["after_name"]) == ("red", "leaf")
    with pytest.warns(UserWarning, match="no labels"):
        run_cli("attack", flat, "--out", tmp_path / "b", "--attack", "fgsm:4")
    (line,) = lines(tmp_path / "b" / "attack.csv")
    from tf_lowdef.models import demo_class_names

    assert line["before_name"] == demo_class_names()[int(line["before"])]
