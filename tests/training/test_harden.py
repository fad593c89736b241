"""``harden`` from data to a saved model: what it keeps, how it goes on, what it refuses."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.jobs import RunMismatchError
from tf_lowdef.models.range_probe import RangeError
from tf_lowdef.training import harden

QUICK = {"defence": "webp:60", "epochs": 2, "batch_size": 8, "learning_rate": 1e-3}


@pytest.fixture
def make(model):
    """A function that makes the same small classifier again, with a layer that draws in training."""

    def build(head=None, scale=255.0):
        inputs = keras.Input(model.input_shape[1:])
        pooled = keras.layers.AveragePooling2D(12)(keras.layers.Rescaling(scale / 255 / 255)(inputs))
        hidden = keras.layers.Dropout(0.2)(keras.layers.Flatten()(pooled))
        built = keras.Model(inputs, keras.layers.Dense(4, activation=head, name="logits")(hidden))
        built.get_layer("logits").set_weights(model.get_layer("logits").get_weights())
        return built

    return build


@pytest.fixture
def data(dataset):
    images, labels = dataset
    return images[1:], labels[1:]  # the first is labelled wrongly


def others(data):
    """Images that are not those, if only just."""
    return data[0] ^ 1, data[1]


def same(first, second):
    return all((one == two).all() for one, two in zip(first.get_weights(), second.get_weights(), strict=True))


class Kill(keras.callbacks.Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise KeyboardInterrupt


class Ruin(keras.callbacks.Callback):
    """Stands behind the validation, and before the next epoch's."""

    def on_train_batch_end(self, batch, logs=None):
        self.model.classifier.set_weights([np.zeros_like(each) for each in self.model.classifier.get_weights()])


def test_it_trains_in_place_and_saves_what_was_given(make, data, tmp_path):
    own = make(head="softmax")
    before = own.get_weights()
    found = harden(own, data, validation=others(data), **QUICK)
    assert found.model is own
    assert any((one != two).any() for one, two in zip(before, own.get_weights(), strict=True))
    assert {len(values) for values in found.curves.values()} == {2}
    assert set(found.curves) == {
        "loss", "accuracy", "val_clean_accuracy", "val_fgsm_accuracy", "val_pgd_accuracy",
    }  # fmt: skip
    judged = list(zip(found.curves["val_pgd_accuracy"], found.curves["val_clean_accuracy"], [0, 1], strict=True))
    assert found.best_epoch == max(judged)[2]
    found.save(tmp_path / "hard.keras")
    loaded = keras.models.load_model(tmp_path / "hard.keras")
    assert [type(layer).__name__ for layer in loaded.layers] == [type(layer).__name__ for layer in own.layers]
    np.testing.assert_allclose(loaded.predict(data[0], verbose=0), own.predict(data[0], verbose=0), atol=1e-6)


@pytest.mark.slow
def test_a_stopped_training_goes_on_as_if_nothing_had_been(make, data, tmp_path, monkeypatch):
    arguments = {**QUICK, "epochs": 3, "validation": others(data), "seed": 1, "deterministic": True, "shift": 1}
    monkeypatch.setattr(tf.config.experimental, "enable_op_determinism", lambda: None)  # it could not be taken back
    whole = harden(make(), data, **arguments)
    with pytest.raises(KeyboardInterrupt):
        harden(make(), data, **arguments, out=tmp_path / "run", callbacks=[Kill()])
    parts = harden(make(), data, **arguments, out=tmp_path / "run")
    again = harden(make(), data, **arguments, out=tmp_path / "run")  # nothing is left to do
    for found in (parts, again):
        assert found.curves == whole.curves
        assert found.best_epoch == whole.best_epoch
        assert same(found.model, whole.model)


@pytest.mark.slow
def test_another_training_in_the_folder_is_refused(make, data, tmp_path):
    harden(make(), data, validation=others(data), **{**QUICK, "epochs": 1}, out=tmp_path / "run")
    with pytest.raises(RunMismatchError, match=r"arguments\.recipe: \"fgsm-rs:4\", now \"pgd:4,steps=1\""):
        harden(
            make(),
            data,
            validation=others(data),
            **{**QUICK, "epochs": 1},
            recipe="pgd:4,steps=1",
            out=tmp_path / "run",
        )
    brighter = (np.minimum(data[0], 254) + 1, data[1])  # of the same names and labels
    with pytest.raises(RunMismatchError, match=r"arguments\.trained_on_sha256: "):
        harden(make(), brighter, validation=others(data), **{**QUICK, "epochs": 1}, out=tmp_path / "run")
    with pytest.raises(RunMismatchError, match=r"arguments\.validated_on_sha256: "):
        harden(make(), data, validation=others(brighter), **{**QUICK, "epochs": 1}, out=tmp_path / "run")


