import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef import FlipLayer, WebPLayer, certify, evaluate, gate, harden
from tf_lowdef.attacks import BIM
from tf_lowdef.data.load import load_data
from tf_lowdef.evaluation.images.selection import select_images
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.sweep import sweep
from tf_lowdef.results.paths import folder_name

UINT8 = np.zeros((20, 24, 24, 3), np.uint8)
ATTACKS = ["fgsm:4", "deepfool"]
DEFENCES = ["none", "flip:vertical", "webp:30+flip"]


@pytest.fixture(scope="module")
def run(model, dataset, tmp_path_factory):
    """A whole run: its results, and the folder that it wrote."""
    folder = tmp_path_factory.mktemp("run")
    return evaluate(model, dataset, ATTACKS, DEFENCES, out=folder, batch_size=8), folder


def adversarial(folder, attack, names):
    return np.stack([np.asarray(Image.open(folder / "adversarial" / folder_name(attack) / f"{n}.png")) for n in names])


def test_rows_are_the_whole_grid_in_order(run):
    results, _ = run
    assert [(row.attack, row.defence) for row in results.rows] == [
        (attack, defence) for attack in ("none", *ATTACKS) for defence in DEFENCES
    ]
    assert all(row.n == 20 and row.top1 == row.correct / 20 for row in results.rows)
    assert all(row.ci95[0] <= row.top1 <= row.ci95[1] for row in results.rows)
    assert all(row.resolution == (24, 24) for row in results.rows)


def test_counts_are_those_of_the_defended_models_on_the_written_images(run, model, dataset):
    results, folder = run
    images, labels = dataset
    defended = {
        "none": model,
        "flip:vertical": keras.Sequential([FlipLayer("vertical"), model]),
        "webp:30+flip": keras.Sequential([WebPLayer(30), FlipLayer(), model]),
    }
    for attack in ("none", *ATTACKS):
        shown = images if attack == "none" else adversarial(folder, attack, [f"{i:02d}" for i in range(20)])
        for defence, classifier in defended.items():
            predictions = classifier.predict(shown.astype(np.float32), verbose=0).argmax(axis=1)
            assert results.row(attack, defence).correct == (predictions == labels).sum(), (attack, defence)


def test_norms_are_those_of_the_written_images(run, model, dataset):
    results, folder = run
    images, labels = dataset
    right = model.predict(images.astype(np.float32), verbose=0).argmax(axis=1) == labels
    assert 0 < (~right).sum() < 20
    for attack in ATTACKS:
        shown = adversarial(folder, attack, [f"{i:02d}" for i in range(20)])
        difference = (shown.astype(float) - images)[right]
        row = results.row(attack, "none")
        assert (row.attacked, row.left_out) == (right.sum(), (~right).sum())
        assert row.l2_mean == pytest.approx(np.sqrt(((difference / 255) ** 2).sum(axis=(1, 2, 3))).mean(), rel=1e-4)
        assert row.linf_max == np.abs(difference).max()
        assert 0 < row.ssim_mean < 1
    assert results.row("fgsm:4", "none").linf_max == 4
    assert results.row("fgsm:4", "none").median_minimal_l2 is None
    assert results.row("deepfool", "none").median_minimal_l2 > 0


def test_success_rate_counts_what_the_defended_model_had_right(run):
    results, _ = run
    for row in results.rows:
        if row.attack == "none":
            assert row.success_rate is None
    bare, clean = results.row("fgsm:4", "none"), results.row("none", "none")
    # an image that the bare model has wrong already stays wrong under a gradient sign step here
    assert bare.success_rate == pytest.approx((clean.correct - bare.correct) / clean.correct)
    assert bare.success_rate > 0.5


def test_the_row_says_what_the_attack_was(run):
    results, _ = run
    setting = results.row("fgsm:4", "webp:30+flip").setting
    assert setting["epsilon"] == 4
    assert {"norm", "steps", "step_size", "restarts", "loss", "labels", "knowledge"} <= set(setting)


def test_run_says_what_was_run(run):
    results, folder = run
    content = json.loads((folder / "run.json").read_text())
    assert content == results.run
    assert content["arguments"]["attacks"] == ATTACKS
    assert content["data"]["used"] == 20
    assert {"tensorflow", "keras", "pillow", "libwebp", "tf_lowdef"} <= set(content["versions"])
    assert "unknown" not in content["versions"].values()
    assert len(content["model"]["weights_sha256"]) == len(content["data"]["sha256"]) == 64


def test_batch_size_and_files_change_no_count(run, model, csv_data):
    again = evaluate(model, csv_data, ATTACKS, DEFENCES, batch_size=20)
    assert [row.correct for row in again.rows] == [row.correct for row in run[0].rows]


