"""An attack that works finds what was planted; one that goes nowhere does not."""

import pytest
import tensorflow as tf

from tf_lowdef import evaluate
from tf_lowdef.attacks import BIM, MPGD
from tf_lowdef.evaluation.models.planted import self_test


def test_a_working_attack_finds_what_was_planted(model, dataset):
    images, labels = dataset
    found = self_test(model, BIM(4, keep="best"), images[1:5], labels[1:5])
    assert found.planted == found.found == 4


def test_an_attack_that_aims_is_told_where_the_example_lies(model, dataset):
    images, labels = dataset
    found = self_test(model, BIM(4, keep="best", targeted=True), images[1:5], labels[1:5])
    assert found.planted == found.found == 4


@pytest.mark.parametrize("sign", [0.0, -1.0])
def test_a_gradient_that_leads_nowhere_fails(model, dataset, sign):
    @tf.custom_gradient
    def hidden(x):
        return tf.identity(x), lambda upstream: sign * upstream

    images, labels = dataset
    found = self_test(lambda x: model(hidden(x)), MPGD(4, steps=5), images[1:5], labels[1:5])
    assert found.planted == 4
    assert found.found == 0


def test_scores_that_never_change_hold_no_plant(dataset):
    images, labels = dataset
    assert self_test(lambda x: tf.ones([tf.shape(x)[0], 4]), BIM(4), images[:2], labels[:2]) == (0, 0)


def test_each_adaptive_row_tells_how_it_did(model, dataset):
    results = evaluate(model, dataset, ["bim:4", "deepfool"], ["webp:60"], "adaptive", limit=8)
    assert results.row("bim:4", "webp:60", "adaptive").setting["self_test"].startswith("passed: ")
    assert "self_test" not in results.row("deepfool", "webp:60", "adaptive").setting