@pytest.mark.parametrize("recipe", ["trades:4,steps=1", "vaccinate:40-80", "noise:0.01"])
def test_every_recipe(make, data, recipe):
    found = harden(make(), data, validation=others(data), recipe=recipe, **{**QUICK, "epochs": 1})
    assert found.recipe.spec == recipe
    assert ("val_pgd_accuracy" in found.curves) == recipe.startswith("trades")


def test_labels_that_are_shifted_stop_before_the_first_epoch(make, data):
    with pytest.raises(ValueError, match=r"near chance|labels must be the model's 0-based"):
        harden(make(), (data[0], (data[1] + 1) % 4), **QUICK)
    with pytest.raises(ValueError, match=r"Label 4 of '.*' is out of range: the model has 4 classes"):
        harden(make(), (data[0], data[1] + 1), **QUICK)


def test_a_model_that_knows_nothing_must_be_said_to(make, data):
    own = make()
    own.get_layer("logits").set_weights([np.zeros((12, 4), np.float32), np.zeros(4, np.float32)])
    with pytest.raises(ValueError, match="from_scratch=True, on the command line --from-scratch"):
        harden(own, data, validation=others(data), **QUICK)
    assert harden(own, data, validation=others(data), from_scratch=True, **QUICK).best_epoch in (0, 1)


def bright(count, threshold):
    """Dark and bright images, and a classifier that tells them apart where the sum of a pixel is about `threshold`."""
    images = np.repeat(np.array([20, 235], np.uint8), count)[:, None, None, None] * np.ones((1, 24, 24, 3), np.uint8)
    inputs = keras.Input((24, 24, 3))
    own = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inputs)))
    own.layers[-1].set_weights([np.array([[0, 1]] * 3, np.float32), np.array([0, -threshold], np.float32)])
    return own, images, np.repeat([0, 1], count)


def test_a_model_that_knows_nothing_has_no_range_to_tell():
    """Of random weights some do better in another range, by chance."""
    own, images, labels = bright(30, 1)
    with pytest.raises(RangeError, match="input_range"):
        harden(own, (images, labels), **QUICK)
    assert harden(own, (images, labels), from_scratch=True, **QUICK).best_epoch in (0, 1)


def test_few_images_of_a_good_model_are_a_warning():
    own, images, labels = bright(1, 380)
    found = harden(own, (images, labels), validation=others((images, labels)), **{**QUICK, "epochs": 1})
    assert any("100.0% of 2 images, too few to tell it from chance (50.0%)" in each for each in found.warnings)


@pytest.mark.slow
def test_a_classifier_that_came_to_nothing_is_told(make, data):
    found = harden(make(), data, validation=others(data), optimizer="sgd", callbacks=[Ruin()], **QUICK)
    assert any("After the training" in each and "near chance" in each for each in found.warnings)
    assert "learning_rate" not in found.facts
    assert found.facts["optimizer"]["class_name"] == "SGD"


@pytest.mark.slow
def test_bfloat16_goes_on(make, data, tmp_path):
    keras.mixed_precision.set_dtype_policy("bfloat16")
    try:
        with pytest.raises(KeyboardInterrupt):
            harden(make(), data, validation=others(data), **QUICK, out=tmp_path / "run", callbacks=[Kill()])
        found = harden(make(), data, validation=others(data), **QUICK, out=tmp_path / "run")
    finally:
        keras.mixed_precision.set_dtype_policy("float32")
    assert len(found.curves["loss"]) == 2


def test_a_wrong_range_stops_before_the_first_epoch(make, data):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 4
    images = rng.normal(110, 25, (60, 24, 24, 3))
    for image, label in zip(images, labels, strict=True):
        row, column = divmod(int(label), 2)
        image[row * 12 : (row + 1) * 12, column * 12 : (column + 1) * 12] += 60
    own = keras.Sequential([keras.Input((24, 24, 3)), keras.layers.Activation("tanh"), make(scale=255.0**2)])
    with pytest.raises(RangeError, match=r"input_range=\(0, 1\)"):
        harden(own, (np.clip(images, 0, 255).astype(np.uint8), labels), **QUICK)


