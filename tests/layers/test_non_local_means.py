import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import NonLocalMeansLayer


def by_definition(image, strength, patch, search):
    """Buades et al. 2005, equation by equation, one pixel after the other."""
    reach, half = search // 2, patch // 2
    height, width, _ = image.shape
    padded = np.pad(image.astype(float), [(reach + half, reach + half)] * 2 + [(0, 0)], "symmetric")
    out = np.empty(image.shape)
    for y, x in np.ndindex(height, width):
        here = padded[y + reach : y + reach + patch, x + reach : x + reach + patch]
        total, weights = 0.0, 0.0
        for v, u in np.ndindex(search, search):
            there = padded[y + v : y + v + patch, x + u : x + u + patch]
            weight = np.exp(-np.mean((here - there) ** 2) / strength**2)
            total, weights = total + weight * there[half, half], weights + weight
        out[y, x] = total / weights
    return out


@pytest.mark.parametrize(("strength", "patch", "search"), [(10, 3, 11), (25, 1, 5), (15, 5, 3)])
def test_equals_the_definition(strength, patch, search, images):
    layer = NonLocalMeansLayer(strength, patch, search)
    expected = by_definition(images[0], strength, patch, search)
    np.testing.assert_allclose(layer(images)[0], expected, atol=2e-3)
    assert np.abs(expected - images[0]).max() > 3


def test_gradient_equals_that_of_the_plain_loop(images):
    layer = NonLocalMeansLayer(20, 3, 5)
    x = tf.constant(images[:1, :8, :9], tf.float32)
    weight = tf.constant(np.random.default_rng(0).normal(size=x.shape), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = tf.reduce_sum(weight * layer(x))
    gradient = tape.gradient(score, x).numpy()
    for place in [(0, 0, 0, 0), (0, 4, 4, 1), (0, 7, 8, 2)]:
        change = np.zeros(x.shape)
        change[place] = 1e-4
        up = by_definition(x[0].numpy().astype(float) + change[0], 20, 3, 5)
        down = by_definition(x[0].numpy().astype(float) - change[0], 20, 3, 5)
        expected = np.sum(weight[0].numpy() * (up - down)) / 2e-4
        np.testing.assert_allclose(gradient[place], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"strength": 0}, "strength=0"),
        ({"patch": 4}, "patch=4"),
        ({"search": 1}, "search=1"),
        ({"search": 10}, "search=10"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=f"Received: {message}"):
        NonLocalMeansLayer(**arguments)
