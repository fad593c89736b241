"""The trainer as Keras users use it: one step by hand, and what custom training steps are known to get wrong."""

from __future__ import annotations

import contextlib
import functools
import socket
import subprocess
import sys
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import RandomWebPLayer, WebPLayer
from tf_lowdef.training import AdversarialTrainer
from tf_lowdef.training.recipes import Step
from tf_lowdef.training.recipes.recipe import image_keys


def small(side=16, classes=3, head=None):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((side, side, 3))
    hidden = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(keras.layers.Rescaling(1 / 255)(inputs))
    hidden = keras.layers.BatchNormalization(name="norm")(hidden)
    hidden = keras.layers.GlobalAveragePooling2D()(hidden)
    return keras.Model(inputs, keras.layers.Dense(classes, activation=head)(hidden))


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8), rng.integers(0, 3, 12)


def trained(data, compiled=None, fitted=None, **arguments):
    model = small()
    trainer = AdversarialTrainer(model, **arguments)
    trainer.compile(**{"optimizer": keras.optimizers.SGD(0.1), "metrics": ["accuracy"], **(compiled or {})})
    history = trainer.fit(*data, **{"batch_size": 6, "shuffle": False, "verbose": 0, **(fitted or {})})
    return model, trainer, history.history


class Spy(keras.layers.Layer):
    """Keeps what goes through it in training."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, inputs, training=False):
        if training:
            tf.py_function(lambda x: self.seen.append(x.numpy()), [inputs], [])
        return inputs


def test_a_step_is_the_gradient_on_what_the_recipe_shows(linear, pixels):
    (model, _), (images, labels) = linear, pixels
    before = model.get_weights()[0]
    trainer = AdversarialTrainer(model, "fgsm-rs:4", seed=3)
    trainer.compile(keras.optimizers.SGD(1e-4))
    step = Step(
        tf.constant(images), tf.constant(labels), lambda x, number: model(x), tf.constant([3, 0], tf.int64)
    )  # fmt: skip
    (attacked,) = trainer.recipe.views(step)
    loss = trainer.fit(images, labels, batch_size=6, shuffle=False, verbose=0).history["loss"][0]
    flat = attacked.numpy().reshape(6, -1)
    odds = np.exp(flat @ before)
    shares = odds / odds.sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(shares[np.arange(6), labels]).mean(), rel=1e-4)
    gradient = flat.T @ (shares - np.eye(2)[labels]) / 6
    np.testing.assert_allclose(model.get_weights()[0], before - 1e-4 * gradient, rtol=1e-3, atol=1e-6)


def test_batch_statistics_are_those_of_the_defended_attacked_images(data):
    spy = Spy()
    inputs = keras.Input((16, 16, 3))
    norm = keras.layers.BatchNormalization(momentum=0.5, name="norm")
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(norm(spy(inputs))))
    model = keras.Model(inputs, outputs)
    trainer = AdversarialTrainer(model, "pgd:4,steps=2", defence="webp:20")
    trainer.compile(keras.optimizers.SGD(0.0))
    trainer.fit(*data, batch_size=12, verbose=0)
    (once,) = spy.seen  # the attack goes through at inference
    np.testing.assert_allclose(norm.moving_mean, 0.5 * once.mean(axis=(0, 1, 2)), rtol=1e-4)
    assert abs(once - data[0]).max() > 8  # WebP at quality 20 changes more than the attack


def test_a_share_of_each_batch_goes_bare(data):
    spy = Spy()
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(spy(inputs)))
    trainer = AdversarialTrainer(keras.Model(inputs, outputs), "noise:0.001", defence="bits:1", bare=0.25)
    trainer.compile(keras.optimizers.SGD(0.0))
    trainer.fit(*data, batch_size=12, shuffle=False, verbose=0)
    assert set(np.unique(spy.seen[0][:9])) <= {0, 255}
    np.testing.assert_allclose(spy.seen[0][9:], data[0][9:], atol=2)


def test_a_share_of_small_batches_goes_bare_on_average(data):
    spy = Spy()
    inputs = keras.Input((16, 16, 3))
    outputs = keras.layers.Dense(3)(keras.layers.Flatten()(spy(inputs)))
    counts = []
    for _ in range(2):
        trainer = AdversarialTrainer(keras.Model(inputs, outputs), "noise:0.001", defence="bits:1", bare=0.1, seed=7)
        trainer.compile(keras.optimizers.SGD(0.0))
        trainer.fit(*data, batch_size=4, epochs=30, verbose=0)
        bare = [sum(len(np.unique(image)) > 2 for image in batch) for batch in spy.seen]
        spy.seen.clear()
        assert set(bare) == {0, 1}
        assert 20 <= sum(bare) <= 52  # of 90 steps 36, give or take 4.6
        counts.append(bare)
    assert counts[0] == counts[1]


@pytest.mark.slow
def test_several_copies_of_an_image_give_one_loss(data):
    _, trainer, history = trained(data, attack="fgsm-rs:4", defence="crops:3", bare=0.5)
    assert np.isfinite(history["loss"][0])
    assert trainer.predict(data[0], verbose=0).shape == (12, 3)


@pytest.mark.slow
def test_randomised_defences_draw_anew_each_step_and_the_same_again(data):
    first = trained(data, defence="webp:20-90", seed=1, fitted={"epochs": 2})[0].get_weights()
    again = trained(data, defence="webp:20-90", seed=1, fitted={"epochs": 2})[0].get_weights()
    other = trained(data, defence="webp:20-90", seed=2, fitted={"epochs": 2})[0].get_weights()
    assert all(np.allclose(one, two, atol=1e-6) for one, two in zip(first, again, strict=True))
    assert not all(np.allclose(one, two, atol=1e-6) for one, two in zip(first, other, strict=True))


@pytest.mark.parametrize("recipe", ["trades:4,steps=1", "noise:0.01"])
def test_images_of_no_weight_teach_nothing(data, recipe):
    weights = np.array([1.0] * 6 + [0.0] * 6, np.float32)
    images = data[0].copy()
    one = trained((images, data[1]), attack=recipe, fitted={"sample_weight": weights, "batch_size": 12})[0]
    labels = data[1].copy()
    labels[6:] = (labels[6:] + 1) % 3
    two = trained((images, labels), attack=recipe, fitted={"sample_weight": weights, "batch_size": 12})[0]
    for first, second in zip(one.trainable_variables, two.trainable_variables, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_metrics_begin_anew_in_every_epoch_and_validation_is_clean(data):
    _, trainer, history = trained(
        data, compiled={"optimizer": keras.optimizers.SGD(0.0)}, attack="noise:0.001", fitted={
            "epochs": 2, "validation_data": data,
        },
    )  # fmt: skip
    assert history["accuracy"][0] == pytest.approx(history["accuracy"][1])
    loss, accuracy = trainer.evaluate(*data, verbose=0)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy)
    assert history["val_loss"][-1] == pytest.approx(loss, rel=1e-4)


def test_several_steps_in_one_call_are_the_same_steps(data):
    one = trained(data, compiled={"steps_per_execution": 1}, fitted={"epochs": 2})[0]
    two = trained(data, compiled={"steps_per_execution": 2}, fitted={"epochs": 2})[0]
    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_eager_steps_are_the_same_steps(data):
    one, two = (trained(data, compiled={"run_eagerly": eager}, attack="fgsm-rs:4")[0] for eager in (False, True))
    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-4)


def test_gradients_are_clipped(data):
    before = small().get_weights()
    model = trained(data, compiled={"optimizer": keras.optimizers.SGD(1.0, global_clipnorm=1e-3)}, fitted={
        "batch_size": 12
    })[0]  # fmt: skip
    names = [variable.path for variable in model.weights]
    moved = [after - start for name, after, start in zip(names, model.get_weights(), before, strict=True)
             if "moving" not in name]  # fmt: skip
    assert 0 < np.sqrt(sum((each**2).sum() for each in moved)) <= 1.01e-3


def test_layers_that_are_not_trainable_stay(data):
    model = small()
    model.get_layer("norm").trainable = False
    before = model.get_layer("norm").get_weights()
    trainer = AdversarialTrainer(model)
    trainer.compile(keras.optimizers.SGD(0.1))
    trainer.fit(*data, verbose=0)
    for one, two in zip(before, model.get_layer("norm").get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_a_defence_is_not_trained(data):
    layer = keras.layers.Conv2D(3, 1, name="denoiser")
    layer.build((None, 16, 16, 3))
    before = layer.get_weights()
    _, trainer, _ = trained(data, defence=("denoiser", [layer]))
    for one, two in zip(before, layer.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert not any(each is layer.kernel for each in trainer.trainable_variables)


def test_half_precision_keeps_pixels_and_scales_the_loss(data):
    keras.mixed_precision.set_dtype_policy("mixed_float16")
    try:
        model = small()
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    trainer = AdversarialTrainer(model, "fgsm-rs:4", defence="webp:60+flip")
    trainer.compile(keras.optimizers.Adam(1e-3))
    assert isinstance(trainer.optimizer, keras.optimizers.LossScaleOptimizer)
    assert np.isfinite(trainer.fit(*data, verbose=0).history["loss"][0])
    pixels = data[0] + np.float32(0.3)
    np.testing.assert_allclose(trainer.predict(pixels, verbose=0), model.predict(
        np.asarray(trainer.defence.apply(pixels)), verbose=0), atol=1e-2)  # fmt: skip


def test_a_saved_model_is_trained_by_an_optimizer_that_keeps_something(data, tmp_path):
    small().export(tmp_path / "saved", verbose=False)
    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.TFSMLayer(tmp_path / "saved", "serve")])
    before = model.get_weights()
    trainer = AdversarialTrainer(model, "fgsm-rs:4", input_range=(0, 255), outputs="logits")
    trainer.compile("adam")
    trainer.fit(*data, verbose=0)
    assert any((one != two).any() for one, two in zip(before, model.get_weights(), strict=True))


def test_looks_and_images_share_no_draw(data, monkeypatch):
    """Look 1 of an image must not draw what look 0 of the next one does."""
    keys = []
    monkeypatch.setattr(
        "tf_lowdef.training.trainer.image_keys", lambda *each: keys.append(image_keys(*each)) or keys[-1]
    )
    trainer = AdversarialTrainer(small(), "pgd:4,steps=3", defence="webp:40-80")
    trainer.compile(run_eagerly=True)
    trainer.fit(*data, verbose=0)
    drawn = [tuple(key) for some in keys for key in some.numpy().tolist()]
    assert len(drawn) == len(set(drawn)) == 4 * len(data[0])


def test_a_saved_trainer_goes_on(data, tmp_path):
    _, trainer, _ = trained(data, attack="trades:4,steps=1", defence="webp:60+flip", bare=0.5)
    trainer.save(tmp_path / "trainer.keras")
    loaded = keras.models.load_model(tmp_path / "trainer.keras")
    assert loaded.get_config()["attack"] == "trades:4,steps=1"
    assert loaded.defence.name == "webp:60+flip"
    assert loaded.bare == 0.5
    np.testing.assert_allclose(loaded.predict(data[0], verbose=0), trainer.predict(data[0], verbose=0), atol=1e-5)
    assert int(loaded.step_count.numpy()) == int(trainer.step_count.numpy()) == 2
    loaded.fit(*data, verbose=0)


@pytest.mark.slow
def test_backup_and_restore_goes_on_as_if_nothing_had_been(data, tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise RuntimeError

    arguments = {"attack": "fgsm-rs:4", "defence": "webp:20-90"}
    whole = trained(data, **arguments, fitted={"epochs": 3})[0].get_weights()
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(RuntimeError):
        trained(data, **arguments, fitted={"epochs": 3, "callbacks": [backup, Stop()]})
    parts = trained(data, **arguments, fitted={"epochs": 3, "callbacks": [backup]})[0].get_weights()
    for one, two in zip(whole, parts, strict=True):
        np.testing.assert_allclose(one, two, atol=1e-5)


def test_the_users_model_keeps_its_range_and_head(data, tmp_path):
    model = small(head="softmax")
    trainer = AdversarialTrainer(model, "fgsm-rs:4", input_range=(0, 1))
    trainer.compile(keras.optimizers.SGD(0.1))
    before = model.get_weights()
    trainer.fit(*data, verbose=0)
    assert any((one != two).any() for one, two in zip(before, model.get_weights(), strict=True))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    scores = again.predict(data[0] / np.float32(255), verbose=0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(scores, keras.ops.softmax(trainer.predict(data[0], verbose=0)), atol=1e-4)


def test_one_hot_labels_and_datasets(data):
    one_hot = np.eye(3, dtype=np.float32)[data[1]]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    one = trained((data[0], one_hot), compiled={"loss": loss, "metrics": []})[0]
    two = trained(data)[0]
    for first, second in zip(one.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)
    model = small()
    trainer = AdversarialTrainer(model)
    trainer.compile(keras.optimizers.SGD(0.1))
    trainer.fit(tf.data.Dataset.from_tensor_slices(data).batch(6), verbose=0)
    for first, second in zip(model.get_weights(), two.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_layers_are_attacked_through_a_smoothed_gradient_and_xla_is_told_what_it_cannot_do():
    trainer = AdversarialTrainer(small(), defence=[WebPLayer(60), RandomWebPLayer((40, 80))])
    assert [layer.gradient for layer in trainer.attacked_classifier().layers[:2]] == ["smoothed", "smoothed"]
    assert [layer.gradient for layer in trainer.defence.layers] == ["straight_through", "straight_through"]
    assert trainer.supports_jit
    assert not AdversarialTrainer(small(), defence="jpeg:60").supports_jit


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"attack": "bim:4"}, ValueError, "Unknown recipe 'bim'"),
        ({"defence": "wepb:60"}, ValueError, "Did you mean 'webp'"),
        ({"bare": 1.5}, ValueError, "`bare` must be"),
        ({"seed": -1}, ValueError, "`seed` must be"),
        ({"gradient": "steep"}, ValueError, "`gradient` must be"),
        ({"model": "mine.keras"}, TypeError, "`model` must be a Keras model"),
    ],
)
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        AdversarialTrainer(**{"model": small(), **arguments})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x / 255.0, y), r"pixels in \[0, 255\].*Received: values from"),
        (lambda x, y: (x.astype(np.float32) - 128, y), r"pixels in \[0, 255\]"),
        (lambda x, y: (np.where(x > 250, np.nan, x.astype(np.float32)), y), "NaN"),
        (lambda x, y: (x, y + 1), "whole numbers from 0 to 2"),
        (lambda x, y: (x, y - 1), "whole numbers from 0 to 2"),
        (lambda x, y: (x, np.eye(4)[y]), "labels of 4"),
        (lambda x, y: (tf.data.Dataset.from_tensor_slices((x / 255.0, y)).batch(4), None), r"pixels in \[0, 255\]"),
        (lambda x, y: ((each for each in [(x / 255.0, y)]), None), r"`x` must hold pixels in \[0, 255\]"),
        (lambda x, y: (x, np.eye(3)[y]), r"loss takes class indices.*Received: `y` with labels of shape \(12, 3\)"),
    ],
)
def test_wrong_data_stop_before_the_first_step(data, change, message):
    trainer = AdversarialTrainer(small())
    trainer.compile()
    with pytest.raises(ValueError, match=message):
        trainer.fit(*change(*data), verbose=0)
    assert int(trainer.step_count.numpy()) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x, y: (x / 255.0, y), r"`validation_data` must hold pixels in \[0, 255\]"),
        (lambda x, y: (x, y + 1, np.ones(12)), "labels of `validation_data` must be whole numbers from 0 to 2"),
        (
            lambda x, y: tf.data.Dataset.from_tensor_slices((x / 255.0, y)).batch(4),
            "`validation_data` must hold pixels",
        ),
    ],
)
def test_wrong_validation_data_stop_before_the_first_step(data, change, message):
    trainer = AdversarialTrainer(small())
    trainer.compile()
    with pytest.raises(ValueError, match=message):
        trainer.fit(*data, validation_data=change(*data), verbose=0)
    assert int(trainer.step_count.numpy()) == 0


def test_class_indices_do_not_fit_a_loss_of_one_hot_labels(data):
    trainer = AdversarialTrainer(small())
    trainer.compile(loss=keras.losses.CategoricalCrossentropy(from_logits=True))
    with pytest.raises(ValueError, match=r"loss takes one-hot labels.*labels of shape \(12,\)"):
        trainer.fit(*data, verbose=0)


def test_a_generator_gives_all_that_it_had(data):
    model = small()
    trainer = AdversarialTrainer(model)
    trainer.compile(keras.optimizers.SGD(0.1))
    batches = ((data[0][place:][:6], data[1][place:][:6]) for place in (0, 6))
    trainer.fit(batches, steps_per_epoch=2, verbose=0)
    assert int(trainer.step_count.numpy()) == 2
    for first, second in zip(model.get_weights(), trained(data)[0].get_weights(), strict=True):
        np.testing.assert_allclose(first, second, atol=1e-5)


def test_a_range_that_nobody_said_is_a_warning_once(data):
    def first_fits(**arguments):
        model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(3)])
        trainer = AdversarialTrainer(model, **arguments)
        trainer.compile()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(2):
                trainer.fit(data[0][:4], data[1][:4], verbose=0)
        return [str(each.message) for each in caught if "takes pixels as" in str(each.message)]

    assert len(first_fits()) == 1
    assert first_fits(input_range=(0, 1)) == []


@pytest.mark.parametrize(
    "loss",
    [
        "SparseCategoricalCrossentropy",
        "categorical_focal_crossentropy",
        "kl_divergence",
        keras.losses.sparse_categorical_crossentropy,
        keras.losses.CategoricalCrossentropy(),
        keras.losses.KLDivergence(),
    ],
    ids=["class", "name", "name without a flag", "function", "object", "object without a flag"],
)
def test_a_loss_of_probabilities_is_refused(loss):
    with pytest.raises(ValueError, match="from_logits=True"):
        AdversarialTrainer(small()).compile(loss=loss)


def plain(labels, scores):
    return -tf.reduce_sum(labels * tf.math.log(tf.clip_by_value(scores, 1e-7, 1.0)), axis=-1)


class Own(keras.losses.Loss):
    def call(self, labels, scores):
        return keras.ops.sparse_categorical_crossentropy(labels, scores)


@pytest.mark.parametrize(
    "loss",
    [
        ["sparse_categorical_crossentropy"],
        {"logits": keras.losses.SparseCategoricalCrossentropy()},
        lambda labels, scores: keras.losses.sparse_categorical_crossentropy(labels, scores),
        lambda labels, scores: keras.losses.categorical_crossentropy(labels, scores, label_smoothing=0.1),
        functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=False),
        plain,
        Own(),
    ],
    ids=["list", "dict", "of indices", "of one-hot labels", "partial", "function", "class"],
)
def test_a_loss_of_probabilities_is_refused_however_it_is_wrapped(loss):
    with pytest.raises(ValueError, match="from_logits=True.*Received: loss="):
        AdversarialTrainer(small()).compile(loss=loss)


@pytest.mark.parametrize(
    "loss",
    [
        "mse",
        "categorical_hinge",
        "cosine_similarity",
        [keras.losses.BinaryCrossentropy(from_logits=True)],
        keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1),
        functools.partial(keras.losses.sparse_categorical_crossentropy, from_logits=True),
        lambda labels, scores: keras.losses.sparse_categorical_crossentropy(labels, scores, from_logits=True),
        lambda labels, scores: -tf.reduce_sum(labels * tf.nn.log_softmax(scores), axis=-1),
        lambda labels, scores: plain(labels, tf.nn.softmax(scores)),
        lambda labels, scores: tf.reduce_mean(scores**2, axis=-1),  # of no class
    ],
)
def test_a_loss_of_logits_is_taken(loss):
    trainer = AdversarialTrainer(small())
    trainer.compile(loss=loss)
    assert trainer.loss is (loss[0] if isinstance(loss, list) else loss)


def test_there_is_one_loss():
    with pytest.raises(ValueError, match="`loss` must be one loss. Received: loss="):
        AdversarialTrainer(small()).compile(loss=["mse", "mse"])


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("sparse_categorical_crossentropy", "sparse_categorical_crossentropy"),
        ("ce", "ce"),
        (keras.metrics.SparseCategoricalCrossentropy(name="own"), "own"),
        (keras.metrics.KLDivergence(), "kl_divergence"),
        (keras.metrics.AUC(name="area"), "area"),
        (keras.metrics.Precision(name="precise"), "precise"),
        ("Recall", "Recall"),
        ({"logits": [keras.metrics.BinaryAccuracy()]}, "binary_accuracy"),
        (keras.losses.categorical_crossentropy, "categorical_crossentropy"),
    ],
)
def test_metrics_of_probabilities_are_refused(metric, name):
    for kind in ("metrics", "weighted_metrics"):
        with pytest.raises(
            ValueError, match=rf"`{kind}` must take logits.*{name}' takes probabilities.*from_logits=True"
        ):
            AdversarialTrainer(small()).compile(**{kind: ["accuracy", metric]})


def test_metrics_of_logits_are_taken():
    metrics = [
        "acc",
        "mse",
        keras.metrics.SparseCategoricalCrossentropy(from_logits=True),
        keras.metrics.SparseTopKCategoricalAccuracy(2),
        keras.metrics.AUC(from_logits=True),
        keras.metrics.Precision(top_k=1),
        keras.metrics.Recall(thresholds=0),
        keras.metrics.F1Score(),
        lambda labels, scores: tf.reduce_mean(scores),
    ]
    AdversarialTrainer(small()).compile(metrics=metrics)


REPLICAS = """
import keras, numpy as np, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tf_lowdef.training import AdversarialTrainer
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (12, 16, 16, 3)).astype(np.uint8), rng.integers(0, 3, 12)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))))
    trainer = AdversarialTrainer(model, RECIPE, defence="webp:60", bare=0.5)
    trainer.compile(keras.optimizers.SGD(0.1), metrics=["accuracy"])