def test_limit_draws_by_seed(model, dataset):
    def used(seed):
        data = load_data(dataset, None)
        return select_images(data, RunModels(model, {}), limit=6, seed=seed).indices

    assert used(0) == used(0)
    assert len({tuple(used(seed)) for seed in range(5)}) == 5
    assert all(len(set(used(seed))) == 6 for seed in range(5))
    assert evaluate(model, dataset, [], ["none"], limit=6).rows[0].n == 6
    assert evaluate(model, dataset, [], ["none"], limit=50).rows[0].n == 20


def test_only_correct_leaves_the_others_out(model, dataset):
    results = evaluate(model, dataset, ["fgsm:4"], ["none"], only_correct=True)
    clean, attacked = results.rows
    assert clean.top1 == 1
    assert attacked.left_out == 0
    assert clean.n + results.run["data"]["left_out_misclassified"] == 20
    assert attacked.success_rate == pytest.approx(1 - attacked.top1)


def test_layers_and_attack_objects_may_be_given(model, dataset):
    results = evaluate(model, dataset, [BIM(epsilon=2, steps=3)], [[FlipLayer()], []], limit=4)
    assert [row.defence for row in results.rows] == ["flip", "none"] * 2
    assert results.rows[-1].setting["steps"] == 3


def test_unreadable_images_are_skipped_named_and_counted(model, csv_data):
    (csv_data.parent / "images" / "05.png").write_bytes(b"no image")
    (csv_data.parent / "images" / "07.png").unlink()
    results = evaluate(model, csv_data, [], ["none"])
    assert results.rows[0].n == 18
    assert [item["image"] for item in results.run["skipped"]] == ["images/05", "images/07"]
    assert "no such file" in results.run["skipped"][1]["reason"]


def test_nothing_readable_is_an_error(model, tmp_path):
    (tmp_path / "list.csv").write_text("file,label\na.png,0\nb.png,1\n")
    with pytest.raises(ValueError, match="none of 2 images could be read. The first: .*a.png: no such file"):
        evaluate(model, tmp_path / "list.csv", [], ["none"])


def test_a_softmax_is_taken_off(model, dataset):
    softmax = keras.Sequential([model, keras.layers.Softmax()])
    found, expected = (evaluate(each, dataset, ["fgsm:4", "deepfool"], ["none"], limit=8) for each in (softmax, model))
    assert [row.correct for row in found.rows] == [row.correct for row in expected.rows]
    assert not any("softmax" in warning for warning in found.warnings)


def test_shifted_labels_are_a_warning(model, dataset):
    images, _ = dataset
    labels = np.maximum(model.predict(images.astype(np.float32), verbose=0).argmax(axis=1) - 1, 0)
    assert "changed by +1" in " ".join(evaluate(model, (images, labels), [], ["none"]).warnings)


def test_zero_gradients_make_a_row_unreliable(dataset):
    images, labels = dataset
    inputs = keras.Input((24, 24, 3))
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(12)(inputs))
    saturated = keras.layers.Dense(4, kernel_initializer="ones")(keras.layers.ReLU(max_value=1)(pooled))
    model = keras.Model(inputs, saturated)
    labels = model.predict(images.astype(np.float32), verbose=0).argmax(axis=1)
    results = evaluate(model, (images, labels), ["bim:4"], ["none"])
    assert results.rows[-1].top1 == 1
    assert results.rows[-1].zero_gradient == 20
    assert results.rows[-1].unreliable.startswith("nothing but zero gradients on 20 of 20 images; ")
    assert any("oblivious bim:4 against none: nothing but zero" in warning for warning in results.warnings)


