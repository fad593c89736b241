"""What is asked of the model of an attacker who knows of no defence."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import evaluate
from tf_lowdef.layers import ImageLayer

REASON = "a step along the gradient does no more harm than others"


class Negated(ImageLayer):
    """Leads away from every boundary."""

    def call(self, inputs):
        @tf.custom_gradient
        def negated(x):
            return tf.identity(x), lambda upstream: -upstream

        return negated(tf.cast(self.to_images(inputs), tf.float32))


@pytest.fixture(scope="module")
def misleading(model):
    return keras.Sequential([keras.Input((24, 24, 3)), Negated(), model])


@pytest.mark.parametrize("threat", ["oblivious", "adaptive"])
def test_a_small_batch_is_asked_as_much(misleading, dataset, threat):
    results = evaluate(
        misleading, dataset, ["bim:1,steps=2"], ["none"], threat, batch_size=2, limit=8, only_correct=True
    )
    assert REASON in results.row("bim:1,steps=2", "none", threat).unreliable


def test_images_that_are_wrong_anyway_are_not_asked(misleading, dataset):
    images, labels = dataset
    labels = np.concatenate([(labels[:16] + 1) % 4, labels[16:], labels[8:12]])
    images = np.concatenate([images, images[8:12]])
    results = evaluate(misleading, (images, labels), ["bim:1,steps=2"], ["none"])
    assert REASON in results.row("bim:1,steps=2", "none").unreliable
    assert not any("what hides them would not be seen" in warning for warning in results.warnings)
    few = evaluate(misleading, (images[:18], labels[:18]), ["bim:1,steps=2"], ["none"])
    assert any("what hides them would not be seen" in warning for warning in few.warnings)
