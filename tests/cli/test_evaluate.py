import json

import fsspec
import keras
import pytest
from PIL import Image

from tf_lowdef import WebPLayer
from tf_lowdef.jobs import Store
from tf_lowdef.results import Results


def test_a_run_ends_in_a_table_a_picture_and_files(run_cli, model_file, csv_file, tmp_path):
    out = tmp_path / "the run"
    outcome = run_cli(
        "evaluate", "--model", model_file, "--data", csv_file, "--attack", "bim:4", "--attack", "deepfool",
        "--defence", "none", "--defence", "webp:60+flip", "--out", out, "--seed", "3",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert "webp:60+flip" in outcome.out
    assert "bim:4" in outcome.out
    assert f"Picture: {out / 'accuracy.png'}" in outcome.out
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    pictures = {f"adversarial/{attack}/{index}.png" for attack in ("bim-4", "deepfool") for index in range(6)}
    tables = {"run.json", "results.json", "results.csv", "correct.csv"}
    gallery = {name for name in names if name.startswith("gallery/")}
    assert "gallery/gallery.json" in gallery
    done = {name for name in names if name.startswith("done/")}
    assert {"done/run.json", "done/oblivious/bim%3A4/batch-00000.npz"} <= done
    assert names - gallery - done == tables | {"report.md", "report.html", "accuracy.png"} | pictures
    results = Results.load(out)
    assert results.run["command"].startswith(f"tf-lowdef evaluate --model {model_file}")
    assert results.run["seed"] == 3
    assert results.row("none", "none").correct == 6
    assert results.row("bim:4", "none").correct == 0
    assert "| webp:60+flip |" in (out / "report.md").read_text()
    with Image.open(out / "accuracy.png") as picture:
        assert picture.size > (600, 300)


def test_restart_moves_the_old_run_aside(run_cli, model_file, csv_file, tmp_path):
    arguments = ["evaluate", "--model", model_file, "--data", csv_file, "--out", tmp_path / "run", "--attack"]
    assert run_cli(*arguments, "fgsm:1").code == 0
    before = (tmp_path / "run" / "results.json").read_bytes()
    outcome = run_cli(*arguments, "fgsm:2", "--seed", "1")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (1, "", 1)
    assert f"{tmp_path / 'run'}: holds another run (" in outcome.err
    assert 'arguments.attacks: ["fgsm:1"], now ["fgsm:2"]; arguments.seed: 0, now 1' in outcome.err
    assert run_cli(*arguments, "fgsm:2", "--restart").code == 0
    assert (tmp_path / "run.1" / "results.json").read_bytes() == before


def test_a_run_at_a_url(run_cli, model_file, csv_file, tmp_path):
    files, url = fsspec.filesystem("memory"), f"memory://{tmp_path.name}/run"
    arguments = ["evaluate", "--model", model_file, "--data", csv_file, "--out", url, "--attack", "bim:1"]
    outcome = run_cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert f"Page:    {url}/report.html" in outcome.out
    found = {path.removeprefix(f"/{tmp_path.name}/run/") for path in files.find(f"/{tmp_path.name}/run")}
    assert {"results.json", "report.html", "accuracy.png", "gallery/gallery.json", "done/run.json"} <= found
    before = files.cat_file(f"{url}/results.json")
    outcome = run_cli(*arguments, "--seed", "1")
    assert outcome.err.startswith(f"Error: {url}: holds another run (arguments.seed: 0, now 1); take another folder")
    assert outcome.err.count("\n") == 1
    assert run_cli(*arguments, "--seed", "1", "--restart").code == 0
    assert files.cat_file(f"{url}.1/results.json") == before
    files.rm(f"/{tmp_path.name}", recursive=True)


def test_ctrl_c_says_how_the_run_goes_on(run_cli, model_file, csv_file, tmp_path, monkeypatch):
    arguments = ["evaluate", "--model", model_file, "--data", csv_file, "--attack", "fgsm:1", "--out", tmp_path / "run"]
    save, saved = Store.save, []

    def save_two_then_stop(*args):
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(save(*args))

    with monkeypatch.context() as patch:
        patch.setattr(Store, "save", save_two_then_stop)
        outcome = run_cli(*arguments)
    assert (outcome.code, outcome.out) == (130, "")
    assert f"the same command with --out {tmp_path / 'run'} goes on." in outcome.err
    assert outcome.err.endswith("Interrupted.\n")
    outcome = run_cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert Results.load(tmp_path / "run").row("fgsm:1", "none").n == 6


def test_skipped_images_and_warnings_stand_in_every_output(run_cli, model_file, csv_file, tmp_path):
    (tmp_path / "2.png").write_bytes(b"broken")
    shifted = csv_file.read_text().replace(",0", ",x").replace(",1", ",0").replace(",x", ",1")
    csv_file.write_text(shifted)
    outcome = run_cli(
        "evaluate", "--model", model_file, "--data", csv_file, "--attack", "fgsm:1", "--out", tmp_path / "run"
    )
    assert outcome.code == 0
    report, table = (tmp_path / "run" / "report.md").read_text(), (tmp_path / "run" / "results.csv").read_text()
    content = json.loads((tmp_path / "run" / "results.json").read_text())
    for text in (outcome.out, report, table, " ".join(content["run"]["warnings"])):
        assert "near chance" in " ".join(text.split())
    for text in (outcome.out, report):
        assert "1 image could not be read and was skipped" in text
        assert "2.png" in text


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"--data": "nowhere.csv"}, 2, "'nowhere.csv': no such file or folder"),
        ({"--model": "MobileNetV3"}, 2, "MobileNetV3"),
        ({"--model": "nowhere.keras"}, 2, "nowhere.keras"),
        ({"--weights": "imagenet"}, 2, "holds its own weights"),
        ({"--attack": "bimm:4"}, 2, "Unknown attack 'bimm'. Did you mean 'bim'?"),
        ({"--attack": "bim:-4"}, 2, "bim:-4"),
        ({"--defence": "webp:400"}, 2, "'webp:400': `quality` must be a number from 0 to 100"),
        ({"--threat": "omniscient"}, 2, "'omniscient' is not one of 'oblivious', 'transfer', 'adaptive'"),
    ],
)
def test_bad_input_is_one_clear_line(changes, code, message, run_cli, model_file, csv_file, tmp_path):
    options = {"--model": model_file, "--data": csv_file, "--out": tmp_path / "run", **changes}
    outcome = run_cli("evaluate", *[part for pair in options.items() for part in pair])
    assert outcome.code == code
    assert outcome.err.startswith("Error: ")
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert outcome.out == ""


