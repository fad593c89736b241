import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.attacks.model_fn import as_model_fn
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models import draws as draws_module
from tf_lowdef.evaluation.models.draws import ExpectedModel, attackable, image_keys, kept_bytes
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.layers import RandomCropLayer
from tf_lowdef.models import defended_sequence


def gradient(model, x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(as_model_fn(model)(x)[:, 0])
    return tape.gradient(loss, x).numpy()


@pytest.fixture
def noisy_model(model, noise_layer):
    return keras.Sequential([keras.Input((24, 24, 3)), noise_layer(30.0), model])


def test_only_randomised_models_are_averaged(model, noisy_model):
    assert attackable(model, 5) is model
    assert isinstance(attackable(noisy_model, 5), ExpectedModel)


def test_keys_follow_from_image_seed_and_draw(dataset):
    images, _ = dataset
    keys = image_keys(images, 0, 0)
    assert keys.shape == (20, 2)
    np.testing.assert_array_equal(image_keys(images[5:7], 0, 0), keys[5:7])
    everything = [*keys.tolist(), *image_keys(images, 0, 1).tolist(), *image_keys(images, 1, 0).tolist()]
    assert len({tuple(key) for key in everything}) == 60


def test_the_mean_over_draws_nears_the_expectation(model, noisy_model, dataset):
    x = dataset[0][:6].astype(np.float32)
    truth = model(x).numpy()
    errors = {}
    for draws in (1, 64):
        expected = ExpectedModel(noisy_model, draws)
        expected.begin("bim:4", 0)
        errors[draws] = np.abs(as_model_fn(expected).logits(x) - truth).mean()
    assert errors[64] < errors[1] / 4  # a noise of mean zero on a linear model: by the square root of draws


def test_the_gradient_is_the_mean_gradient(model, noisy_model, dataset):
    x = tf.constant(dataset[0][:3], tf.float32)
    # noise that is added leaves the gradient of a linear model as it is
    np.testing.assert_allclose(gradient(ExpectedModel(noisy_model, 4), x), gradient(model, x), rtol=1e-4, atol=1e-7)


def test_draws_that_share_a_pass_are_the_same(noisy_model, dataset):
    x = tf.constant(dataset[0][:3], tf.float32)
    squashed = keras.Sequential([noisy_model, keras.layers.Softmax()])  # its gradient depends on the draws
    found = []
    for together in (1, 2, 6):
        expected = ExpectedModel(squashed, 6, together)
        expected.begin("bim:4", 0)
        logits = as_model_fn(expected).logits(x)
        found.append((logits, gradient(expected, x)))
    for logits, slope in found[1:]:
        np.testing.assert_allclose(logits, found[0][0], rtol=1e-5)
        np.testing.assert_allclose(slope, found[0][1], rtol=1e-3, atol=1e-8)


def test_as_many_draws_share_a_pass_as_fit_into_memory(noisy_model, monkeypatch):
    one = kept_bytes(noisy_model) * 8
    assert one > 8 * 4 * 24 * 24 * 3
    passes = {}
    for fitting in (0, 1, 2, 3, 5, 6, 100):
        monkeypatch.setattr(draws_module, "MEMORY", one * fitting)
        passes[fitting] = attackable(noisy_model, 6, 8)._passes
    assert passes == {0: 6, 1: 6, 2: 3, 3: 2, 5: 2, 6: 1, 100: 1}


def test_open_shapes_fit_one_draw_at_a_time(noise_layer):
    pooled = keras.layers.GlobalAveragePooling2D()
    open_model = keras.Sequential([keras.Input((None, None, 3)), noise_layer(1.0), pooled])
    assert attackable(open_model, 6, 1)._passes == 6


def test_every_crop_counts_as_a_draw(model):
    passes = {}
    for copies in (1, 2, 5, 30):
        expected = attackable(defended_sequence([RandomCropLayer(copies, 0.5)], model), 10)
        passes[copies] = expected._passes * expected._together
    assert passes == {1: 10, 2: 5, 5: 2, 30: 1}


def test_draws_begin_anew_and_differ_between_steps_images_attacks_and_seeds(noisy_model, dataset):
    x = dataset[0][:4].astype(np.float32)
    expected = ExpectedModel(noisy_model, 2)
    model_fn = as_model_fn(expected)

    def calls(attack, seed, images=x):
        expected.begin(attack, seed)
        return np.stack([model_fn.logits(images) for _ in range(2)])

    first = calls("bim:4", 0)
    np.testing.assert_array_equal(calls("bim:4", 0), first)
    np.testing.assert_allclose(calls("bim:4", 0, x[[2, 0]]), first[:, [2, 0]], rtol=1e-5)
    assert not np.allclose(first[0], first[1])
    assert not np.allclose(calls("bim:4", 1), first)
    assert not np.allclose(calls("pgd:4", 0), first)


def test_a_layer_without_gradient_gives_zeros(model, noise_layer, stop_layer, dataset):
    stopped = keras.Sequential([keras.Input((24, 24, 3)), noise_layer(1.0), stop_layer(), model])
    assert not gradient(ExpectedModel(stopped, 2), tf.constant(dataset[0][:2], tf.float32)).any()


def test_reported_draws_do_not_depend_on_the_batch(model, noise_layer, dataset):
    images, labels = dataset
    noisy = make_defence(noise_layer(200.0))
    draws = tuple(range(10))
    whole = Predictor(model, 20).correct_shares(images, labels, noisy, draws)
    parts = [Predictor(model, 3).correct_shares(images[i : i + 3], labels[i : i + 3], noisy, draws) for i in (0, 3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole[:6])
    assert len(set(whole.tolist())) > 3
    assert set(Predictor(model).correct_shares(images, labels, draws=draws)) <= {0, 1}
    inside = Predictor(noisy.in_front_of(model), 20)
    np.testing.assert_array_equal(inside.correct_shares(images, labels, draws=draws), whole)
