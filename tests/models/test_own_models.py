"""What went wrong with models and data as people have them, each with the right number."""

import json
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tf_lowdef import FlipLayer, WebPLayer, as_classifier, defend, evaluate, grad_cam, load_model
from tf_lowdef.attacks import BIM, FGSM
from tf_lowdef.models.range_probe import RangeError

SIDE, COUNT, CLASSES = 16, 120, 4


@pytest.fixture(scope="module")
def data():
    """uint8 images, one quadrant of each brighter by a little; one label in eight is wrong."""
    rng = np.random.default_rng(0)
    labels = np.arange(COUNT) % CLASSES
    images = rng.normal(112, 12, (COUNT, SIDE, SIDE, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] += 16
    labels[::8] = (labels[::8] + 1) % CLASSES
    return np.clip(np.rint(images), 0, 255).astype(np.uint8), labels.astype(np.int64)


def network(scale=255.0, activation="softmax"):
    """The same network for values in [0, 255 / scale]; outside of them it says the same of everything."""
    constant = keras.initializers.Constant
    kernel = (np.repeat(np.eye(CLASSES), 3, axis=0) * 10 * scale / 255).tolist()
    return keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(3, 1, use_bias=False, kernel_initializer=constant(np.eye(3)[None, None].tolist())),
            keras.layers.AveragePooling2D(SIDE // 2),
            keras.layers.Flatten(),
            keras.layers.Dense(CLASSES, "tanh", kernel_initializer=constant(kernel), bias_initializer=constant(-14.1)),
            keras.layers.Dense(CLASSES, activation, kernel_initializer=constant((np.eye(CLASSES) * 4).tolist())),
        ]
    )


@pytest.fixture(scope="module")
def mine():
    return network()


@pytest.fixture(scope="module")
def rebuilt():
    """The same network for pixels in [0, 255], with logits."""
    return network(1.0, None)


@pytest.fixture
def folder(data, tmp_path):
    """The images in folders by name, whose order is that of the classes."""
    for number, (image, label) in enumerate(zip(*data, strict=True)):
        place = tmp_path / "data" / f"class {'abcd'[label]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:03d}.png")
    return tmp_path / "data"


def accuracy(outputs, labels):
    return (np.asarray(outputs).argmax(axis=1) == labels).mean()


def test_without_any_option_evaluate_ends_in_the_range_error(mine, data):
    with pytest.raises(RangeError, match=r"87.5% correctly in \(0,1\) and 12.5% in \(0,255\).*input_range=\(0, 1\)"):
        evaluate(mine, data, ["bim:4"], ["none"])


@pytest.mark.slow
def test_with_the_option_the_numbers_are_those_of_the_network_for_pixels(mine, rebuilt, data):
    attacks, defences = ["fgsm:4", "bim:12"], ["none", "webp:60+flip"]
    found = evaluate(mine, data, attacks, defences, ("oblivious", "adaptive"), input_range=(0, 1))
    expected = evaluate(rebuilt, data, attacks, defences, ("oblivious", "adaptive"))
    rows = [(row.threat, row.attack, row.defence) for row in expected.rows]
    assert [(row.threat, row.attack, row.defence) for row in found.rows] == rows
    assert [row.correct for row in found.rows] == pytest.approx([row.correct for row in expected.rows], abs=1)
    assert found.row("none", "none").correct == 105


def test_layers_in_front_of_a_classifier(mine, data):
    images, labels = data
    expected = accuracy(mine.predict(WebPLayer(60)(images)[:, :, ::-1] / 255, verbose=0), labels)
    assert accuracy(mine(images / 255), labels) == 0.875
    defended = defend(mine, input_range=(0, 1))
    assert accuracy(defended.predict(images.astype(np.float32), verbose=0), labels) == expected
    inside = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(60, value_range=(0, 1)), FlipLayer(), mine])
    assert accuracy(inside.predict(images / 255, verbose=0), labels) == expected
    with pytest.warns(UserWarning, match="nearly black images"):
        defend(mine).predict(images / 255, verbose=0)


