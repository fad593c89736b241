"""Models and defences are known by what they answer, where their descriptions tell too little."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_lowdef import evaluate
from tf_lowdef.defences import name_defences
from tf_lowdef.evaluation.models import remote
from tf_lowdef.evaluation.models.answers import answers, differing
from tf_lowdef.evaluation.models.remote import write_recipe
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import RunMismatchError
from tf_lowdef.layers import ImageLayer

OPTIONS = {"attacks": "fgsm:2", "progress": False, "input_range": (0, 255)}


class Scaled(keras.Model):
    """Says nothing of its arguments."""

    def __init__(self, inner, strength, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.strength = inner, strength

    def call(self, x, training=False):
        return self.inner(255 * (1 - self.strength) / 2 + x * self.strength)


def mending(mended):
    """Return a layer class of one name, before and after its code was mended."""

    class Mine(ImageLayer):
        def call(self, images):
            return 255 - images if mended else images

    return Mine


def test_a_run_does_not_go_on_with_a_model_that_answers_otherwise(model, dataset, tmp_path):
    evaluate(Scaled(model, 1), dataset, defences="none", out=tmp_path / "run", **OPTIONS)
    again = evaluate(Scaled(model, 1), dataset, defences="none", out=tmp_path / "run", **OPTIONS)
    assert again.clean("none").correct > 0
    with pytest.raises(RunMismatchError, match="other answers of the model than then"):
        evaluate(Scaled(model, -1), dataset, defences="none", out=tmp_path / "run", **OPTIONS)


def test_nor_with_a_layer_whose_code_was_mended(model, dataset, tmp_path):
    first, second = (("mine", mending(mended)()) for mended in (False, True))
    evaluate(model, dataset, defences=[first], out=tmp_path / "run", **OPTIONS)
    with pytest.raises(RunMismatchError, match="other answers of the defence 'mine' than"):
        evaluate(model, dataset, defences=[second], out=tmp_path / "run", **OPTIONS)


@keras.saving.register_keras_serializable(package="tests")
class Forgetful(keras.layers.Layer):
    """Forgets its argument when it is copied."""

    def __init__(self, strength=1.0, **kwargs):
        super().__init__(**kwargs)
        self.strength = strength

    def call(self, x):
        return 255 * (1 - self.strength) / 2 + x * self.strength

    def get_config(self):
        return {"name": self.name}


@pytest.mark.parametrize("strength", [1.0, -1.0])
def test_a_worker_refuses_a_copy_that_answers_otherwise(model, strength, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setattr(remote, "make_deterministic", lambda *_: None)  # this process computes already
    shape = model.input_shape[1:]
    forgetful = keras.Sequential([keras.Input(shape), Forgetful(strength), model])
    recipe = write_recipe(RunModels(forgetful, {}, batch_size=4))
    if strength == 1:
        assert recipe().batch_size == 4
        return
    with pytest.raises(ValueError, match=r"copy of the model than of the original: get_config\(\) must"):
        recipe()


def test_what_draws_without_saying_so_is_left_out(model):
    class Loud(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal((1, 1, 1, 1), stddev=60.0)

    quiet = RunModels(model, name_defences(["flip", "noise:4"]), batch_size=4)
    loud = RunModels(keras.Sequential([keras.Input(model.input_shape[1:]), Loud(), model]), {}, batch_size=4)
    assert list(answers(loud)) == []
    found = answers(quiet)
    assert list(found) == ["the model", "the defence 'flip'", "the defence 'noise:4'"]
    assert differing(quiet, found, answers(quiet)) == []
    louder = {name: value + 0.01 * np.ptp(value) for name, value in found.items()}
    assert differing(quiet, found, louder) == list(found)
