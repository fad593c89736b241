"""An evaluation on a cluster of which a node is lost equals one in one process."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from tf_lowdef import WebPLayer, evaluate
from tf_lowdef.defences import make_defence, name_defences
from tf_lowdef.evaluation.models import remote
from tf_lowdef.evaluation.models.remote import check_versions, write_recipe
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.layers import ImageLayer

ARGUMENTS = {
    "attacks": ["bim:2"],
    "defences": ["webp:60", "flip:random"],
    "threat": ["oblivious", "adaptive"],
    "batch_size": 4,
    "seed": 3,
}
TIMES = ("started", "seconds", "attack_seconds")


def without_times(content):
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key not in TIMES}
    return [without_times(value) for value in content] if isinstance(content, list) else content


def results(folder):
    """Return all but times: results, the table of single images, and every adversarial image."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.png")}
    found["correct.csv"] = (folder / "correct.csv").read_bytes()
    return found | {n: without_times(json.loads((folder / n).read_text())) for n in ("results.json", "run.json")}


@pytest.mark.long  # tests/jobs loses one in every run of continuous integration
def test_a_lost_node_changes_nothing(two_nodes, model, dataset, tmp_path):
    address, kill_second = two_nodes
    seen = []

    def progress(what, done, total):
        seen.append(what)
        if seen.count("Attacking defended models") == 3:
            kill_second()

    options = RayOptions(address, workers=2)
    evaluate(model, dataset, out=tmp_path / "cluster", ray=options, progress=progress, **ARGUMENTS)
    assert seen.count("Attacking defended models") > 6
    evaluate(model, dataset, out=tmp_path / "here", **ARGUMENTS)
    assert results(tmp_path / "cluster") == results(tmp_path / "here")


@pytest.fixture
def site(model):
    defences = name_defences(["none", "webp:60+flip", "crops:3"])
    return RunModels(model, defences, surrogate=model, batch_size=4, seed=5, draws=2)


def test_a_recipe_gives_the_same_site(site, dataset, monkeypatch):
    monkeypatch.setattr(remote, "make_deterministic", lambda *_: None)  # of this process
    made = write_recipe(site)()
    assert (made.batch_size, made.seed, made.draws, made.defences.keys()) == (4, 5, 2, site.defences.keys())
    for name, defence in site.defences.items():
        found = made.defences[name]
        assert found.name == name
        assert [each.get_config() for each in found.layers] == [each.get_config() for each in defence.layers]
    for ours, theirs in ((site.model, made.model), (site.surrogate, made.surrogate)):
        for before, after in zip(ours.get_weights(), theirs.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
    np.testing.assert_array_equal(made.predictor(dataset[0]), site.predictor(dataset[0]))


def test_a_model_that_cannot_be_saved_is_refused(site):
    site.model = lambda x: x
    with pytest.raises(ValueError, match="one that Keras can save"):
        write_recipe(site)


@pytest.mark.slow
def test_classes_that_no_module_has_travel_as_code(site, dataset, stop_layer, noise_layer, tmp_path, monkeypatch):
    """Of a notebook, a script, a function; registered with Keras or not."""
    pytest.importorskip("ray")
    monkeypatch.setattr(remote, "make_deterministic", lambda *_: None)

    @keras.saving.register_keras_serializable(package="tests")
    class Local(ImageLayer):
        def call(self, inputs):
            return inputs / 2

    class Typed(noise_layer):
        pass

    keras.saving.register_keras_serializable(package="tests")(Typed)
    Typed.__module__, Typed.__qualname__ = "__main__", "Typed"
    nested = keras.Sequential([keras.Input((24, 24, 3)), stop_layer(), Local()])
    defence = make_defence(("mine", [Local(), nested, Typed(2.0, seed=3)]))
    recipe = write_recipe(RunModels(site.model, {"mine": defence}, seed=5))
    before = dict(keras.saving.get_custom_objects())
    keras.saving.get_custom_objects().clear()  # as in a worker
    try:
        made = recipe()
    finally:
        keras.saving.get_custom_objects().update(before)
    here = RunModels(site.model, {}, seed=5).predictor(dataset[0], defence, 3)
    np.testing.assert_array_equal(made.predictor(dataset[0], made.defences["mine"], 3), here)
    (tmp_path / "recipe").write_bytes(pickle.dumps(recipe))
    np.save(tmp_path / "images.npy", dataset[0])
    code = "import numpy, pickle; made = pickle.load(open('recipe', 'rb'))(); images = numpy.load('images.npy'); "
    code += "numpy.save('found.npy', made.predictor(images, made.defences['mine'], 3))"
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), here, atol=1e-5)


def test_a_class_that_cannot_be_shipped_is_named_before_the_run(model, dataset):
    pytest.importorskip("ray")
    held = threading.Lock()

    class Held(ImageLayer):
        def call(self, inputs):
            with held:
                return inputs

    with pytest.raises(ValueError, match="cannot have the class Held of the defence 'mine'") as caught:
        evaluate(model, dataset, ["fgsm:1"], [("mine", Held())], ray=RayOptions())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


def test_layers_travel_with_their_weights(model, dataset, noise_layer, monkeypatch):
    monkeypatch.setattr(remote, "make_deterministic", lambda *_: None)
    layers = [keras.layers.Conv2D(3, 3, padding="same"), noise_layer(2.0, seed=3), WebPLayer(60, value_range=(0, 128))]
    defence = make_defence(("mine", layers))
    site = RunModels(model, {"mine": defence}, seed=5)
    made = write_recipe(site)()
    assert made.defences["mine"].digest == defence.digest
    np.testing.assert_array_equal(
        made.predictor(dataset[0], made.defences["mine"], 3), site.predictor(dataset[0], defence, 3)
    )


def test_other_versions_in_a_worker_are_refused():
    here = remote.versions()
    check_versions({**here, "python": "3.0"})
    with pytest.raises(ValueError, match=f"A worker has keras {here['keras']}; .*keras 2.0"):
        check_versions({**here, "keras": "2.0"})
