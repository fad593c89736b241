import csv
import json
import math
import sys

import pytest

from tf_lowdef.results import Comparison, Results, Row


def row(threat, attack, defence, top1, **more):
    return Row(threat, attack, defence, 10, 10 * top1, top1, (max(0, top1 - 0.1), min(1, top1 + 0.1)), **more)


@pytest.fixture
def results():
    clean = Row(None, "none", "none", 10, 9, 0.9, (0.6, 0.98), resolution=(8, 8))
    setting = {"name": "deepfool", "norm": "L2", "epsilon": None, "steps": 50}
    attacked = row(
        "oblivious", "deepfool", "webp:60+flip", 0.5, success_rate=0.4, attacked=9, left_out=1, zero_gradient=0,
        l2_mean=0.2, linf_max=3.0, ssim_mean=0.99, median_minimal_l2=math.inf, setting=setting,
    )  # fmt: skip
    return Results({"seed": 0, "warnings": ["first", "second"]}, [clean, attacked])


@pytest.fixture
def many():
    rows = [row(None, "none", defence, 0.9) for defence in ("none", "jpeg:60", "webp:60+flip")]
    for defence, top1 in (("none", 0.0), ("jpeg:60", 0.4), ("webp:60+flip", 0.5)):
        rows += [
            row("oblivious", "fgsm:4", defence, top1 + 0.2),
            row("oblivious", "bim:4", defence, top1),
            row("oblivious", "bim:8", defence, top1 / 2),
            row("transfer", "bim:4", defence, 0.7),
            row("adaptive", "pgd:4", defence, 0.1, conditional=True),
            row("adaptive", "worst:4", defence, 0.1),
            row("adaptive", "worst:l2:4", defence, 0.3),
        ]
    pair = Comparison("oblivious", "bim:4", "none", "webp:60+flip", -0.5, (-0.8, -0.1), 0.01, 0.02, "exact")
    return Results({"warnings": ["<b>few</b> images"]}, rows, (pair,))


def test_questions(many):
    ours = "webp:60+flip"
    assert (many.defences, many.threats) == (["none", "jpeg:60", ours], ["oblivious", "transfer", "adaptive"])
    assert (many.subject, many.epsilon, many.n) == (ours, 4, 10)
    assert many.clean(ours).name == "clean webp:60+flip"
    assert many.strongest(ours).name == "oblivious bim:4 webp:60+flip"
    assert many.strongest(ours, epsilon=8).attack == "bim:8"
    assert many.strongest(ours, epsilon=2).attack == "bim:8"  # nothing was tried at it: of all, the most harmful
    assert many.worst(ours).attack == "worst:4"
    assert many.worst(ours, epsilon=8) is many.worst("flip") is many.clean("flip") is many.strongest("flip") is None
    assert [each.attack for each in many.select(kind="worst", defence=ours)] == ["worst:4", "worst:l2:4"]
    assert {each.threat for each in many.select(conditional=True)} == {"adaptive"}
    assert len(many.select(threat="oblivious", epsilon=4)) == 6
    (turned,) = many.compared(ours)
    assert (turned.second, turned.difference, turned.ci95) == ("none", 0.5, (0.1, 0.8))


def test_the_strongest_is_a_reliable_one_if_there_is_one():
    rows = [row("oblivious", "bim:4", "flip", 0.1, unreliable="masked"), row("oblivious", "fgsm:4", "flip", 0.6)]
    assert Results({}, rows).strongest("flip").attack == "fgsm:4"
    assert Results({}, rows[:1]).strongest("flip").attack == "bim:4"
    assert Results({}, [row("transfer", "bim:4", "flip", 0.6)]).strongest("flip").threat == "transfer"


def test_the_subject():
    def about(*tops):
        return Results({}, [row("oblivious", "bim:4", defence, top1) for defence, top1 in tops]).subject

    assert about(("none", 0.9), ("jpeg:60", 0.1), ("bits:3", 0.2)) == "bits:3"
    assert about(("jpeg:60", 0.9), ("webp:40,method=0+flip", 0.1)) == "webp:40,method=0+flip"
    assert about(("none", 0.9)) == Results({}, []).subject == "none"


def test_clean_rows_have_no_threat():
    with pytest.raises(ValueError, match="no threat, and every other one has. Received: threat='oblivious'"):
        row("oblivious", "none", "flip", 0.5)
    with pytest.raises(ValueError, match="threat=None, attack='bim:4'"):
        row(None, "bim:4", "flip", 0.5)


