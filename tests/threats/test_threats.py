"""Every threat is described, and one from outside the package is as good as its own."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest

from tf_lowdef import GaussianLayer, evaluate
from tf_lowdef.report import to_markdown, write_report
from tf_lowdef.threats import ADAPTIVE, OBLIVIOUS, THREATS, TRANSFER, Oblivious, Threat, register


class Mistaken(Threat):
    """Knows that there is a defence, but takes it for another."""

    name = "mistaken"
    who = "an attacker who takes it for a blur"
    knowledge = "wrong: the model behind a blur is attacked"
    caveat = "The attacker believes that the defence is a blur."

    def victim(self, models):
        return keras.Sequential([keras.Input(models.model.input_shape[1:]), GaussianLayer(1.0), models.model])


@pytest.fixture
def mistaken():
    threat = Mistaken()
    register(threat)
    yield threat
    del THREATS[threat.name]


def test_every_threat_says_what_it_is():
    assert list(THREATS) == [OBLIVIOUS, TRANSFER, ADAPTIVE]
    for name, threat in THREATS.items():
        assert threat.name == name
        assert all(len(text) > 10 for text in (threat.who, threat.knowledge, threat.caveat))


def test_names_are_taken_once():
    register(Oblivious())
    with pytest.raises(ValueError, match="a threat of that name already. Received: 'oblivious'"):
        register(type("Other", (Threat,), {"name": OBLIVIOUS})())


def test_describing_threats_needs_no_tensorflow():
    code = "import sys, tf_lowdef.threats; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_threat_from_outside_is_evaluated_and_reported(model, dataset, mistaken, tmp_path):
    results = evaluate(model, dataset, ["bim:4"], ["none", "webp:60"], ["oblivious", "mistaken"], tmp_path / "run")
    rows = [row for row in results.rows if row.threat == "mistaken"]
    assert [(row.attack, row.defence) for row in rows] == [("bim:4", "none"), ("bim:4", "webp:60")]
    assert all(row.setting["knowledge"] == mistaken.knowledge for row in rows)
    blurred = [
        path.read_bytes() for path in sorted((tmp_path / "run" / "adversarial" / "mistaken" / "bim-4").iterdir())
    ]
    bare = [path.read_bytes() for path in sorted((tmp_path / "run" / "adversarial" / "bim-4").iterdir())]
    assert len(blurred) == len(bare) == 20
    assert np.mean([one != other for one, other in zip(blurred, bare, strict=True)]) > 0.5
    write_report(results, tmp_path / "run")
    assert mistaken.caveat in to_markdown(results)
    assert mistaken.caveat in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_an_unknown_threat_is_refused_by_name(model, dataset):
    with pytest.raises(ValueError, match="among oblivious, transfer, adaptive. Received: threat='mistaken'"):
        evaluate(model, dataset, threat="mistaken")
