"""A model of the user's own that is changed between two calls is taken as it is now."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tf_lowdef import as_classifier, evaluate
from tf_lowdef.attacks import BIM
from tf_lowdef.layers.compiled import compiled, infer
from tf_lowdef.models.changes import drop_stale_traces, has_own_code


class Scaled(keras.Model):
    """Looks at its images times a number."""

    def __init__(self, inner, **kwargs):
        super().__init__(**kwargs)
        self.inner, self.strength = inner, 1.0

    def call(self, x, training=False):
        return self.inner(x * self.strength)


class ScaledLayer(keras.layers.Layer):
    strength = 1.0

    def call(self, x):
        return x * self.strength


@pytest.fixture
def bright():
    """Images of two classes, dark and bright, and a classifier that tells them apart."""
    images = np.concatenate([np.full((4, 8, 8, 3), level, np.uint8) for level in (60, 190)])
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2)])
    weights = np.stack([-np.ones(3), np.ones(3)], axis=1) / 3
    inner.layers[-1].set_weights([weights, np.array([125.0, -125.0])])
    return inner, images, np.repeat([0, 1], 4)


def test_an_attribute_that_is_set_between_two_evaluations_counts(bright):
    inner, images, labels = bright
    model = Scaled(inner)
    tops = []
    for strength in (1.0, 3.0, 1.0):
        model.strength = strength
        found = evaluate(model, (images, labels), "bim:2", "none", progress=False, input_range=(0, 255))
        tops.append((found.clean("none").top1, found.row("bim:2", "none").top1))
    assert tops == [(1.0, 1.0), (0.5, 0.5), (1.0, 1.0)]


def test_and_between_two_attacks(bright):
    inner, images, labels = bright
    layer = ScaledLayer()
    model = keras.Sequential([keras.Input((8, 8, 3)), layer, inner])
    fooled = []
    for strength in (1.0, 3.0):
        layer.strength = strength
        fooled.append(BIM(2)(model, images, labels).success.sum())
    assert fooled == [0, 4]


def test_what_has_not_changed_is_not_traced_again(bright):
    inner, images, _ = bright
    model = as_classifier(Scaled(inner), input_shape=(8, 8, 3))
    traces = []

    def counted(model, x):
        traces.append(None)
        return infer(model, x)

    for _ in range(3):
        compiled(model, counted, np.float32(images))
        inner.layers[-1].set_weights([2 * each for each in inner.layers[-1].get_weights()])  # read anew by a graph
        drop_stale_traces(model)
    assert len(traces) == 1


def test_own_code_is_what_keras_and_this_package_have_not_written(bright):
    inner, _, _ = bright
    assert not has_own_code(inner)
    assert has_own_code(Scaled(inner))
    assert has_own_code(keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Lambda(lambda x: x), inner]))
