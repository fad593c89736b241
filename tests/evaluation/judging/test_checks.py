import numpy as np
import pytest

from tf_lowdef.attacks import parse_attack
from tf_lowdef.evaluation.judging.checks import (
    check_labels,
    clean_accuracy_warnings,
    few_probed_warnings,
    probability_warnings,
)
from tf_lowdef.evaluation.judging.outcomes import Made, Outcome

LABELS = np.arange(100) % 10


def test_good_labels_give_no_warning():
    predictions = np.where(np.arange(100) < 80, LABELS, 0)
    assert clean_accuracy_warnings(predictions, LABELS, 10) == []
    assert clean_accuracy_warnings(LABELS[:0], LABELS[:0], 10) == []
    assert clean_accuracy_warnings(np.array([0, 1, 0, 1] * 20), np.array([0, 1, 0, 0] * 20), 2) == []


def test_guessing_is_named():
    guesses = np.random.default_rng(0).integers(0, 10, 100)
    (warning,) = clean_accuracy_warnings(guesses, LABELS, 10)
    assert "near chance (10.0%)" in warning


@pytest.mark.parametrize("shift", [1, -1])
def test_shifted_labels_are_named(shift):
    labels = np.random.default_rng(0).permutation(1000)[:200]
    found = clean_accuracy_warnings(labels + shift, labels, 1002)
    assert any(f"every label changed by {shift:+d}" in warning for warning in found)


def test_label_out_of_range_names_the_image():
    check_labels(np.array([0, 9]), ["a", "b"], 10)
    with pytest.raises(ValueError, match="Label 10 of 'b' is out of range: the model has 10 classes"):
        check_labels(np.array([9, 10]), ["a", "b"], 10)


def test_probabilities_are_refused_by_deepfool_and_named_elsewhere():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(10), 8).astype(np.float32)
    logits = np.log(probabilities)
    attacks = [parse_attack("fgsm:4")]
    assert probability_warnings(None, attacks) == probability_warnings(logits, attacks) == []
    (warning,) = probability_warnings(probabilities, attacks)
    assert "classifier_activation=None" in warning
    with pytest.raises(ValueError, match="deepfool needs logits.*classifier_activation=None"):
        probability_warnings(probabilities, [*attacks, parse_attack("deepfool")])


@pytest.mark.parametrize("threat", ["oblivious", "adaptive"])
def test_too_few_images_to_ask_about_gradients_are_named(threat):
    def outcomes(right, left):
        flags = (np.arange(10) < right).astype(float)
        made = Made(10, {"epsilon": 4.0}, gradient=True)
        made.tried[:], made.attackable[:] = True, flags > 0
        clean, attacked = (
            Outcome.empty(None, "none", "flip", None, 10),
            Outcome.empty(threat, "bim:4", "flip", made, 10),
        )
        clean.put(np.arange(10), flags, flags)
        attacked.put(np.arange(10), left * flags, left * flags)
        return [clean, attacked]

    (warning,) = few_probed_warnings(outcomes(3, 1))
    assert warning.startswith(
        f"{threat}{' against flip' if threat == 'adaptive' else ''}: the attacked model classifies 3"
    )
    assert few_probed_warnings(outcomes(4, 1)) == few_probed_warnings(outcomes(3, 0)) == []
