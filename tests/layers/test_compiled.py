"""The one cache of compiled functions: what it keeps, and what it does not keep alive."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks import FGSM
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.layers import BitDepthLayer, draw_scope
from tf_lowdef.layers.compiled import compiled, infer, remembered
from tf_lowdef.layers.draws import scope_keys

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)


def doubled(owner, x):
    owner.traces.append(x.shape)
    return 2 * x


class Owner:
    def __init__(self):
        self.traces = []


class Unhashable(dict):
    def __call__(self, x):
        return x + 1


def test_nothing_is_kept_alive():
    def use():
        model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        layer = BitDepthLayer(3)
        Predictor(model, 2)(IMAGES)
        FGSM(4)(model, IMAGES, np.arange(3))
        layer(IMAGES.astype(np.float32))
        return weakref.ref(model), weakref.ref(layer)

    references = use()
    keras.backend.clear_session()
    gc.collect()
    assert [reference() for reference in references] == [None, None]


@pytest.mark.parametrize(
    ("open_axes", "expected"),
    [(0, [(1, 4), (2, 4), (2, 5)]), (1, [(None, 4), (None, 5)]), (2, [(None, None)]), (9, [(None, None)])],
)
def test_one_trace_for_lengths_of_open_axes(open_axes, expected):
    owner = Owner()
    for shape in ((1, 4), (2, 4), (2, 4), (2, 5)):
        out = compiled(owner, doubled, np.ones(shape, np.float32), open_axes=open_axes)
        np.testing.assert_array_equal(out, np.full(shape, 2.0))
    assert [tuple(shape) for shape in owner.traces] == expected


def test_threads_share_one_trace():
    owner = Owner()
    with ThreadPoolExecutor(8) as pool:
        outs = list(pool.map(lambda number: compiled(owner, doubled, np.float32(number)), range(32)))
    assert [float(out) for out in outs] == [2.0 * number for number in range(32)]
    assert len(owner.traces) == 1


def test_keys_are_arguments_and_else_the_scope_is_that_of_the_caller():
    def look(owner, x):
        return x if scope_keys() is None else tf.cast(scope_keys()[:, 0], x.dtype)

    owner, x = Owner(), np.zeros(2, np.float32)
    for first in (1, 5):
        keys = np.array([[first, 0], [first + 1, 0]])
        np.testing.assert_array_equal(compiled(owner, look, x, keys=keys), [first, first + 1])
    np.testing.assert_array_equal(compiled(owner, look, x), x)
    with draw_scope(np.array([[7, 0]])):
        np.testing.assert_array_equal(compiled(Owner(), look, x), [7])


def test_what_cannot_be_a_weak_key_works_and_is_not_kept():
    assert float(compiled(Unhashable(), infer, np.float32(1))) == 2
    made = [remembered(Unhashable(), "key", lambda get: get()) for _ in range(2)]
    assert made[0] is not made[1]
    owner = Owner()
    assert remembered(owner, "key", lambda get: [get]) is remembered(owner, "key", lambda get: [get])