def test_label_out_of_range_is_one_clear_line(run_cli, model_file, csv_file):
    csv_file.write_text(csv_file.read_text().replace("3.png,1", "3.png,2"))
    outcome = run_cli("evaluate", "--model", model_file, "--data", csv_file)
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "Label 2 of '3' is out of range: the model has 2 classes" in outcome.err


def test_options_that_need_each_other(run_cli, model_file, csv_file):
    assert run_cli("evaluate", "--data", csv_file).code == 2
    assert run_cli("evaluate", "--model", model_file).code == 2
    assert run_cli("evaluate", "--weights", "none").code == 2


def test_debug_shows_the_traceback(run_cli, tmp_path):
    (tmp_path / "damaged.keras").write_bytes(b"")
    with pytest.raises(ValueError, match="Not a model that Keras can load"):
        run_cli("--debug", "evaluate", "--model", tmp_path / "damaged.keras", "--data", tmp_path)


def test_three_threats_in_one_command(run_cli, model_file, csv_file, tmp_path):
    out = tmp_path / "run"
    outcome = run_cli(
        "evaluate", "--model", model_file, "--data", csv_file, "--surrogate", model_file, "--attack", "bim:6",
        "--defence", "none", "--defence", "webp:60+flip", "--threat", "oblivious", "--threat", "transfer",
        "--threat", "adaptive", "--budget", "quick", "--out", out,
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    shown, report = " ".join(outcome.out.split()), (out / "report.md").read_text()
    content = json.loads((out / "results.json").read_text())
    for text in (shown, report, (out / "results.csv").read_text(), " ".join(content["run"]["warnings"])):
        assert "not a robustness claim" in text
    for text in ("transfer bim:6", "oblivious bim:6", "worst:6"):
        assert text in report
    sentence = report.splitlines()[2]
    assert sentence.startswith("`webp:60+flip` at epsilon 6 ")
    assert sentence in shown
    assert content["comparisons"]
    assert len((out / "correct.csv").read_text().splitlines()) == 7
    # the same model as its own surrogate: the same images
    results = Results.load(out)
    assert results.row("bim:6", "none", "transfer").per_image == results.row("bim:6", "none").per_image


def test_a_masked_model_is_unreliable_in_every_output(run_cli, model_file, csv_file, tmp_path):
    inner = keras.models.load_model(model_file)
    masked = keras.Sequential([keras.Input((16, 16, 3)), WebPLayer(95, gradient="none"), inner])
    masked.save(tmp_path / "masked.keras")
    outcome = run_cli(
        "evaluate", "--model", tmp_path / "masked.keras", "--data", csv_file, "--attack", "bim:2", "--defence", "none",
        "--threat", "oblivious", "--threat", "adaptive", "--out", tmp_path / "run",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    content = json.loads((tmp_path / "run" / "results.json").read_text())
    assert {row["attack"] for row in content["rows"] if row["unreliable"]} == {"bim:2", "worst:2"}
    for text in (outcome.out, *((tmp_path / "run" / name).read_text() for name in ("report.md", "results.csv"))):
        assert "unreliable" in text
        assert "the model gives no gradient" in " ".join(text.split())


def test_surrogate_options_need_each_other(run_cli, model_file, csv_file):
    arguments = ["evaluate", "--model", model_file, "--data", csv_file]
    assert run_cli(*arguments, "--threat", "transfer").code == 2
    assert run_cli(*arguments, "--surrogate", model_file).code == 2
    assert run_cli(*arguments, "--surrogate-weights", "none").code == 2
    outcome = run_cli(*arguments, "--budget", "quick")
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "`budget` is what threat='adaptive' may spend" in outcome.err


def test_targeted(run_cli, model_file, csv_file, tmp_path):
    arguments = ["evaluate", "--model", model_file, "--data", csv_file, "--out", tmp_path / "run", "--targeted"]
    outcome = run_cli(*arguments, "--attack", "bim:8", "--defence", "none")
    assert outcome.code == 0, outcome.err
    row = Results.load(tmp_path / "run").row("bim:8,targeted=true", "none")
    assert row.correct == 0
    assert row.setting["labels"] == "random target"
    outcome = run_cli(*arguments)
    assert outcome.code == 2
    assert "--targeted needs attacks that can aim at a class" in outcome.err
    assert "Received: deepfool" in outcome.err
