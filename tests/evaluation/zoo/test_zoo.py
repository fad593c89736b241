"""A zoo of classifiers that only look robust, and of honest ones: the first are marked or fall, the others are not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, JPEGLayer, WebPLayer, evaluate
from tf_lowdef.layers import BitDepthLayer, GaussianLayer, MedianLayer, NoiseLayer, RandomWebPLayer

SIDE, CLASSES, IMAGES, EPSILON = 16, 5, 24, 6


def draw(count, rng):
    """Gratings of one of five orientations in noise, at random phase, frequency, contrast and colour."""
    labels = rng.integers(0, CLASSES, count)
    angle = (labels * np.pi / CLASSES)[:, None, None]
    y, x = np.mgrid[:SIDE, :SIDE]
    frequency, phase = rng.uniform(0.7, 1.3, (count, 1, 1)), rng.uniform(0, 2 * np.pi, (count, 1, 1))
    wave = np.sin(frequency * (x * np.cos(angle) + y * np.sin(angle)) + phase)
    images = rng.uniform(90, 160, (count, 1, 1, 3)) + wave[..., None] * rng.uniform(4, 16, (count, 1, 1, 3))
    return np.clip(np.rint(images + rng.normal(0, 8, images.shape)), 0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def task(train_small):
    """A small CNN trained for a few seconds, and images that it classifies correctly."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    images, labels = draw(2000, rng)
    model = train_small(images, labels, CLASSES, 10)
    images, labels = draw(200, rng)
    right = model(images.astype("float32")).numpy().argmax(1) == labels
    assert right.mean() > 0.8
    return model, images[right][:IMAGES], labels[right][:IMAGES]


class Made(keras.layers.Layer):
    """A layer of a function."""

    def __init__(self, function, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.function = function

    def call(self, inputs):
        return self.function(tf.cast(inputs, tf.float32))

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {**super().get_config(), "function": self.function.__name__}


def through(base, *layers):
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *layers, base])


def with_gradient(forward, backward):
    """A layer of one function that claims the derivative of another."""

    @tf.custom_gradient
    def function(x):
        return forward(x), lambda upstream: backward(x, upstream)

    return Made(function)


def columns(x, upstream):
    return upstream * tf.reshape(tf.cast(tf.range(SIDE) < 2, tf.float32), [1, 1, SIDE, 1])


def wavy(x):
    """The identity at whole grey levels, with a derivative of the other sign."""
    return x - 0.5 * tf.sin(2 * np.pi * x)


