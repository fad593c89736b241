"""A model is known again when it is built again, and told from others that differ in anything."""

import keras
import pytest

from tf_lowdef import FlipLayer, WebPLayer
from tf_lowdef.models.identity import identify


def build(quality=60, activation="relu", branches=False, **names):
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Dense(4, activation, kernel_initializer="ones", **names)(keras.layers.Flatten()(inputs))
    second = keras.layers.Dense(4, activation, kernel_initializer="ones")(hidden)
    outputs = keras.layers.Add()([hidden if branches else second, second])
    return keras.Sequential([keras.Input((8, 8, 3)), WebPLayer(quality), FlipLayer(), keras.Model(inputs, outputs)])


def test_known_again_however_its_layers_are_numbered():
    first = build()
    assert identify(first) == identify(build())
    assert identify(first) == identify(keras.models.clone_model(first))


@pytest.mark.parametrize("change", [{"quality": 59}, {"activation": "tanh"}, {"branches": True}, {"dtype": "float64"}])
def test_another_architecture(change):
    assert identify(build())["config_sha256"] != identify(build(**change))["config_sha256"]


def test_other_weights():
    first, other = build(), build()
    other.set_weights([weights * 2 for weights in first.get_weights()])
    assert identify(first)["weights_sha256"] != identify(other)["weights_sha256"]
    assert identify(first)["config_sha256"] == identify(other)["config_sha256"]


def test_a_model_without_a_description():
    assert identify(lambda images: images)["config_sha256"] is None
