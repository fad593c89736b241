"""A gate is served with its suspicion, and checked like everything else that is answered."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tf_lowdef
from tf_lowdef import serving
from tf_lowdef.serving.compare import compare
from tf_lowdef.serving.exchange import Answer
from tf_lowdef.serving.expected import read_expected


@pytest.fixture(scope="module")
def exported(model, dataset, tmp_path_factory):
    gated = tf_lowdef.gate(model, "bits:3+flip", dataset, squeezers=["median:3"], false_positive_rate=0.2)
    root = tmp_path_factory.mktemp("served") / "gated"
    serving.export(gated, root)
    return gated, root


def test_suspicion_is_a_named_output_of_both_signatures(exported, dataset):
    gated, root = exported
    signatures = tf.saved_model.load(str(root / "1")).signatures
    images = dataset[0].astype(np.float32)
    answer, expected = signatures["serving_default"](pixels=tf.constant(images)), gated(images)
    np.testing.assert_allclose(answer["suspicion"], expected["suspicion"], atol=1e-5)
    np.testing.assert_array_equal(answer["defended"], expected["defended"])
    np.testing.assert_allclose(answer["logits"], expected["logits"], atol=1e-4)
    assert expected["defended"].numpy().any()
    assert {"suspicion", "defended"} <= set(signatures["serving_bytes"].structured_outputs)
    assert "`suspicion`" in (root / "README.md").read_text()


def test_another_suspicion_or_choice_is_found_out(exported):
    _, root = exported
    _, outputs = read_expected(root / "1")["serving_default"]
    assert not compare(Answer(outputs, None), outputs, "")[0]
    for name, changed in (("suspicion", outputs["suspicion"] + 0.1), ("defended", ~outputs["defended"])):
        wrong, _ = compare(Answer({**outputs, name: changed}, None), outputs, "")
        assert name in wrong


def test_a_gate_without_a_threshold_is_not_exported(model, tmp_path):
    from tf_lowdef.defences import make_defence

    with pytest.raises(ValueError, match="has no threshold yet"):
        serving.export(make_defence("gate(bits:3)").in_front_of(model), tmp_path / "served")
