import csv
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "all_attack.py"


@pytest.fixture
def photos(tmp_path):
    """A folder of six images, and a classifier of them by the mean of red against green."""
    (tmp_path / "photos").mkdir()
    for index in range(6):
        colour = [110, 110, 110]
        colour[index % 2] += 3
        noise = np.random.default_rng(index).integers(-2, 3, (16, 16, 1))
        Image.fromarray((np.full((16, 16, 3), colour) + noise).astype(np.uint8)).save(tmp_path / f"photos/{index}.png")
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, outputs)
    model.get_layer("logits").set_weights([np.array([[1.0, 0], [0, 1], [0, 0]]), np.zeros(2)])
    model.save(tmp_path / "model.keras")
    return tmp_path


def table(folder):
    with (folder / "attack.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_of_adversarial_images(run_cli, photos):
    arguments = ["attack", photos / "photos", "-o", photos / "out", "--model", photos / "model.keras"]
    outcome = run_cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert "attacked 6, already there 0, skipped 0, failed 0" in outcome.out
    assert [row["status"] for row in table(photos / "out")] == ["adversarial"] * 6
    assert "success: 6 of 6 images that the model had right (100.0 %)" in outcome.out
    assert all(row["before"] == row["label"] != row["reread"] for row in table(photos / "out"))
    assert "attacked 0, already there 6" in run_cli(*arguments).out
    assert "attacked 6" in run_cli(*arguments, "--force").out


def test_a_failure_exits_with_1_and_is_named(run_cli, photos):
    (photos / "photos" / "broken.png").write_bytes(b"")
    outcome = run_cli("attack", photos / "photos", "-o", photos / "out", "--model", photos / "model.keras")
    assert outcome.code == 1
    assert "attacked 6" in outcome.out
    assert "failed: broken.png: is empty" in outcome.err
    assert "broken.png,is empty" in (photos / "out" / "failed.csv").read_text()


def test_what_is_not_adversarial_is_reported(run_cli, photos):
    outcome = run_cli(
        "attack", photos / "photos", "-o", photos / "out", "--model", photos / "model.keras", "--attack", "fgsm:1"
    )
    assert outcome.code == 0
    assert "note: 6 not adversarial" in outcome.out
    assert "success: 0 of 6 images that the model had right (0.0 %)" in outcome.out


def test_wrong_arguments_exit_with_2(run_cli, photos):
    assert run_cli("attack", photos / "photos").code == 2
    assert run_cli("attack", photos / "nowhere", "-o", photos / "out").code == 2
    assert run_cli("attack", photos / "photos", "-o", photos / "photos", "--model", photos / "model.keras").code == 2
    assert run_cli("attack", photos / "photos", "-o", photos / "out", "--weights", "none").code == 2
    assert run_cli("attack", photos / "photos", "-o", photos / "out", "--attack", "nosuch").code == 2
    assert run_cli("attack", photos / "photos", "-o", photos / "out", "--model", "NoSuchNet").code == 2
    assert run_cli("attack", photos / "photos", "-o", photos / "out", "--workers", "2").code == 2
    assert run_cli("webp", photos / "photos", "-o", photos / "out", "--workers", "2").code == 2
    assert run_cli("webp", photos / "photos", "--replace", "--ray").code == 2
    assert run_cli("webp", photos / "photos" / "0.png", "-o", photos / "out", "--ray").code == 2
    outcome = run_cli("evaluate", "--gpus-per-worker", "1")
    assert (outcome.code, "need --ray" in outcome.err) == (2, True)
    assert not (photos / "out").exists()


def test_ray_that_is_not_installed_is_named(run_cli, photos, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    outcome = run_cli("webp", photos / "photos", "-o", photos / "out", "--ray")
    assert outcome.code == 1
    assert "pip install 'tf_lowdef[ray]'" in outcome.err
    assert not (photos / "out").exists()


@pytest.mark.slow
def test_ray_on_this_machine(run_cli, photos):
    pytest.importorskip("ray", reason="Ray is not installed: pip install -e '.[ray]'")
    outcome = run_cli("webp", photos / "photos", "-o", photos / "out", "--ray", "--workers", "1")
    assert (outcome.code, "converted 6" in outcome.out) == (0, True), outcome.err
    assert len(list((photos / "out").glob("*.webp"))) == 6


@pytest.mark.parametrize(
    ("given", "out"), [([], "photos_adv"), pytest.param(["-o", "mine"], "mine", marks=pytest.mark.slow)]
)
def test_the_papers_script(given, out, photos):
    command = [sys.executable, SCRIPT, "photos", "--model", "model.keras", *given]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=photos)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in (photos / out).glob("*.png"))
    pairs = [(0, 1, ""), (0, 1, "_2"), (0, 1, "_3"), (1, 0, ""), (1, 0, "_2"), (1, 0, "_3")]
    assert names == sorted(f"Adv_{label}-{other}{number}.png" for label, other, number in pairs)


def test_targeted(run_cli, photos):
    arguments = ["attack", photos / "photos", "-o", photos / "out", "--model", photos / "model.keras", "--targeted"]
    outcome = run_cli(*arguments, "--attack", "bim:8")
    assert outcome.code == 0, outcome.err
    assert [row["reread"] for row in table(photos / "out")] == [
        str(1 - int(row["label"])) for row in table(photos / "out")
    ]


def test_what_cannot_be_targeted_is_refused(run_cli, photos):
    outcome = run_cli("attack", photos / "photos", "-o", photos / "out", "--attack", "deepfool", "--targeted")
    assert outcome.code == 2
    assert "can aim at a class (fgsm, bim, pgd, mim, cw, apgd-ce, apgd-dlr, square). Received: deepfool" in outcome.err
    assert not (photos / "out").exists()
