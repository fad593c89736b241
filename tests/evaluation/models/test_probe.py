"""What a few images tell: scores of the class alone, gradients that lead nowhere or turn round, answers of a batch."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import load_demo
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.models.attempts import probe_ends
from tf_lowdef.evaluation.models.draws import attackable
from tf_lowdef.evaluation.models.probe import probe, tells_only_the_class


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 0, 1, 1]])
def test_one_hot_scores_tell_only_the_class(classes):
    scores = 1000 * np.eye(5, dtype=np.float32)[classes]
    assert tells_only_the_class(scores, scores)


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 0, 1, 1]])
def test_sure_scores_tell_more(classes):
    rng = np.random.default_rng(0)
    scores = 10 * np.eye(5, dtype=np.float32)[classes] + rng.normal(0, 1, (4, 5)).astype(np.float32)
    assert not tells_only_the_class(scores, scores + np.float32(1e-3) * rng.normal(0, 1, (4, 5)).astype(np.float32))


def test_four_images_of_four_classes_do_not_mark_an_honest_model():
    model, images, labels = load_demo()
    places = [int(np.flatnonzero(labels == each)[0]) for each in range(4)]
    assert not probe(model, images[places], labels[places]).one_hot


def linear(x):
    """Two classes, of brightness."""
    z = tf.reduce_sum(x - 127.5, axis=[1, 2, 3])[:, None] / 255
    return tf.concat([-z / 2, z / 2], axis=1)


def five_levels(x):
    """Five classes, each a brightness; images of one class are much alike."""
    centres = tf.linspace(30.0, 225.0, 5) / 255
    return 20 * (2 * centres * tf.reduce_mean(x, axis=[1, 2, 3])[:, None] / 255 - centres**2)


@pytest.mark.parametrize(("model", "classes", "spread"), [(linear, 2, 8), (five_levels, 5, 48.75)])
def test_an_honest_linear_model_of_brightness_is_believed(model, classes, spread):
    """Images of one class have the same signs of the gradient, and nearly the same scores."""
    labels = np.arange(16) % classes
    centres = 127.5 + spread * (labels - (classes - 1) / 2)
    noise = np.random.default_rng(0).normal(0, 10, (16, 8, 8, 3))
    images = np.clip(np.rint(centres[:, None, None, None] + noise), 0, 255).astype(np.uint8)
    assert (model(images.astype("float32")).numpy().argmax(axis=1) == labels).sum() >= 12
    found = probe(model, images, labels)
    assert (found.leads, found.one_hot, found.alone) == (found.images, False, True)


def test_scores_of_the_class_alone_are_told_whatever_their_gradient_claims():
    model, images, labels = load_demo()

    def one_hot(x):
        useless = tf.reduce_mean(x, axis=[1, 2])[:, :1] * 1e-5
        return tf.one_hot(tf.argmax(model(x), axis=1), 10) + useless * tf.range(10.0)

    assert probe(one_hot, images[:8], labels[:8]).one_hot


def test_an_image_that_occurs_twice_is_asked_once(model, dataset):
    images, labels = (each[[1, 2, 3, 4] * 3] for each in dataset)
    assert probe(model, images, labels) == probe(model, images[:4], labels[:4])
    assert not probe(model, images, labels).one_hot


def test_small_passes_tell_the_same(model, dataset):
    assert probe(model, *dataset, batch_size=3) == probe(model, *dataset, batch_size=20)


def test_answers_that_depend_on_the_batch_are_told(model, dataset, noise_layer):
    def normalised(x):
        return model(x - tf.reduce_mean(x, axis=0, keepdims=True) + 110)

    def of_places(x):
        return model(x) * tf.range(1.0, 1 + tf.cast(tf.shape(x)[0], tf.float32))[:, None]

    noisy = attackable(keras.Sequential([keras.Input((24, 24, 3)), noise_layer(4.0), model]), 2)
    alone = [probe(each, *dataset).alone for each in (normalised, of_places, model, noisy)]
    assert alone == [False, False, True, True]


@tf.custom_gradient
def signed(x, signs):
    return tf.identity(x), lambda upstream: (upstream * signs[:, None, None, None], None)


def test_a_gradient_that_turns_round_near_the_boundary_is_found_where_attacks_stop(model, dataset):
    def wall(x):
        best = tf.math.top_k(tf.stop_gradient(model(x)), 2).values
        return model(signed(x, tf.where(best[:, 0] - best[:, 1] < 2, -1.0, 1.0)))

    highest = np.sort(model(dataset[0].astype("float32")).numpy(), axis=1)[:, -2:]
    images, labels = (each[1:][(highest[:, 1] - highest[:, 0] > 2.1)[1:]] for each in dataset)
    clean, ends = probe(wall, images, labels), probe_ends(wall, Bound("Linf", 3), images, labels, 8, 0)
    assert clean.leads > 0.6 * clean.images >= 4
    assert ends.images == clean.images
    assert ends.leads <= 0.2 * ends.images
    assert probe_ends(model, Bound("Linf", 6), images, labels, 8, 0).images == 0  # it falls
    honest = probe_ends(model, Bound("Linf", 1), images, labels, 8, 0)
    assert honest.leads == honest.images >= 4
