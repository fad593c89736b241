"""What every randomised layer must do with keys and without, from one table."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import (
    FlipLayer,
    NoiseLayer,
    PixelDeflectionLayer,
    RandomCropLayer,
    RandomFlipLayer,
    RandomWebPLayer,
    ResizePadLayer,
    TotalVariationLayer,
    WebPLayer,
    draw_scope,
    is_randomised,
)
from tf_lowdef.layers.draws import draw_integers, draw_uniform

LAYERS = {
    NoiseLayer: {},
    PixelDeflectionLayer: {"deflections": 60, "window": 4},
    RandomCropLayer: {"copies": 2},
    RandomFlipLayer: {},
    RandomWebPLayer: {"quality": (1, 90), "method": 0},
    ResizePadLayer: {"fraction": 0.4},
    TotalVariationLayer: {"iterations": 3},
}
every_layer = pytest.mark.parametrize(
    ("cls", "arguments"), LAYERS.items(), ids=lambda value: getattr(value, "__name__", "")
)
KEYS = np.array([[5, 1], [5, 2], [2**40, 3]], np.int64)


def under(keys, layer, images):
    with draw_scope(keys):
        return layer(images).numpy()


@every_layer
def test_an_image_gets_the_draws_of_its_key_whatever_the_batch(cls, arguments, images):
    layer = cls(**arguments)
    copies = getattr(layer, "copies", 1)
    together = under(KEYS, layer, images)
    np.testing.assert_array_equal(under(KEYS, cls(**arguments), images), together)
    for index in range(3):
        alone = under(KEYS[index : index + 1], layer, images[index : index + 1])
        np.testing.assert_allclose(alone, together[copies * index : copies * (index + 1)], atol=1e-3)


@every_layer
def test_other_keys_and_other_seeds_draw_anew(cls, arguments, images):
    same = np.repeat(images[:1], 32, axis=0)
    keys = np.stack([np.arange(32), np.zeros(32)], axis=1).astype(np.int64)
    out = under(keys, cls(**arguments), same)
    assert len({each.tobytes() for each in out}) > 1
    assert (under(keys + np.array([0, 1]), cls(**arguments), same) != out).any()
    assert (under(keys + np.array([1 << 32, 0]), cls(**arguments), same) != out).any()
    assert (under(keys, cls(**arguments, seed=1), same) != out).any()


@every_layer
def test_without_keys_each_call_draws_anew_and_a_seed_repeats_them(cls, arguments, images):
    same = np.repeat(images[:1], 32, axis=0)
    layer, again = (cls(**arguments, seed=4) for _ in range(2))
    first, second = layer(same).numpy(), layer(same).numpy()
    assert (first != second).any()
    assert len({each.tobytes() for each in first}) > 1
    np.testing.assert_array_equal(again(same), first)
    np.testing.assert_array_equal(again(same), second)


@every_layer
def test_in_a_graph_the_keys_are_an_argument(cls, arguments, images):
    layer = cls(**arguments)

    @tf.function
    def call(batch, keys):
        with draw_scope(keys):
            return layer(batch)

    for keys in (KEYS, KEYS + 9):
        np.testing.assert_allclose(call(images, keys), under(keys, layer, images), atol=1e-3)


@every_layer
def test_a_dataset_draws_for_every_batch(cls, arguments, images):
    layer = cls(**arguments, seed=1)
    same = np.repeat(images[:1], 32, axis=0)
    batches = list(tf.data.Dataset.from_tensor_slices(same).batch(16).map(layer))
    assert (batches[0].numpy() != batches[1].numpy()).any()


def test_layers_of_two_kinds_draw_apart():
    flat = np.full((1, 8, 8, 3), 128, np.uint8)
    noise, other = NoiseLayer(), TotalVariationLayer()
    with draw_scope([[1, 2]]):
        assert (noise.keys(flat).numpy() != other.keys(flat).numpy()).any()
    # an image's copies as well
    copied = under([[1, 2]], noise, np.repeat(flat, 2, axis=0))
    assert (copied[0] != copied[1]).any()


def test_too_few_keys_are_refused(images):
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="one key an image"):
        under(KEYS[:2], NoiseLayer(), images)
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError), match="one key an image"):
        under(KEYS, NoiseLayer(), images[:1])


def test_the_scope_ends_and_nests(images):
    layer = NoiseLayer()
    with draw_scope(KEYS):
        outer = layer(images).numpy()
        with draw_scope(KEYS + 1):
            assert (layer(images).numpy() != outer).any()
        np.testing.assert_array_equal(layer(images), outer)
    assert (layer(images).numpy() != outer).any()


def test_numbers_are_uniform():
    keys = tf.constant(np.stack([np.full(2000, 3), np.arange(2000)], axis=1))
    uniform = tf.function(draw_uniform)(keys, (50,)).numpy()
    assert 0 <= uniform.min() < 1e-3
    assert 1 - 1e-3 < uniform.max() < 1
    counts, _ = np.histogram(uniform, 20, (0, 1))
    assert np.sum((counts - 5000) ** 2 / 5000) < 43.8  # chi squared, 19 degrees of freedom, p = .001
    by_key, _ = np.histogram(uniform[:, 0], 20, (0, 1))
    assert np.sum((by_key - 100) ** 2 / 100) < 43.8
    correlation = np.corrcoef(uniform[:-1, 0], uniform[1:, 0])[0, 1]
    assert abs(correlation) < 0.1
    whole = tf.function(draw_integers)(keys, (50,), -1, 3).numpy()
    assert set(np.unique(whole)) == {-1, 0, 1, 2, 3}
    assert np.abs(np.bincount(whole.ravel() + 1) / 1e5 - 0.2).max() < 0.006


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, True, "1"])
def test_bad_seeds_are_named(seed):
    with pytest.raises(ValueError, match=f"Received: seed={seed!r}"):
        NoiseLayer(seed=seed)


def test_is_randomised(images):
    assert all(is_randomised(cls(**arguments)) for cls, arguments in LAYERS.items())
    still = [FlipLayer(), WebPLayer(), NoiseLayer(0), RandomWebPLayer((60, 60)), keras.layers.Dropout(0.5)]
    assert not any(is_randomised(each) for each in [*still, None, lambda x: x])
    inner = keras.Sequential([keras.Input((17, 23, 3)), FlipLayer(), RandomFlipLayer()])
    assert is_randomised(keras.Sequential([keras.Input((17, 23, 3)), inner]))
    assert is_randomised(keras.layers.TimeDistributed(inner))
    assert not is_randomised(keras.Sequential([keras.Input((17, 23, 3)), FlipLayer()]))


def test_a_saved_model_goes_on_drawing(images, tmp_path):
    model = keras.Sequential([keras.Input((17, 23, 3)), NoiseLayer(seed=2), ResizePadLayer(0.5, seed=3)])
    tf.saved_model.save(model, tmp_path / "saved")
    served = tf.saved_model.load(tmp_path / "saved").signatures["serving_default"]
    batch = tf.constant(images, tf.float32)
    first, second = (next(iter(served(batch).values())).numpy() for _ in range(2))
    assert (first != second).any()