def test_the_bound_is_that_of_the_setting_or_of_the_name():
    assert row("oblivious", "bim:4", "flip", 0.5).epsilon == 4
    assert row("oblivious", "bim:4", "flip", 0.5).bound == ("Linf", 4)
    assert row("oblivious", "pgd:l2:0.5,steps=9", "flip", 0.5).bound == ("L2", 0.5)
    assert row("adaptive", "worst:l2:0.5", "flip", 0.5).bound == ("L2", 0.5)
    assert row("oblivious", "mine", "flip", 0.5, setting={"epsilon": 2.0}).epsilon == 2
    assert row("oblivious", "deepfool", "flip", 0.5, setting={"epsilon": None}).epsilon is None


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
    assert content["rows"][0]["threat"] is None
    assert content["rows"][1]["median_minimal_l2"] == "inf"
    assert content["run"] == json.loads((tmp_path / "run.json").read_text())
    with (tmp_path / "results.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows[1]["defence"] == "webp:60+flip"
    assert (rows[1]["ci95_low"], rows[1]["norm"], rows[1]["steps"]) == ("0.4", "L2", "50")
    assert rows[0]["steps"] == rows[0]["threat"] == ""
    assert {row["warnings"] for row in rows} == {"first | second"}


def test_folders_of_version_0_1_0(tmp_path):
    """They named a threat of the attackers that were tried in the rows of clean images."""
    now = Results(
        {"versions": {"tf_lowdef": "0.1.0"}},
        [row(None, "none", "none", 0.5, per_image=(1.0, 0.0) * 5), row("adaptive", "worst:4", "none", 0.0)],
        (Comparison(None, "none", "none", "none", 0.0, (0.0, 0.0), 1.0, 1.0, "exact"),),
        tuple("abcdefghij"),
    )
    now.save(tmp_path)
    content = json.loads((tmp_path / "results.json").read_text())
    content["rows"][0]["threat"] = content["comparisons"][0]["threat"] = "adaptive"
    (tmp_path / "results.json").write_text(json.dumps(content))
    columns = (tmp_path / "correct.csv").read_text()
    assert columns.startswith("image,clean none\n")
    (tmp_path / "correct.csv").write_text(columns.replace("clean none", "adaptive none none"))
    assert Results.load(tmp_path) == now
    assert Results.load(tmp_path, strict=False).rows == now.rows


def test_missing_and_damaged_results_are_named(results, tmp_path):
    with pytest.raises(FileNotFoundError, match="results.json: no such file"):
        Results.load(tmp_path)
    for text in ("", "[]", '{"run": {}, "rows": [{"attack": "bim:4"}]}'):
        (tmp_path / "results.json").write_text(text)
        with pytest.raises(ValueError, match="results.json: not the results of a run"):
            Results.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda content: content["rows"][0].update(top1=0.7), "top1 is 0.7, but correct / n is 0.9"),
        (lambda content: content["rows"][1].update(ssim_mean="high"), "ssim_mean is no number: 'high'"),
        (lambda content: content["rows"][1].update(attacked=1.5), "attacked is no whole number: 1.5"),
        (lambda content: content["rows"][1].update(conditional=0), "conditional is no truth value: 0"),
        (lambda content: content["rows"][1].update(setting=[]), "setting is no object"),
        (lambda content: content["rows"][1].update(resolution=[1, 2, 3]), "resolution is no pair of numbers"),
        (lambda content: content["rows"][1].update(threat=None), "has no threat, and every other one has"),
        (lambda content: content["rows"][1].update(aura=1), "not known here"),
        (lambda content: content.pop("run"), "what was run is not recorded"),
        (lambda content: content.pop("comparisons"), "there are no comparisons"),
    ],
)
def test_the_one_reader_is_strict_or_says_what_it_left_out(results, tmp_path, change, said):
    results.save(tmp_path)
    content = json.loads((tmp_path / "results.json").read_text())
    change(content)
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"results.json: not the results of a run: .*{said}"):
        Results.load(tmp_path)
    assert said in " ".join(Results.load(tmp_path, strict=False).warnings)


def test_it_shows_itself(many):
    assert repr(many) == "Results(3 defences, 5 attacks, 10 images, 1 warning)"
    shown = many._repr_html_()
    assert "<th>webp:60+flip</th><td>90.0 (80.0 to 100.0)</td>" in shown
    assert "<li>&lt;b&gt;few&lt;/b&gt; images</li>" in shown
    assert "0.0* (0.0 to 10.0)" in shown


def test_the_plot_is_the_picture_of_the_report(many):
    (axes,) = many.plot().axes
    assert [label.get_text() for label in axes.get_xticklabels()][:2] == ["clean", "oblivious\nfgsm:4"]
    assert len(axes.containers) == 3


def test_pandas(many):
    frame = pytest.importorskip("pandas") and many.to_pandas()
    assert list(frame.loc[frame.attack == "bim:4"].groupby("threat").top1.mean()) == pytest.approx([0.3, 0.7])
    assert {"ci95_low", "ci95_high", "height", "threat", "draws"} <= set(frame.columns)
    assert frame.attrs["warnings"] == many.warnings


def test_without_pandas(many, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ModuleNotFoundError, match="needs pandas: pip install pandas"):
        many.to_pandas()
