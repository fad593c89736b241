"""How the attacks see a model."""

from __future__ import annotations

import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import outputs_are_probabilities
from tf_lowdef.attacks.model_fn import as_model_fn


def test_probabilities_are_told_from_logits(task):
    assert not outputs_are_probabilities(task.model, task.images[:4])
    assert outputs_are_probabilities(lambda x: tf.nn.softmax(task.model(x)), task.images[:4])
    assert outputs_are_probabilities(lambda x: tf.nn.softmax(tf.cast(task.model(x), "float16")), task.images[:4])
    assert not outputs_are_probabilities(lambda x: tf.nn.sigmoid(task.model(x)), task.images[:4])
    assert not outputs_are_probabilities(task.model, task.images[:0])


def test_one_object_for_a_model_that_lives(task):
    assert as_model_fn(task.model) is as_model_fn(task.model)


def test_the_model_is_not_kept_alive():
    def make():
        model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])
        as_model_fn(model)
        return weakref.ref(model)

    reference = make()
    keras.backend.clear_session()
    gc.collect()
    assert reference() is None


def test_a_callable_without_a_hash(task):
    class Model(dict):
        def __call__(self, x):
            return task.model(x)

    logits = as_model_fn(Model()).logits(task.images[:2])
    np.testing.assert_allclose(logits, task.model(task.images[:2].astype("float32")).numpy(), atol=1e-5)


def test_inference_mode():
    model = keras.Sequential([keras.Input((4, 4, 3)), keras.layers.Flatten(), keras.layers.Dropout(0.9)])
    images = np.ones((2, 4, 4, 3), np.float32)
    np.testing.assert_array_equal(as_model_fn(model).logits(images), np.ones((2, 48)))


def test_not_callable():
    with pytest.raises(TypeError, match="int"):
        as_model_fn(3)
