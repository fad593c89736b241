"""``tf-lowdef harden``: from a folder of images to a model, a page, and the same command again."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def toy(dataset, model, tmp_path):
    """A folder of class folders and a model file with a softmax that takes [0, 1]: arguments for the command."""
    images, labels = dataset
    for number, (image, label) in enumerate(zip(images[1:], labels[1:], strict=True)):
        for name, pixels in (("data", image), ("others", image ^ 1)):
            folder = tmp_path / name / str(label)
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{number:02d}.png")
    inputs = keras.Input((24, 24, 3))
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(12)(inputs))
    own = keras.Model(inputs, keras.layers.Dense(4, activation="softmax", name="logits")(pooled))
    own.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
    own.save(tmp_path / "toy.keras")
    return [
        "--model", tmp_path / "toy.keras", "--input-range", "0,1", "--data", tmp_path / "data", "--validation",
        tmp_path / "others", "--defence", "webp:60", "--batch-size", "8", "--epochs", "1",
    ]  # fmt: skip


def test_it_writes_the_model_as_it_was_given_and_goes_on(run_cli, toy, tmp_path):
    out = tmp_path / "hard.keras"
    outcome = run_cli("harden", *toy, "-o", out, "--budget", "none")
    assert outcome.code == 0, outcome.err
    assert f"Model:  {out}" in outcome.out
    assert "The weights are those of epoch 1" in outcome.out
    loaded = keras.models.load_model(out)
    assert loaded.layers[-1].activation is keras.activations.softmax
    scores = loaded.predict(np.random.default_rng(0).random((2, 24, 24, 3)), verbose=0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    content = json.loads((tmp_path / "hard.training" / "harden.json").read_text())
    assert content["facts"]["recipe"] == "fgsm-rs:4"
    assert content["facts"]["trained_on"] == content["facts"]["validated_on"] == 19
    written = out.read_bytes()
    again = run_cli("harden", *toy, "-o", out, "--budget", "none")
    assert again.code == 0, again.err
    assert out.read_bytes() == written  # left alone: a second file would have other times in it
    other = run_cli("harden", *toy, "-o", out, "--budget", "none", "--recipe", "pgd:2,steps=1")
    assert (other.code, other.err.count("\n")) == (1, 1)
    assert 'arguments.recipe: "fgsm-rs:4", now "pgd:2,steps=1"' in other.err
    out.write_bytes(mine := (tmp_path / "toy.keras").read_bytes())
    foreign = run_cli("harden", *toy, "-o", out, "--budget", "none")
    assert (foreign.code, f"{out}: exists already, and is not what the training in" in foreign.err) == (1, True)
    assert out.read_bytes() == mine
    out.unlink()
    assert run_cli("harden", *toy, "-o", out, "--budget", "none").code == 0
    assert out.exists()


def test_a_stopped_training_says_which_option_names_its_folder(run_cli, toy, tmp_path, monkeypatch):
    def stop(*_, out, **__):
        (out / "done").mkdir(parents=True)
        raise KeyboardInterrupt

    monkeypatch.setattr("tf_lowdef.training.harden", stop)
    outcome = run_cli("harden", *toy, "-o", tmp_path / "hard.keras")
    assert f"the same command with --run {tmp_path / 'hard.training'} goes on" in " ".join(outcome.err.split())


def test_a_file_of_the_users_is_not_overwritten(run_cli, toy, tmp_path):
    (tmp_path / "mine.keras").write_text("precious")
    outcome = run_cli("harden", *toy, "-o", tmp_path / "mine.keras")
    assert outcome.code == 1
    assert "exists already" in outcome.err
    assert (tmp_path / "mine.keras").read_text() == "precious"


def test_the_users_model_is_never_moved(run_cli, toy, tmp_path):
    own = tmp_path / "toy.keras"
    before = own.read_bytes()
    outcome = run_cli("harden", *toy, "-o", own, "--restart")
    assert (outcome.code, "--out must be another file than --model" in outcome.err) == (2, True)
    (tmp_path / "mine.keras").write_text("precious")
    assert run_cli("harden", *toy, "-o", tmp_path / "mine.keras", "--restart").code == 1
    assert (tmp_path / "mine.keras").read_text() == "precious"
    assert own.read_bytes() == before


@pytest.mark.slow
def test_a_folder_that_is_a_url_goes_on_and_a_damaged_image_is_left_out(run_cli, toy, tmp_path):
    (tmp_path / "data" / "0" / "!first.png").write_bytes(b"no picture")
    command = ["harden", *toy, "-o", tmp_path / "hard.keras", "--budget", "none", "--run", f"file://{tmp_path}/run"]
    for _ in range(2):
        outcome = run_cli(*command, "--batch-size", "1")
        assert outcome.code == 0, outcome.err
    assert "1 image could not be read and was left out" in " ".join(outcome.err.split())


@pytest.mark.slow
def test_before_and_after_stand_on_a_page(run_cli, toy, tmp_path):
    outcome = run_cli("harden", *toy, "-o", tmp_path / "hard.keras", "--limit", "4")
    assert outcome.code == 0, outcome.err
    folder = tmp_path / "hard.training"
    assert "Behind webp:60 at epsilon 4, of 4 images: before" in outcome.out.replace("`", "")
    assert {"harden.html", "harden.md", "before", "after"} <= {path.name for path in folder.iterdir()}
    assert (folder / "after" / "report.html").exists()
    text = (folder / "harden.md").read_text()
    assert "adaptive, worst:4, webp:60" in text
    assert "transfer, fgsm:4, webp:60" in text
    assert "oblivious, fgsm:4, none" in text