def test_an_image_that_vanishes_on_the_way_is_skipped(model, csv_data):
    def remove(what, done, total):
        if what.startswith("Classifying"):
            (csv_data.parent / "images" / "05.png").unlink(missing_ok=True)

    results = evaluate(model, csv_data, [], ["none"], progress=remove)
    assert results.rows[0].n == 19
    assert [item["image"] for item in results.run["skipped"]] == ["images/05"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attacks": ["pdg:4"]}, "Unknown attack 'pdg'. Did you mean 'pgd'"),
        ({"defences": ["web:60"]}, "Unknown defence 'web'. Did you mean 'webp'"),
        ({"defences": []}, "at least one defence"),
        ({"defences": ["flip", "flip:horizontal"]}, "names one twice"),
        ({"threat": "omniscient"}, "must be among oblivious, transfer, adaptive. Received: threat="),
        ({"limit": 0}, "Received: limit=0"),
        ({"batch_size": 0}, "Received: batch_size=0"),
    ],
)
def test_bad_arguments_are_named(changes, message, model, dataset):
    with pytest.raises(ValueError, match=message):
        evaluate(model, dataset, **{"attacks": [], "defences": ["none"], **changes})


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"attacks": [4]}, TypeError, r"`attacks` must be texts such as 'bim:4', or attacks .* Received: 4$"),
        ({"attacks": [BIM]}, TypeError, r"`attacks` must .*; make an attack of the class: BIM\(\.\.\.\)$"),
        ({"attacks": BIM}, TypeError, r"`attacks` must .*; make an attack of the class: BIM\(\.\.\.\)$"),
        ({"attacks": 4}, TypeError, "`attacks` must .* Received: 4$"),
        ({"defences": 5}, TypeError, "`defences` must be .* Received: 5$"),
        ({"defences": WebPLayer}, TypeError, "`defences` must be .*WebPLayer"),
        ({"threat": 5}, ValueError, "`threat` must be among .* Received: threat=5$"),
        ({"limit": 1.5}, ValueError, "`limit` must be an integer of at least 1. Received: limit=1.5$"),
        ({"batch_size": 2.5}, ValueError, "`batch_size` must be an integer of at least 1. Received: batch_size=2.5$"),
        ({"batch_size": "8"}, ValueError, "`batch_size` must be an integer"),
        ({"seed": 0.5}, ValueError, "`seed` must be an integer of at least 0. Received: seed=0.5$"),
        ({"seed": -1}, ValueError, "`seed` must be an integer of at least 0. Received: seed=-1$"),
    ],
)
def test_what_is_of_another_kind_is_named(changes, error, message, model, dataset):
    with pytest.raises(error, match=message):
        evaluate(model, dataset, **{"attacks": [], "defences": ["none"], **changes})


def test_one_attack_and_one_defence_stand_for_themselves(model, dataset):
    results = evaluate(model, dataset, BIM(4), WebPLayer(60), limit=np.int64(2), batch_size=np.int32(2))
    assert [(row.attack, row.defence, row.n) for row in results.rows] == [
        ("none", "webp:60", 2),
        ("bim:4", "webp:60", 2),
    ]


@pytest.mark.parametrize(
    "call",
    [
        lambda model, data: evaluate(model, data, [], ["none"]),
        lambda model, data: evaluate(model, tf.data.Dataset.from_tensor_slices(data), [], ["none"]),
        lambda model, data: evaluate(model, (UINT8, data[1]), [], ["gate(flip)"], calibration=data),
        lambda model, data: sweep(model, data, ["bim:4"], [60], [0]),
        lambda model, data: gate(model, "flip", data),
        lambda model, data: certify(model, data, "none", 0.12),
        lambda model, data: harden(model, data),
    ],
)
@pytest.mark.filterwarnings("ignore:Float images")
def test_floats_of_another_range_name_the_option_that_there_is(call, model, dataset):
    images, labels = dataset
    with pytest.raises(ValueError, match=r"pass input_range, such as \(0, 1\) .* no range was said$"):
        call(model, (images / 255, labels))


@pytest.mark.filterwarnings("ignore:Float images")
def test_floats_that_the_said_range_does_not_hold(model, dataset):
    images, labels = dataset
    with pytest.raises(ValueError, match=r"values from 0 to \d+, input_range=\(0, 1\)$"):
        evaluate(model, (images * 1.0, labels), [], ["none"], input_range=(0, 1))
    with pytest.raises(ValueError, match="preprocessed ones are no images any more: pass floats in"):
        evaluate(model, (images - 110.0, labels), [], ["none"], input_range="caffe")


def test_labels_beyond_the_model_are_named(model, dataset):
    images, labels = dataset
    with pytest.raises(ValueError, match="Label 7 of '03' is out of range: the model has 4 classes"):
        evaluate(model, (images, np.where(np.arange(20) == 3, 7, labels)), [], ["none"])


def test_a_used_folder_is_refused(model, dataset, tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds files already"):
        evaluate(model, dataset, [], ["none"], out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_not_a_number_in_the_outputs_is_named(dataset):
    inputs = keras.Input((24, 24, 3))
    outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(float("nan"))(inputs))
    with pytest.raises(ValueError, match="output is NaN or infinite for the clean image '"):
        evaluate(keras.Model(inputs, keras.layers.Dense(4)(outputs)), dataset, [], ["none"])


def test_the_warning_near_chance_counts_the_images_of_the_table(model, dataset):
    images, labels = dataset
    results = evaluate(model, (images, (labels + 2) % 4), [], ["none"], limit=7, batch_size=5)
    (warning,) = [each for each in results.warnings if "near chance" in each]
    assert f"accuracy is {results.rows[0].top1:.1%}" in warning