before = [np.array(each) for each in model.get_weights()]
history = trainer.fit(x, y, batch_size=6, shuffle=False, epochs=2, verbose=0).history
print(int(trainer.step_count.numpy()), np.isfinite(history["loss"]).all(), (model.get_weights()[0] != before[0]).any())
"""


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["fgsm-rs:4", "trades:4,steps=1"])
def test_two_replicas_train_one_model(recipe):
    script = REPLICAS.replace("RECIPE", repr(recipe))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.split() == ["4", "True", "True"], done.stderr[-2000:]


WORKER = """
import json, os, sys
index, *ports = map(int, sys.argv[1:])
cluster = {"worker": [f"localhost:{port}" for port in ports]}
os.environ["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
import tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()  # before anything else runs
import keras, numpy as np
from tf_lowdef.training import AdversarialTrainer
rng = np.random.default_rng(0)
x, y = rng.integers(0, 256, (16, 16, 16, 3)).astype(np.float32), rng.integers(0, 3, 16)
keras.utils.set_random_seed(0)
with strategy.scope():
    inputs = keras.Input((16, 16, 3))
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))))
    trainer = AdversarialTrainer(model, defence="webp:60", bare=0.5)
    trainer.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    trainer.optimizer.build(trainer.trainable_variables)
before = model.get_weights()[0]
batches = strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensor_slices((x, y)).batch(8))
step = tf.function(lambda batch: strategy.run(trainer.train_step, args=(batch,)))
for batch in batches:
    step(batch)
after = model.get_weights()[0]
print(strategy.num_replicas_in_sync, (after != before).any(), repr(float(np.abs(after).sum())))
"""


@pytest.mark.slow
def test_two_worker_processes_train_one_model():
    """By the trainer's own step: Keras 3.15's ``fit`` does not take this strategy, for any model."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("localhost", 0))
        ports = [str(each.getsockname()[1]) for each in sockets]
    command = [sys.executable, "-c", WORKER]
    workers = [
        subprocess.Popen([*command, str(number), *ports], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(2)
    ]
    try:
        (first, said), (second, _) = (worker.communicate(timeout=300) for worker in workers)
    finally:
        for worker in workers:
            worker.kill()
    assert first.split()[:2] == ["2", "True"], said[-2000:]
    assert first == second
