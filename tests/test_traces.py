"""What is compiled is traced once: not for every batch, attack or evaluation."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import codec_scope, evaluate
from tf_lowdef.attacks import BIM, FGSM, MIM, PGD, DeepFool
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.layers import BitDepthLayer, GaussianLayer, JPEGLayer, MedianLayer, NonLocalMeansLayer

SIDE = 16


@keras.saving.register_keras_serializable(package="tests")
class Counting(keras.layers.Layer):
    """Counts how often Python goes through it other than with numbers, which is once a trace."""

    calls = 0

    def call(self, inputs):
        type(self).calls += keras.utils.is_keras_tensor(inputs) or tf.inside_function()
        return inputs


@pytest.fixture
def counted():
    keras.utils.set_random_seed(0)  # what is traced depends on how hard images are to fool
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            Counting(),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(4),
        ]
    )
    images = np.random.default_rng(0).integers(0, 256, (7, SIDE, SIDE, 3), np.uint8)
    labels = model.predict(images, verbose=0).argmax(axis=1)
    Counting.calls = 0
    return model, images, labels


def test_all_sign_attacks_share_one_trace(counted):
    model, images, labels = counted
    # one look at what the model gives, one trace of the logits, one of the step
    for attack in (FGSM(2), FGSM(4), BIM(3, 1, 3, targeted=True), PGD(4, steps=2, restarts=2), MIM(2, steps=3)):
        for size in (3, 4):
            attack(model, images, labels, batch_size=size)
    assert Counting.calls == 3


def test_deepfool_is_traced_once_for_every_number_of_images(counted):
    model, images, labels = counted
    for size in (2, 3, 7):
        DeepFool(steps=5)(model, images, labels, batch_size=size)
    assert Counting.calls == 3


def test_a_second_evaluation_traces_nothing(counted):
    model, images, labels = counted
    arguments = (model, (images, labels), ("fgsm:4", "bim:4"), ("none", "flip", "bits:3", "webp:60"))
    first = evaluate(*arguments, batch_size=4)
    traced = Counting.calls
    assert evaluate(*arguments, batch_size=4).rows[0].top1 == first.rows[0].top1
    assert Counting.calls == traced <= 9  # of attacks and answers, and of what is asked of their gradients


def test_predictions_in_another_codec_scope_are_traced_apart(counted):
    model, images, _ = counted
    Predictor(model, 4)(images)
    Predictor(model, 4)(images)
    assert Counting.calls == 1
    with codec_scope("graph"):
        Predictor(model, 4)(images)
    assert Counting.calls == 2


@pytest.mark.parametrize(
    "layer",
    [JPEGLayer(60), BitDepthLayer(3), MedianLayer(3), GaussianLayer(1), NonLocalMeansLayer(4)],
    ids=lambda layer: layer.name,
)
def test_eager_calls_of_a_layer_share_one_trace(layer, monkeypatch):
    method = "_transform" if hasattr(layer, "_transform") else "_in_range"
    inner, calls = getattr(type(layer), method), []

    def spied(self, images):
        calls.append(images)
        return inner(self, images)

    monkeypatch.setattr(type(layer), method, spied)
    rng = np.random.default_rng(0)
    for shape in ((1, 16, 16, 3), (3, 16, 16, 3), (2, 24, 20, 3)):
        out = layer(rng.uniform(0, 255, shape).astype(np.float32))
        assert out.shape == shape
    assert len(calls) == 1


def test_a_layer_that_was_changed_is_traced_again():
    layer = BitDepthLayer(3)
    image = np.arange(48, dtype=np.float32).reshape(1, 4, 4, 3)
    first = layer(image).numpy()
    layer.bits = 8
    np.testing.assert_array_equal(layer(image), image)
    assert (first != image).any()


def test_tensorflow_warns_of_nothing(counted, caplog):
    model, images, labels = counted
    layers = [JPEGLayer(60), JPEGLayer(50), BitDepthLayer(3), BitDepthLayer(4), MedianLayer(3), GaussianLayer(1)]
    evaluate(model, (images, labels), ["fgsm:1"], [[layer] for layer in layers])
    assert "retracing" not in caplog.text