def test_an_attack_on_a_model_of_another_range(mine, rebuilt, data):
    images, labels = data
    with pytest.raises(RangeError, match="input_range"):
        BIM(4)(mine, images, labels)
    found = BIM(12)(as_classifier(mine, input_range=(0, 1)), images, labels)
    expected = BIM(12)(rebuilt, images, labels)
    assert (found.images == expected.images).all(axis=(1, 2, 3)).mean() > 0.9
    np.testing.assert_array_equal(found.clean_predictions, rebuilt(images.astype(np.float32)).numpy().argmax(1))
    for _ in range(2):  # not the first time alone
        with pytest.warns(UserWarning, match=r"BIM's `images`: the values lie in \[.*nearly black.*255"):
            BIM(4)(rebuilt, images / 255, labels)


@pytest.mark.slow
def test_a_served_model_takes_pixels_whatever_its_own_range(mine, data, tmp_path):
    from tf_lowdef.serving import export

    images, labels = data
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(60, value_range=(0, 1)), FlipLayer(), mine])
    served = tf.saved_model.load(str(export(model, tmp_path / "m")))
    answers = served.signatures["serving_default"](tf.constant(images, tf.float32))
    own = model.predict(images / 255, verbose=0)
    assert (answers["logits"].numpy().argmax(axis=1) == own.argmax(axis=1)).all()
    assert accuracy(answers["logits"], labels ^ 1) == 0.875  # the flip turns quadrant 0 into 1, and 2 into 3
    seen = WebPLayer(60)(images).numpy()[:, :, ::-1]
    np.testing.assert_allclose(answers["defended_pixels"], seen, atol=1e-4)  # pixels, whatever the model's own range
    evaluated = evaluate(model, data, ["fgsm:4"], ["none"])
    assert evaluated.row("none", "none").correct == round(accuracy(own, labels) * COUNT)


def test_what_is_served_is_compared_with_the_users_model(mine, data):
    from tf_lowdef.serving.own_scale import check_own_scale

    images, _ = data
    logits = np.asarray(as_classifier(mine, input_range=(0, 1))(images.astype(np.float32)))
    check_own_scale(mine, (0, 1), images, logits)
    with pytest.raises(ValueError, match=r"says something else on its own scale \(0,1\)"):
        check_own_scale(mine, (0, 1), images, np.asarray(as_classifier(mine)(images.astype(np.float32))))


def test_a_loaded_sequential_is_explained(mine, data, tmp_path):
    images, labels = data
    expected = grad_cam(mine, images[:3], labels[:3], input_range=(0, 1))
    assert expected.max(axis=(1, 2)).tolist() == [1, 1, 1]
    mine.save(tmp_path / "m.keras")
    loaded = load_model(tmp_path / "m.keras")
    other = keras.Input((SIDE, SIDE, 3))
    keras.Model(other, loaded(other))
    for layer in loaded.layers[:1]:
        layer(other)  # its first call is now not the one in the model alone
    np.testing.assert_allclose(grad_cam(loaded, images[:3], labels[:3], input_range=(0, 1)), expected, atol=1e-6)
    wrapped = keras.Sequential([keras.Sequential([loaded])])
    np.testing.assert_allclose(grad_cam(wrapped, images[:3], labels[:3], input_range=(0, 1)), expected, atol=1e-6)


def test_a_defended_sequential_that_was_never_called(rebuilt, data):
    images, labels = data
    results = evaluate(keras.Sequential([WebPLayer(60), FlipLayer(), rebuilt]), data, ["fgsm:4"], ["none"])
    right = accuracy(rebuilt(WebPLayer(60)(images)[:, :, ::-1]), labels)
    assert results.row("none", "none").correct == round(right * COUNT)


def test_class_folders_by_name(rebuilt, folder, run_cli, tmp_path):
    rebuilt.save(tmp_path / "m.keras")
    results = evaluate(rebuilt, folder, ["fgsm:4"], ["none"])
    assert results.row("none", "none").correct == 105
    assert results.run["data"]["classes"] == ["class a", "class b", "class c", "class d"]
    (tmp_path / "labels.txt").write_text("class d\nclass c\nclass b\nclass a\n")
    turned = evaluate(rebuilt, folder, ["fgsm:4"], ["none"], labels=tmp_path / "labels.txt")
    assert turned.row("none", "none").correct < 20


