"""``tf_lowdef.gate``: one model of three outputs, which saves, loads, and is a classifier like others."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tf_lowdef
from tf_lowdef.defences import make_defence

DEFENCE = "bits:3"


@pytest.fixture(scope="module")
def gated(model, dataset):
    return tf_lowdef.gate(model, DEFENCE, dataset, squeezers=["median:3"], false_positive_rate=0.2)


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def test_says_what_it_answers_and_why(gated, model, dataset):
    images = dataset[0].astype(np.float32)
    found = gated.predict(images, verbose=0)
    bare = model.predict(images, verbose=0)
    behind = [make_defence(each).in_front_of(model).predict(images, verbose=0) for each in (DEFENCE, "median:3")]
    distances = [np.abs(softmax(bare) - softmax(each)).sum(axis=1) for each in behind]
    np.testing.assert_allclose(found["suspicion"], np.max(distances, axis=0), atol=1e-5)
    head = gated.get_layer("gate")
    suspicious = found["suspicion"] > head.threshold
    own, other = bare.argmax(axis=1), behind[0].argmax(axis=1)
    mean = (softmax(bare) + softmax(behind[0]))[np.arange(len(images))[:, None], np.stack([own, other], axis=1)]
    np.testing.assert_array_equal(found["defended"], suspicious | (mean[:, 1] > mean[:, 0]))
    taken = np.where(found["defended"][:, None], behind[0], bare)
    np.testing.assert_allclose(found["logits"], taken, atol=1e-4)
    assert suspicious.sum() == head.calibration["suspected"] <= 0.2 * 20
    plain = tf_lowdef.gate(model, DEFENCE, dataset, false_positive_rate=0.2, squeezers=["median:3"], arbitrate=False)
    np.testing.assert_array_equal(plain.predict(images, verbose=0)["defended"], suspicious)


def test_asks_the_classifier_once(model, dataset, monkeypatch):
    asked = []
    call = type(model).call

    def counted(self, inputs, *args, **kwargs):
        if self is model:
            asked.append(inputs.shape[0])
        return call(self, inputs, *args, **kwargs)

    gated = tf_lowdef.gate(model, DEFENCE, dataset, false_positive_rate=0.2)
    monkeypatch.setattr(type(model), "call", counted)
    gated(dataset[0][:5].astype(np.float32))
    assert asked == [10]


def test_saves_and_loads_safely(gated, dataset, tmp_path):
    gated.save(tmp_path / "gated.keras")
    again = tf_lowdef.load_model(tmp_path / "gated.keras")
    images = dataset[0].astype(np.float32)
    first, second = gated(images), again(images)
    assert set(first) == {"logits", "suspicion", "defended"}
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name])
    assert again.get_layer("gate").calibration == gated.get_layer("gate").calibration


def test_is_a_classifier_for_everything_that_takes_one(gated, dataset):
    images, labels = dataset
    classifier = tf_lowdef.as_classifier(gated)
    assert tf_lowdef.as_classifier(gated) is classifier is tf_lowdef.as_classifier(classifier)
    np.testing.assert_array_equal(classifier(images.astype(np.float32)), gated(images.astype(np.float32))["logits"])
    result = tf_lowdef.attacks.FGSM(6)(gated, images, labels)
    assert result.linf.max() == 6
    with pytest.raises(ValueError, match="is a gate, which takes pixels"):
        tf_lowdef.as_classifier(gated, input_range=(0, 1))


def test_stands_over_any_model(dataset):
    images, _ = dataset
    inputs = keras.Input((24, 24, 3))
    pooled = keras.layers.Flatten()(keras.layers.AveragePooling2D(12)(inputs))
    own = keras.Model(inputs, keras.layers.Dense(4, activation="softmax")(pooled))
    hardened = tf_lowdef.defended_sequence(make_defence("bits:5").layers, tf_lowdef.as_classifier(own, (0, 1)))
    gated = tf_lowdef.gate(hardened, DEFENCE, images, false_positive_rate=0.2)
    assert gated.get_layer("gate").calibration["lost"] is None  # no labels, no accuracy
    assert gated(images.astype(np.float32))["logits"].shape == (20, 4)


def test_a_drop_of_clean_accuracy_is_kept_to(model, dataset):
    images, labels = dataset
    with pytest.warns(UserWarning, match="cannot show a drop of 0.5 points"):
        gated = tf_lowdef.gate(model, "bits:1", dataset, max_clean_drop=0.5)
    found = gated.get_layer("gate").calibration
    assert found["lost"] <= found["gained"]
    right = gated(images.astype(np.float32))["logits"].numpy().argmax(axis=1) == labels
    bare = model(images.astype(np.float32)).numpy().argmax(axis=1) == labels
    assert right.sum() == bare.sum() - found["lost"] + found["gained"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"false_positive_rate": 0.04}, ValueError, "24 clean images or more are needed"),
        ({"false_positive_rate": 0}, ValueError, "`false_positive_rate` must be"),
        ({"false_positive_rate": True}, ValueError, "`false_positive_rate` must be"),
        ({"max_clean_drop": -1}, ValueError, "`max_clean_drop` must be"),
        ({"false_positive_rate": 0.2, "max_clean_drop": 1}, ValueError, "Give one of"),
        ({"defence": "none"}, ValueError, "'none' is none"),
        ({"defence": "gate(flip)"}, ValueError, "not of gates"),
        ({"defence": 3}, TypeError, "A defence is a text"),
        ({"squeezers": "bits:3"}, ValueError, "asks every defence once"),
        ({"data": None}, ValueError, "`data` must hold clean images"),
        ({"limit": 0}, ValueError, "`limit` must be"),
        ({"limit": 3, "false_positive_rate": 0.2}, ValueError, "4 clean images or more"),
        ({"batch_size": 0}, ValueError, "`batch_size` must be"),
        ({"seed": -1}, ValueError, "`seed` must be"),
        ({"model": "MobileNetV2"}, TypeError, "must be a Keras model"),
    ],
)
def test_wrong_arguments_are_refused(model, dataset, arguments, error, message):
    with pytest.raises(error, match=message):
        tf_lowdef.gate(**{"model": model, "defence": DEFENCE, "data": dataset, **arguments})


def test_labels_of_another_model_are_refused(model, dataset):
    with pytest.raises(ValueError, match="is out of range"):
        tf_lowdef.gate(model, DEFENCE, (dataset[0], dataset[1] + 2), false_positive_rate=0.2)


def test_labels_that_are_all_wrong_choose_no_threshold(model, dataset):
    images, labels = dataset
    swapped = (images, (labels + 2) % 4)
    with pytest.raises(ValueError, match=r"`data` must be labelled as .* `max_clean_drop` .* near chance \(25.0%\)"):
        tf_lowdef.gate(model, DEFENCE, swapped, max_clean_drop=5)
    with pytest.warns(UserWarning, match="near chance"):
        tf_lowdef.gate(model, DEFENCE, swapped, false_positive_rate=0.2)


def test_labels_that_are_shifted_choose_no_threshold(model, dataset):
    images, labels = dataset
    kept = labels < 3
    shifted = (images[kept], labels[kept] + 1)
    with pytest.warns(UserWarning, match="With every label changed by -1"):
        tf_lowdef.gate(model, DEFENCE, shifted, false_positive_rate=0.2)


def test_a_gate_is_no_model_for_a_gate(gated, dataset):
    with pytest.raises(ValueError, match="is a gate already"):
        tf_lowdef.gate(gated, DEFENCE, dataset)


def test_grad_cam_does_not_mix_two_answers(gated, dataset):
    with pytest.raises(ValueError, match="explains one answer"):
        tf_lowdef.grad_cam(gated, dataset[0][:2])
