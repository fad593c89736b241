"""A batch done in parts is what it is in one."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers.parts import in_parts

SHAPE = (4, 6, 3)
VALUES = 3 * 4 * 6 * 3
"""What three images have."""


def whole(a, b):
    """Something that looks at whole images."""
    return a * b + tf.reduce_mean(a, axis=(1, 2), keepdims=True)


def blend(a, b):
    """Do the same, to no more than three of them."""
    tf.debugging.assert_less_equal(tf.shape(a)[0], 3)
    return whole(a, b)


@pytest.fixture(params=[0, 1, 3, 4, 7, 9])
def pair(request):
    rng = np.random.default_rng(request.param)
    return [tf.constant(rng.random((request.param, *SHAPE), np.float32)) for _ in range(2)]


def test_parts_are_put_together_in_order(pair):
    np.testing.assert_array_equal(in_parts(blend, *pair, values=VALUES), whole(*pair))


def test_of_an_open_shape(pair):
    open_shape = tf.TensorSpec([None, None, None, 3], tf.float32)

    @tf.function(input_signature=[open_shape, open_shape])
    def joined(a, b):
        out = in_parts(blend, a, b, values=VALUES)
        assert out.shape.as_list() == [None, None, None, 3]
        return out

    np.testing.assert_allclose(joined(*pair), whole(*pair), rtol=1e-6)


def test_the_gradient_counts_no_copy(pair):
    def gradients(function):
        with tf.GradientTape() as tape:
            tape.watch(pair)
            total = tf.reduce_sum(function(*pair) ** 2)
        return tape.gradient(total, pair)

    ours = gradients(lambda a, b: in_parts(blend, a, b, values=VALUES))
    for one, other in zip(ours, gradients(whole), strict=True):
        np.testing.assert_allclose(tf.convert_to_tensor(one), other, rtol=1e-6)


def test_an_image_that_is_larger_than_a_part():
    image = tf.ones((2, 8, 8, 3))
    np.testing.assert_array_equal(in_parts(lambda a: a + 1, image, values=5), image + 1)
