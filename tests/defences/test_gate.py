"""Gates as defences: how they are written and named, and what they refuse."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pytest

from tf_lowdef.defences import Calibration, Defence, Gate, Rule, make_defence, name_defences
from tf_lowdef.defences.calibration import Rightness, calibrate, calibration_doubts
from tf_lowdef.layers import FlipLayer
from tf_lowdef.results.names import DefenceName

FOUND = Calibration(0.5, "false_positive_rate=0.05", 20, 1)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("gate(webp:60+flip)", "gate(webp:60+flip)"),
        (" Gate( WebP:60 + flip ; median:3 )", "gate(webp:60+flip;median:3)"),
        ("gate:0.05(flip)", "gate(flip)"),
        ("gate:0.02(flip)", "gate:0.02(flip)"),
        ("gate:false_positive_rate=0.1(flip)", "gate:0.1(flip)"),
        ("gate:max_clean_drop=0.50(webp:60,method=2)", "gate:max_clean_drop=0.5(webp:60,method=2)"),
        ("gate:arbitrate=true(flip)", "gate(flip)"),
        ("gate:arbitrate=false(flip)", "gate:arbitrate=false(flip)"),
        ("gate:0.1,arbitrate=false(flip)", "gate:0.1,arbitrate=false(flip)"),
    ],
)
def test_a_gate_is_called_by_its_text(text, name):
    gate = make_defence(text)
    assert isinstance(gate, Gate)
    assert gate.name == name == make_defence(gate).name == make_defence(name).name
    assert gate.digest is None
    assert DefenceName(name).is_gate
    assert DefenceName(name).gated == gate.squeezers[0].name
    assert DefenceName(name).layers == ["gate"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gate", "A gate is written"),
        ("gate()", "A gate is written"),
        ("gate(flip", "A gate is written"),
        ("gate(flip;)", "A gate is written"),
        ("gate(flip)+webp:60", "A gate is written"),
        ("flip+gate(webp:60)", "A gate is written"),
        ("gate(gate(flip))", "A gate is written"),
        ("gate(none)", "'none' is none"),
        ("gate(flip;flip)", "asks every defence once"),
        ("gate(wepb)", "Did you mean 'webp'"),
        ("gate:2(flip)", "`false_positive_rate` must be"),
        ("gate:0(flip)", "`false_positive_rate` must be"),
        ("gate:1(flip)", "`false_positive_rate` must be"),
        ("gate:0.1,max_clean_drop=1(flip)", "Give one of"),
        ("gate:max_clean_drop=101(flip)", "`max_clean_drop` must be"),
        ("gate:threshold=1(flip)", "has no 'threshold'"),
    ],
)
def test_what_is_no_gate_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        make_defence(text)


def test_no_other_defence_is_called_as_a_gate():
    with pytest.raises(ValueError, match="means another gate"):
        make_defence(("gate(webp:60)", [FlipLayer()]))
    with pytest.raises(ValueError, match="means another gate"):
        make_defence(dataclasses.replace(make_defence("gate(flip)"), name="gate(webp:60)"))
    assert make_defence(("mine", make_defence("gate(flip)"))).name == "mine"


def test_gates_of_layers_without_a_text_are_told_apart():
    import keras

    custom = Defence("d", [keras.layers.GaussianNoise(0.5)])
    gate = Gate(squeezers=(custom,))
    assert gate.digest is not None


def test_names_of_several():
    assert list(name_defences(["none", "flip", "gate(flip)"])) == ["none", "flip", "gate(flip)"]


def test_without_a_threshold_nothing_is_answered(model):
    gate = make_defence("gate(flip)")
    with pytest.raises(ValueError, match="has no threshold yet"):
        gate.in_front_of(model)


def test_merge_is_the_model_in_front_of_a_classifier(model, dataset):
    images = dataset[0][:6]
    gate = dataclasses.replace(make_defence("gate(bits:2;median:3)"), calibration=FOUND)
    outputs = np.asarray(model(np.asarray(gate.apply(images))))
    np.testing.assert_allclose(gate.merge(outputs), gate.in_front_of(model)(images.astype("float32")), atol=1e-5)
    assert gate.copies == 3
    np.testing.assert_array_equal(gate.through(images), make_defence("bits:2").through(images))


def test_a_gate_travels_to_another_process(model, dataset):
    gate = dataclasses.replace(make_defence("gate(bits:2)"), calibration=FOUND)
    again = pickle.loads(pickle.dumps(gate))
    images = dataset[0][:4].astype("float32")
    np.testing.assert_array_equal(again.in_front_of(model)(images), gate.in_front_of(model)(images))
    assert Calibration.from_dict(FOUND.as_dict()) == FOUND


def test_a_drop_needs_labels_and_enough_images():
    scores, right = np.linspace(0, 1, 10), np.ones(10, bool)
    with pytest.raises(ValueError, match="needs labelled images"):
        calibrate(Rule(max_clean_drop=1), scores)
    found = calibrate(Rule(max_clean_drop=1), scores, Rightness(right, right, right))
    assert (found.threshold, found.lost, found.gained) == (0.0, 0, 0)
    assert "cannot show a drop of 1 points" in calibration_doubts(found, Rule(max_clean_drop=1))[0]


def test_what_arbitrating_gains_may_be_lost_above_the_threshold():
    scores = np.linspace(0.1, 1, 10)
    bare, defended = np.arange(10) != 0, np.arange(10) < 8  # the defence loses the two most suspicious, and gains one
    unsuspected = np.ones(10, bool)
    rule = Rule(max_clean_drop=0)
    found = calibrate(rule, scores, Rightness(bare, defended, unsuspected))
    assert (found.threshold, found.lost, found.gained) == (pytest.approx(0.9), 1, 1)
    assert calibrate(rule, scores, Rightness(bare, defended, bare)).threshold == pytest.approx(1)
    found = calibrate(rule, scores, Rightness(bare, bare, np.zeros(10, bool)))
    assert any("No threshold keeps the drop" in doubt for doubt in calibration_doubts(found, rule))


def test_a_defence_that_changes_every_answer_is_told():
    found = calibrate(Rule(0.5), np.full(30, 2.0))
    assert (found.threshold, found.suspected) == (2.0, 0)
    assert "never takes it" in calibration_doubts(found, Rule(0.5))[0]


def test_a_name_of_its_own_does_not_hide_what_a_gate_is():
    gates = [make_defence(("mine", text)) for text in ("gate(flip)", "gate(webp:60)", "gate:0.1(flip)")]
    assert len({each.digest for each in gates}) == 3
    assert make_defence("gate(flip)").digest is None
