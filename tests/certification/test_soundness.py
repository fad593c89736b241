"""What no certificate is given for."""

import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, MedianLayer, NoiseLayer, SmoothedClassifier, certify
from tf_lowdef.certification import soundness
from tf_lowdef.certification.soundness import check_sound
from tf_lowdef.certification.votes import count_votes

NAMES = ["draws", "drops", "counts", "normalises", "subtracts", "looks at the place"]


@pytest.mark.parametrize("name", [*NAMES, "is not a number"])
def test_a_model_that_is_no_function_of_one_image_is_refused(unsound, dataset, name):
    model, said = unsound[name]
    with pytest.raises(ValueError, match=said):
        certify(model, dataset, "none", 0.12, n=20, n0=5, limit=2)
    with pytest.raises(ValueError, match=said):
        SmoothedClassifier(model, 0.12, n=20)


@pytest.mark.parametrize(
    "layers", ["noise:4", "flip:random", "tv", "crops", "median:3+noise:1", [FlipLayer(), NoiseLayer(2)]]
)
def test_a_defence_that_draws_is_refused(model, dataset, layers):
    with pytest.raises(ValueError, match=r"draws nothing.*Received: '.*', which draws"):
        certify(model, dataset, layers, 0.12, n=20, n0=5)
    with pytest.raises(ValueError, match="draws"):
        SmoothedClassifier(model, 0.12, layers, n=20)


def test_a_model_with_a_layer_in_it_that_draws_is_refused_by_its_name(model, dataset):
    drawing = keras.Sequential([keras.Input((24, 24, 3)), NoiseLayer(3, name="grain"), model])
    with pytest.raises(ValueError, match=r"Received: 'grain', which draws"):
        certify(drawing, dataset, "none", 0.12, n=20, n0=5)


@pytest.mark.parametrize("defence", ["none", "nlm:10", "gaussian:1", "webp:60+flip", "tv:3,drop=0", MedianLayer(3)])
def test_what_looks_at_one_image_is_taken(model, dataset, defence):
    found = certify(model, dataset, defence, 0.05, n=20, n0=5, limit=2, batch_size=8)
    assert found.certified[0].n == 2


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_is_taken(policy):
    inputs = keras.Input((24, 24, 3))
    features = keras.layers.Conv2D(8, 3, dtype=policy)(keras.layers.Rescaling(1 / 255)(inputs))
    logits = keras.layers.Dense(4, dtype="float32")(keras.layers.GlobalAveragePooling2D()(features))
    images = np.random.default_rng(0).normal(128, 60, (4, 24, 24, 3)).astype(np.float32)
    check_sound(keras.Model(inputs, logits), images)


def test_what_the_first_look_misses_is_found_while_votes_are_counted(unsound, dataset, monkeypatch):
    monkeypatch.setattr(soundness, "_companions", lambda images: [])
    model = unsound["subtracts"][0]
    check_sound(model, dataset[0][:2].astype(np.float32))
    with pytest.raises(ValueError, match="alone than in a batch"):
        count_votes(model, dataset[0][0], sigma=0.1, first=0, draws=4, seed=0, batch_size=4)


def test_a_smoothed_classifier_is_not_smoothed_again(model, dataset):
    smoothed = SmoothedClassifier(model, 0.1, n=20, seed=0)
    with pytest.raises(ValueError, match="smoothed already"):
        certify(smoothed, dataset, "none", 0.1, n=20)
    with pytest.raises(ValueError, match="smoothed already"):
        SmoothedClassifier(keras.Sequential([keras.Input((24, 24, 3)), smoothed]), 0.1, n=20)
