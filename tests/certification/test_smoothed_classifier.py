"""The smoothed classifier is a Keras model like any other, and votes as its certificates do."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import SmoothedClassifier, certify, evaluate, load_model
from tf_lowdef.certification import ABSTAIN
from tf_lowdef.layers import draw_scope
from tf_lowdef.serving import export

N = 24


@pytest.fixture(scope="module")
def smoothed(model):
    return SmoothedClassifier(model, 0.3, "gaussian:1", n=N, alpha=0.01, seed=5, batch_size=16)


@pytest.fixture(scope="module")
def images(dataset):
    return dataset[0][:5]


def test_logits_are_those_of_the_vote(smoothed, images):
    votes = smoothed.votes(images)
    assert votes.dtype == np.int64
    assert votes.sum(axis=1).tolist() == [N] * 5
    assert ((votes > 0).sum(axis=1) > 1).any()
    logits = smoothed.predict(images, verbose=0)
    assert np.exp(logits) == pytest.approx((votes + 1 / 4) / (N + 1), rel=1e-5)
    assert np.exp(logits).sum(axis=1) == pytest.approx(1)


def test_its_votes_are_those_of_the_certificate(smoothed, model, dataset):
    found = certify(model, dataset, "gaussian:1", 0.3, n=N, n0=8, alpha=0.01, seed=5, batch_size=16).certified[0]
    votes = smoothed.votes(dataset[0])
    for each, row in zip(found.per_image, votes, strict=True):
        assert each.votes in row
        if each.class_ != ABSTAIN:
            assert row[each.class_] == each.votes == row.max()


def test_an_image_has_the_same_votes_whatever_its_batch(smoothed, images):
    together = smoothed.votes(images)
    alone = np.concatenate([smoothed.votes(image[None]) for image in images])
    twice = smoothed.votes(np.concatenate([images[::-1], images]))
    assert (together == alone).all()
    assert (twice == np.concatenate([together[::-1], together])).all()


def test_of_no_images_there_are_no_votes(smoothed, images):
    assert smoothed.votes(images[:0]).shape == (0, 4)


def test_without_a_seed_every_call_draws_anew_and_a_scope_decides(model, images):
    fresh = SmoothedClassifier(model, 0.3, n=N)
    assert (fresh.votes(images) != fresh.votes(images)).any()
    keys = np.arange(10).reshape(5, 2)
    with draw_scope(keys):
        first, second = np.asarray(fresh(images)), np.asarray(fresh(images))
    assert (first == second).all()


@pytest.mark.slow
def test_it_saves_and_loads_safely(smoothed, images, tmp_path):
    smoothed.save(tmp_path / "smoothed.keras")
    loaded = load_model(tmp_path / "smoothed.keras")
    assert isinstance(loaded, SmoothedClassifier)
    assert (loaded.votes(images) == smoothed.votes(images)).all()
    assert loaded.get_config()["sigma"] == 0.3
    assert (loaded.seed, loaded.n, loaded.alpha, loaded.batch_size) == (5, N, 0.01, 16)
    again = keras.models.load_model(tmp_path / "smoothed.keras", safe_mode=True)
    assert (again.votes(images) == smoothed.votes(images)).all()


def test_a_class_is_named_where_the_vote_is_clear_and_not_elsewhere(model, dataset):
    images = dataset[0]
    sure = SmoothedClassifier(model, 0.02, n=50, seed=0).classify(images)
    assert (sure == np.asarray(model(images)).argmax(axis=1)).mean() > 0.9
    unsure = SmoothedClassifier(model, 1.0, n=10, seed=0)
    votes, found = unsure.votes(images), unsure.classify(images)
    assert ABSTAIN in found
    assert ((found == ABSTAIN) | (found == votes.argmax(axis=1))).all()


def test_its_gradient_is_that_of_the_mean_probabilities(smoothed, images):
    x = tf.constant(images, tf.float32)

    def loss(logits):
        return tf.reduce_sum(logits[:, 0])

    with tf.GradientTape() as tape:
        tape.watch(x)
        value = loss(smoothed(x))
    found = tape.gradient(value, x)
    from tf_lowdef.certification.votes import noisy_copies, seeded_keys

    with tf.GradientTape() as tape:
        tape.watch(x)
        copies = noisy_copies(x, seeded_keys(x, 5), 0.3, tf.range(N, dtype=tf.int64))
        mean = tf.reduce_mean(tf.reshape(tf.nn.softmax(smoothed.classifier(copies)), (5, N, 4)), axis=1)
        value = loss(tf.math.log(mean))
    expected = tape.gradient(value, x)
    assert np.abs(expected).max() > 0
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


@pytest.mark.slow
def test_evaluate_attacks_it_through_that_gradient(model, dataset):
    smoothed = SmoothedClassifier(model, 0.05, n=16, seed=0)
    found = evaluate(smoothed, dataset, ["bim:8"], ["none"], limit=8, batch_size=8)
    attacked = found.row("bim:8", "none")
    assert attacked.zero_gradient == 0
    assert attacked.top1 < found.row("none", "none").top1


@pytest.mark.slow
def test_it_exports_without_python(smoothed, tmp_path, images):
    folder = export(smoothed, tmp_path / "served", samples=images)
    served = tf.saved_model.load(str(folder)).signatures["serving_default"](tf.constant(images, tf.float32))
    assert served["probabilities"].numpy() == pytest.approx((smoothed.votes(images) + 1 / 4) / (N + 1), abs=1e-5)


@pytest.mark.slow
def test_one_that_draws_anew_is_not_exported(model, tmp_path, images):
    fresh = SmoothedClassifier(model, 0.5, n=N)
    with pytest.raises(ValueError, match="SmoothedClassifier with a seed"):
        export(fresh, tmp_path / "served", samples=images)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"sigma": 15}, "`sigma` must be"),
        ({"sigma": 0}, "`sigma` must be"),
        ({"n": 5}, "unanimous vote"),
        ({"alpha": 0.7}, "`alpha` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"defence": "nlm:300"}, "strength"),
    ],
)
def test_what_makes_no_sense_is_refused(model, arguments, text):
    with pytest.raises(ValueError, match=text):
        SmoothedClassifier(model, **{"sigma": 0.1, "n": N, **arguments})


def test_anything_but_a_model_is_refused():
    with pytest.raises(TypeError, match="must be a Keras model"):
        SmoothedClassifier(lambda images: images, 0.1)


def test_grey_images(tmp_path):
    inputs = keras.Input((16, 16, 1))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(inputs)))
    smoothed = SmoothedClassifier(model, 0.2, "median:3", n=12, seed=0)
    smoothed.save(tmp_path / "grey.keras")
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 1), np.uint8)
    assert (load_model(tmp_path / "grey.keras").votes(images) == smoothed.votes(images)).all()


def test_a_model_in_another_range_is_adapted(model, images):
    inputs = keras.Input((24, 24, 3))
    scaled = keras.Model(inputs, keras.layers.Softmax()(model(keras.layers.Rescaling(255.0)(inputs))))
    from tf_lowdef import as_classifier

    smoothed = SmoothedClassifier(as_classifier(scaled, input_range=(0, 1)), 0.3, "gaussian:1", n=N, seed=5)
    expected = SmoothedClassifier(model, 0.3, "gaussian:1", n=N, seed=5)
    assert np.abs(smoothed.votes(images) - expected.votes(images)).max() <= 1


def test_half_precision_elsewhere_rounds_neither_pixels_nor_noise(model, images):
    expected = SmoothedClassifier(model, 0.3, n=N, seed=5).votes(images)
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        smoothed = SmoothedClassifier(model, 0.3, n=N, seed=5)
        assert (smoothed.votes(images) == expected).all()
        assert np.asarray(smoothed(images)).dtype == np.float32
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