def test_the_command_line(mine, rebuilt, folder, run_cli, tmp_path):
    mine.save(tmp_path / "mine.keras")
    command = ["evaluate", "--data", folder, "--attack", "fgsm:4", "--defence", "none", "--limit", "80"]
    untold = run_cli(*command, "--model", tmp_path / "mine.keras", "--out", tmp_path / "untold")
    assert untold.code == 1
    assert "--input-range 0,1" in untold.err
    assert not (tmp_path / "untold" / "results.json").exists()
    told = run_cli(
        *command, "--model", tmp_path / "mine.keras", "--input-range", "0,1", "--outputs", "softmax", "--out",
        tmp_path / "told",
    )  # fmt: skip
    assert told.code == 0, told.err
    assert "Classes: 0 class a, 1 class b, 2 class c, 3 class d" in told.err
    rebuilt.save(tmp_path / "rebuilt.keras")
    same = run_cli(*command, "--model", tmp_path / "rebuilt.keras", "--out", tmp_path / "same")
    assert same.code == 0, same.err
    rows = [
        [(row["attack"], row["correct"]) for row in json.loads((tmp_path / name / "results.json").read_text())["rows"]]
        for name in ("told", "same")
    ]
    assert rows[0] == rows[1]
    gallery = json.loads((tmp_path / "told" / "gallery" / "gallery.json").read_text())
    assert "class a" in json.dumps(gallery) or "class b" in json.dumps(gallery)


@pytest.mark.parametrize("wrong", ["1,0", "half", "0", "0,1,2"])
def test_a_wrong_range_is_a_wrong_argument(wrong, run_cli, folder, tmp_path, mine):
    mine.save(tmp_path / "mine.keras")
    outcome = run_cli("evaluate", "--model", tmp_path / "mine.keras", "--data", folder, "--input-range", wrong)
    assert outcome.code == 2
    assert "expected the values of black and full" in outcome.err


@pytest.mark.parametrize("form", ["h5", "saved model"])
def test_other_files_of_models(form, mine, folder, run_cli, tmp_path):
    path = tmp_path / ("mine.h5" if form == "h5" else "saved")
    if form == "h5":
        mine.save(path)
    else:
        mine.export(path, verbose=False)
    outcome = run_cli(
        "evaluate", "--model", path, "--input-range", "0,1", "--data", folder, "--attack", "fgsm:4", "--defence",
        "none", "--out", tmp_path / "run",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    rows = json.loads((tmp_path / "run" / "results.json").read_text())["rows"]
    assert rows[0]["correct"] == 105


def test_attack_says_when_predictions_are_taken_for_labels(rebuilt, folder, tmp_path):
    from tf_lowdef.evaluation.folder.attack_folder import attack_folder

    (folder / "class e").mkdir()
    with pytest.warns(UserWarning, match="have no labels; the model's own predictions take their place"):
        attack_folder(rebuilt, folder, tmp_path / "out", FGSM(4))
    (folder / "class e").rmdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attack_folder(rebuilt, folder, tmp_path / "labelled", FGSM(4))


def test_data_in_other_forms(mine, data):
    images, labels = data
    forms = [
        tf.data.Dataset.from_tensor_slices((images, labels)).batch(50),
        (images, np.eye(CLASSES)[labels]),
        (images, labels[:, None]),
    ]
    for form in forms:
        results = evaluate(mine, form, ["fgsm:4"], ["none"], input_range=(0, 1))
        assert results.row("none", "none").correct == 105
    with pytest.warns(UserWarning, match="rounded to 8 bits"):
        results = evaluate(mine, (images / 255, labels), ["fgsm:4"], ["none"], input_range=(0, 1))
    assert results.row("none", "none").correct == 105


def test_labels_of_one_column_are_labels(rebuilt, data):
    images, labels = data
    expected = FGSM(4)(rebuilt, images, labels)
    for given in (labels[:, None], np.eye(CLASSES)[labels]):
        np.testing.assert_array_equal(FGSM(4)(rebuilt, images, given).success, expected.success)


@pytest.mark.parametrize("spec", ["fgsm:0.03", "bim:0.4", "square:0.03"])
def test_an_epsilon_of_another_scale_is_refused_with_the_units(spec):
    from tf_lowdef.attacks import parse_attack

    with pytest.raises(ValueError, match="grey levels of 255"):
        parse_attack(spec)
