"""``tf-lowdef export`` and ``tf-lowdef serve-check``."""

import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef import FlipLayer


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A flip and a classifier of two classes, as a .keras file."""
    folder = tmp_path_factory.mktemp("model")
    dense = keras.layers.Dense(2)
    layers = [keras.Input((16, 16, 3)), FlipLayer(), keras.layers.GlobalAveragePooling2D(), dense]
    model = keras.Sequential(layers)
    dense.set_weights([np.array([[0.1, 0], [0, 0.1], [0, 0]]), np.zeros(2)])
    model.save(folder / "model.keras")
    return folder / "model.keras"


@pytest.fixture(scope="module")
def exported(model_file, tmp_path_factory):
    from tf_lowdef import serving

    root = tmp_path_factory.mktemp("exported") / "flip"
    serving.export(model_file, root, class_names=["red", "green"])
    return root


@pytest.fixture
def no_compiler(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.slow
def test_export_a_file_twice(run_cli, model_file, tmp_path):
    (tmp_path / "names.txt").write_text("red\ngreen\n")
    out = tmp_path / "served"
    outcome = run_cli("export", model_file, "--out", out, "--labels", tmp_path / "names.txt")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Exported: {out / '1'}" in outcome.out
    assert f"tf-lowdef serve-check {out}" in outcome.out
    signature = tf.saved_model.load(str(out / "1")).signatures["serving_default"]
    answer = signature(pixels=tf.constant(np.full((1, 16, 16, 3), (0, 255, 0), np.float32)))
    assert answer["top_class_names"].numpy().tolist() == [[b"green", b"red"]]
    again = run_cli("export", model_file, "--out", out)
    assert (again.code, again.err.count("\n")) == (1, 1)
    assert "is there already" in again.err
    assert run_cli("export", model_file, "--out", out, "--version", 2, "--no-defended-pixels").code == 0
    assert "defended_pixels" not in tf.saved_model.load(str(out / "2")).signatures["serving_default"].structured_outputs


def test_export_puts_a_defence_in_front_of_the_embedded_classifier(run_cli, tmp_path):
    outcome = run_cli("export", "--defence", "flip+jpeg:60", "--out", tmp_path / "demo")
    assert (outcome.code, outcome.err) == (0, "")
    readme = (tmp_path / "demo" / "README.md").read_text()
    assert "FlipLayer, JPEGLayer" in readme
    assert "(batch, 10)" in readme


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--defence", "webp:60,method=6"], 1, "method=4 and evaluate that defence"),
        (["--defence", "webp:60,lossless=true"], 1, "Leave the layer out"),
        (["--defence", "wepb:60"], 2, "Did you mean 'webp'?"),
        (["--weights", "none"], 2, "--weights needs the name of an application"),
        (["--version", "0"], 2, "0"),
        (["--labels", "nowhere.txt"], 2, "nowhere.txt"),
        (["--max-image-size", "4096"], 2, "WIDTHxHEIGHT in pixels, such as 4096x4096. Received: '4096'"),
        (["--max-image-size", "8x4096"], 1, "smaller than what the model takes, 16x16"),
        (["--on-bad-image", "skip"], 2, "'mark', 'error'"),
        (["--samples", "nowhere"], 2, "nowhere"),
    ],
)
def test_refusals_of_export(arguments, code, message, run_cli, model_file, tmp_path):
    outcome = run_cli("export", model_file, "--out", tmp_path / "served", *arguments)
    assert outcome.code == code
    assert message in outcome.err
    assert not (tmp_path / "served").exists()


@pytest.mark.slow
def test_export_of_samples_and_what_happens_to_bad_images(run_cli, model_file, tmp_path, no_compiler):
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (30, 90), (0, 200, 30)).save(tmp_path / "photos" / "tall.png")
    out = tmp_path / "served"
    options = ["--samples", tmp_path / "photos", "--on-bad-image", "error", "--max-image-size", "60x100"]
    outcome = run_cli("export", model_file, "--out", out, *options)
    assert (outcome.code, outcome.err) == (0, "")
    assert "60 x\n  100 pixels" in (out / "README.md").read_text()
    outcome = run_cli("serve-check", out)
    assert (outcome.code, outcome.err) == (0, "")
    assert "ok: python serving_default: 1 images" in outcome.out
    assert "ok: python bad requests: 0 marked, " in outcome.out


@pytest.mark.slow
def test_serve_check_says_one_line_a_check(run_cli, exported, no_compiler):
    outcome = run_cli("serve-check", exported)
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["ok"] * 6 + ["skipped"]
    assert lines[-1] == "skipped: native: no C compiler (cc, gcc, clang)"
    assert lines[3].startswith("ok: python serving_default: 3 images, pixels identical, logits within ")


@pytest.mark.slow
def test_serve_check_of_a_spoilt_export_fails(run_cli, exported, tmp_path, no_compiler):
    spoilt = shutil.copytree(exported, tmp_path / "spoilt")
    file = spoilt / "1" / "variables" / "variables.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[0] ^= 255
    file.write_bytes(bytes(content))
    outcome = run_cli("serve-check", spoilt)
    assert outcome.code == 1
    assert "FAILED: python load: " in outcome.out


def test_serve_check_of_nothing(run_cli, tmp_path):
    assert run_cli("serve-check", tmp_path / "nowhere").code == 2
    outcome = run_cli("serve-check", tmp_path)
    assert (outcome.code, outcome.err.count("\n")) == (1, 1)
    assert "no exported model" in outcome.err