class OneHot(keras.Model):
    """Scores of one class and none, and a useless path with a gradient."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def call(self, inputs, training=False):
        hot = tf.one_hot(tf.argmax(self.base(inputs), axis=1), CLASSES)
        useless = tf.reduce_mean(inputs, axis=[1, 2])[:, :1] * 1e-5 * tf.cast(tf.range(CLASSES), tf.float32)
        return hot + useless


def one_hot(base):
    start = keras.Input((SIDE, SIDE, 3))
    return keras.Model(start, OneHot(base)(start))


def drawn(x):
    return x + tf.random.uniform(tf.shape(x), -24.0, 24.0)


def far(x, upstream):
    """The gradient of some other place."""
    return tf.reverse(upstream, [1, 2])


def fixed_noise(x, upstream):
    return tf.random.stateless_normal(tf.shape(x), [1, 2]) * tf.reduce_mean(tf.abs(upstream))


@tf.custom_gradient
def signed(x, signs):
    return tf.identity(x), lambda upstream: (upstream * signs[:, None, None, None], None)


def wall(base):
    """The model itself, whose gradient leads back as soon as an image comes near the boundary."""

    def function(x):
        best = tf.math.top_k(tf.stop_gradient(base(x)), 2).values
        return signed(x, tf.where(best[:, 0] - best[:, 1] < 5, -1.0, 1.0))

    return through(base, Made(function))


TRAPS = {
    "negated": lambda base: through(base, with_gradient(tf.identity, lambda x, g: -g)),
    "stopped": lambda base: through(base, Made(tf.stop_gradient)),
    "zero": lambda base: through(base, with_gradient(tf.identity, lambda x, g: tf.zeros_like(g))),
    "nan": lambda base: through(base, with_gradient(tf.identity, lambda x, g: g * np.nan)),
    "rounded": lambda base: through(base, Made(lambda x: 24 * tf.round(x / 24))),
    "flip of identity": lambda base: through(base, with_gradient(lambda x: tf.reverse(x, [1, 2]), lambda x, g: g)),
    "turned": lambda base: through(base, with_gradient(tf.identity, far)),
    "fixed noise": lambda base: through(base, with_gradient(tf.identity, fixed_noise)),
    "two columns": lambda base: through(base, with_gradient(tf.identity, columns)),
    "one channel": lambda base: through(base, with_gradient(tf.identity, lambda x, g: g * [0.0, 0.0, 1.0])),
    "wavy between levels": lambda base: through(base, Made(wavy)),
    "one-hot": one_hot,
    "unregistered noise": lambda base: through(base, Made(drawn)),
    "hidden codec": lambda base: through(base, WebPLayer(80, gradient="none")),
    "shuffled images": lambda base: through(base, with_gradient(tf.identity, lambda x, g: tf.roll(g, 1, axis=0))),
    "half negated": lambda base: through(
        base, with_gradient(tf.identity, lambda x, g: g * tf.where(tf.range(SIDE)[:, None, None] % 2 == 0, 1.0, -1.0))
    ),
    "wall": wall,
}

HONEST = {
    "base": lambda base: base,
    "scaled": lambda base: keras.Sequential([through(base), keras.layers.Rescaling(100.0)]),
    # whose head is taken off, so that it is the one before
    "probabilities": lambda base: keras.Sequential(
        [through(base), keras.layers.Rescaling(100.0), keras.layers.Softmax()]
    ),
    "saturated": lambda base: keras.Sequential([through(base), keras.layers.Rescaling(1e6)]),
    "tiny scores": lambda base: keras.Sequential([through(base), keras.layers.Rescaling(1e-4)]),
    "flip": lambda base: through(base, FlipLayer("both")),
    "webp": lambda base: through(base, WebPLayer(70)),
    "jpeg": lambda base: through(base, JPEGLayer(80)),
    "bits": lambda base: through(base, BitDepthLayer(5)),
    "gaussian": lambda base: through(base, GaussianLayer(0.7)),
    "median": lambda base: through(base, MedianLayer(3)),
    "every other column": lambda base: through(base, Made(lambda x: tf.repeat(x[:, :, ::2], 2, axis=2))),
    "crop": lambda base: through(base, Made(lambda x: tf.pad(x[:, 2:-2, 2:-2], [[0, 0], [2, 2], [2, 2], [0, 0]]) )),
    "registered noise": lambda base: through(base, NoiseLayer(4)),
    "random webp": lambda base: through(base, RandomWebPLayer((70, 90), seed=1)),
}  # fmt: skip


BUDGETS = ["quick", pytest.param("standard", marks=pytest.mark.long)]
QUICK = {"two columns", "one-hot", "unregistered noise", "base"}
"""What the default tests try; the others are slow, or long, because they are many."""


def each(zoo, rest=pytest.mark.slow):
    """Return the names of a zoo; those that are not among the quick ones get the mark of the rest."""
    return [name if name in QUICK else pytest.param(name, marks=rest) for name in zoo]


def worst(model, images, labels, budget):
    arguments = {"only_correct": True, "batch_size": IMAGES, "input_range": (0, 255)}
    results = evaluate(model, (images, labels), [], ["none"], "adaptive", budget=budget, **arguments)
    return next(row for row in results.rows if row.kind == "worst")


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", each(TRAPS))
def test_no_trap_is_believed(task, name, budget):
    base, images, labels = task
    row = worst(TRAPS[name](base), images, labels, budget)
    print(name, budget, row.top1, row.n, row.unreliable)
    assert row.unreliable is not None or row.top1 == 0


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("name", each(HONEST))
def test_no_honest_model_is_marked(task, name, budget):
    base, images, labels = task
    row = worst(HONEST[name](base), images, labels, budget)
    print(name, budget, row.top1, row.n, row.unreliable)
    assert row.unreliable is None


def bare(model, images, labels):
    """What the default attacker, who knows of no defence, leaves of a model with one attack."""
    arguments = {"only_correct": True, "batch_size": IMAGES, "input_range": (0, 255)}
    results = evaluate(model, (images, labels), ["bim:4"], ["none"], **arguments)
    return next(row for row in results.rows if row.kind == "attack")


@pytest.mark.parametrize("name", each(TRAPS, rest=pytest.mark.long))
def test_no_trap_is_believed_by_default(task, name):
    base, images, labels = task
    row = bare(TRAPS[name](base), images, labels)
    print(name, "bare", row.top1, row.n, row.unreliable)
    assert row.unreliable is not None or row.top1 == 0


@pytest.mark.parametrize(
    "name",
    each([name for name in HONEST if name not in ("scaled", "probabilities", "saturated")], rest=pytest.mark.long),
)  # whose cross-entropy has no gradient
def test_no_honest_model_is_marked_by_default(task, name):
    base, images, labels = task
    row = bare(HONEST[name](base), images, labels)
    print(name, "bare", row.top1, row.n, row.unreliable)
    assert row.unreliable is None


def test_no_provably_robust_model_is_marked():
    """One of halves that are black and white: below epsilon 126 no image can change its class."""
    labels = np.arange(8) % 2
    images = np.zeros((8, 16, 16, 3), np.uint8)
    images[labels == 0, :, :8] = images[labels == 1, :, 8:] = 255
    images[np.arange(8), np.arange(8), np.arange(8)] ^= 255
    halves = np.repeat(np.arange(16) < 8, 3)
    weights = np.tile(np.stack([halves, ~halves], axis=1), (16, 1)).astype(np.float32) / 9600
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(2, use_bias=False)])
    model.layers[-1].set_weights([weights])
    arguments = {"batch_size": 8, "budget": "quick", "input_range": (0, 255), "progress": False}
    results = evaluate(model, (images, labels), ["bim:100"], ["none"], ["oblivious", "adaptive"], **arguments)
    found = {(row.threat, row.kind): (row.top1, row.unreliable) for row in results.rows if row.kind != "clean"}
    assert found[("adaptive", "worst")] == found[("oblivious", "attack")] == (1.0, None)
