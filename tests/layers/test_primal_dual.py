"""The iterations' gradient, against TensorFlow's own of the same iterations one after the other."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import parts
from tf_lowdef.layers.primal_dual import PRODUCT, STEP, minimise

WEIGHT, ITERATIONS = 6.0, 7


def differences(z):
    below, beside = z[:, 1:] - z[:, :-1], z[:, :, 1:] - z[:, :, :-1]
    return tf.pad(below, [[0, 0], [0, 1], [0, 0], [0, 0]]), tf.pad(beside, [[0, 0], [0, 0], [0, 1], [0, 0]])


def plain(start, images, kept):
    """Chambolle and Pock's algorithm 1 as the paper writes it, with the transpose taken by differentiation."""
    z = ahead = start
    duals = [tf.zeros_like(start)] * 2
    step = PRODUCT / STEP
    for _ in range(ITERATIONS):
        duals = [dual + step * change for dual, change in zip(duals, differences(ahead), strict=True)]
        length = tf.maximum(1.0, tf.sqrt(duals[0] ** 2 + duals[1] ** 2 + 1e-20) / WEIGHT)
        duals = [dual / length for dual in duals]
        down, right = (tf.pad(dual, [[0, 0], [1, 0], [1, 0], [0, 0]]) for dual in duals)
        spread = down[:, :-1, 1:] - down[:, 1:, 1:] + right[:, 1:, :-1] - right[:, 1:, 1:]
        new = (z - STEP * spread + STEP * kept * images) / (1 + STEP * kept)
        z, ahead = new, 2 * new - z
    return z


@pytest.mark.parametrize("values", [1, 2**18])
@pytest.mark.parametrize("shape", [(3, 9, 7, 3), (1, 1, 5, 3), (0, 4, 4, 3)])
def test_values_and_gradients_are_those_of_the_plain_iterations(monkeypatch, shape, values):
    monkeypatch.setattr(parts, "PART", values)
    monkeypatch.setattr(parts, "PART_OF_ONE", values)
    rng = np.random.default_rng(0)
    start, images, towards = (tf.constant(rng.uniform(0, 255, shape), tf.float32) for _ in range(3))
    kept = tf.constant(rng.random(shape) < 0.6, tf.float32)
    found = []
    for solve in (plain, tf.function(lambda *given: minimise(*given, WEIGHT, ITERATIONS))):
        with tf.GradientTape() as tape:
            tape.watch([start, images])
            out = solve(start, images, kept)
            loss = tf.reduce_sum(out * towards)
        found.append([out, *map(tf.convert_to_tensor, tape.gradient(loss, [start, images]))])
    for ours, theirs in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=2e-2)
    if shape[0]:
        assert np.abs(found[0][1]).mean() > 1  # an image that is not reached by a gradient would agree as well
        assert np.abs(found[0][2][kept > 0]).mean() > 1