def test_a_loss_that_is_no_number_at_once_leaves_nothing(make, data, tmp_path):
    own = make()
    with pytest.raises(ValueError, match="NaN or infinite before the first epoch was done.*learning_rate=1e"):
        harden(own, data, validation=others(data), **{**QUICK, "learning_rate": 1e38}, out=tmp_path / "run")
    assert all(np.isfinite(each).all() for each in own.get_weights())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epochs": 0}, "`epochs` must be"),
        ({"batch_size": 0}, "`batch_size` must be"),
        ({"learning_rate": 0.0}, "`learning_rate` must be"),
        ({"bare": 2.0}, "`bare` must be"),
        ({"shift": -1}, "`shift` must be"),
        ({"mirror": "yes"}, "`mirror` must be"),
        ({"seed": -1}, "`seed` must be"),
        ({"validation": 0.0}, "`validation` must be"),
        ({"validation": 1}, "`validation` must be a share above 0 and below 1, or images"),
        ({"validation": np.float32(1.5)}, "`validation` must be"),
        ({"shift": 25}, "`shift` must be at most the images' side, 24"),
        ({"optimizer": keras.optimizers.SGD(use_ema=True)}, "use_ema=True"),
        ({"optimizer": keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(use_ema=True))}, "use_ema=True"),
        ({"recipe": "fgsmrs:4"}, "Did you mean 'fgsm-rs'"),
        ({"defence": "webp:101"}, "`quality` must be"),
    ],
)
def test_wrong_arguments_are_named(make, data, arguments, message):
    with pytest.raises(ValueError, match=message):
        harden(make(), data, **{**QUICK, **arguments})


@pytest.mark.parametrize(
    "callback",
    [keras.callbacks.ReduceLROnPlateau(), keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate)],
)
def test_a_callback_that_sets_the_learning_rate_needs_an_optimizer(make, callback):
    nothing = (np.zeros((0, 24, 24, 3), np.uint8), np.zeros(0, np.int64))  # would be told next
    with pytest.raises(ValueError, match=r"optimizer=keras.optimizers.AdamW\(1e-3\). Received: .*(Plateau|Scheduler)"):
        harden(make(), nothing, callbacks=[callback], **QUICK)
    with pytest.raises(ValueError, match="image"):
        harden(make(), nothing, callbacks=[callback], optimizer=keras.optimizers.AdamW(1e-3), **QUICK)


def test_an_optimizer_that_trained_another_model_is_refused(make, data):
    used = keras.optimizers.SGD(1e-3)
    first = make()
    used.build(first.trainable_variables)
    with pytest.raises(ValueError, match="`optimizer` must be new, or have trained this model.*Received: a SGD"):
        harden(make(), data, optimizer=used, **QUICK)
    harden(first, data, validation=others(data), optimizer=used, **{**QUICK, "epochs": 1})


def test_a_model_without_anything_to_train_is_refused(make, data):
    own = make()
    own.trainable = False
    with pytest.raises(ValueError, match="`model` must have layers to train"):
        harden(own, data, **QUICK)


def test_what_is_trained_on_is_not_held_back(make, data):
    with pytest.raises(ValueError, match="`validation` must hold other images than those trained on: 5 of it"):
        harden(make(), data, validation=(data[0][:5], data[1][:5]), **QUICK)


def test_one_image_is_too_few(make, data):
    with pytest.raises(ValueError, match="two images or more. Received: 1"):
        harden(make(), (data[0][:1], data[1][:1]), **QUICK)


def test_a_name_that_is_no_keras_file_is_refused(make, data, tmp_path):
    found = harden(make(), data, validation=others(data), **{**QUICK, "epochs": 1})
    with pytest.raises(ValueError, match=r"written as a \.keras file. Received: .*hard\.h5"):
        found.save(tmp_path / "hard.h5")


SCRIPT = """
import sys, keras, numpy as np
from tf_lowdef.training import harden

class Say(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        print("step", flush=True)

data = np.load(sys.argv[1])
model = keras.models.load_model(sys.argv[2])
found = harden(
    model, (data["x"], data["y"]), "webp:40-80", validation=(data["x"] ^ 1, data["y"]), epochs=3, batch_size=4,
    deterministic=True, seed=2, out=sys.argv[3], callbacks=[Say()],
)
np.savez(sys.argv[4], *model.get_weights())
"""


@pytest.mark.slow
def test_kill_9_loses_nothing(make, data, tmp_path):
    np.savez(tmp_path / "data.npz", x=data[0], y=data[1])
    make().save(tmp_path / "model.keras")

    def command(run, out):
        script = [sys.executable, "-c", SCRIPT, tmp_path / "data.npz", tmp_path / "model.keras", run, out]
        return [str(each) for each in script]

    with subprocess.Popen(command(tmp_path / "run", tmp_path / "no.npz"), stdout=subprocess.PIPE, text=True) as process:
        for _ in range(7):  # five steps an epoch: in the second one
            process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    for run, out in (("run", "parts.npz"), ("other", "whole.npz")):
        subprocess.run(command(tmp_path / run, tmp_path / out), check=True, capture_output=True)
    parts, whole = (np.load(tmp_path / name) for name in ("parts.npz", "whole.npz"))
    for name in whole.files:
        np.testing.assert_array_equal(parts[name], whole[name])
