"""What looks after a training: the best epoch, catastrophic overfitting, losses that are no numbers."""

from __future__ import annotations

from statistics import NormalDist

import keras
import numpy as np
import pytest

from tf_lowdef.models.range_probe import RangeError
from tf_lowdef.results.curves import CLEAN, NOISY, ONE_STEP, ROBUST
from tf_lowdef.training import AdversarialTrainer, RobustValidation
from tf_lowdef.training.guards import StopOnNaN, overfits


@pytest.mark.parametrize(
    ("robust", "one_step", "expected"),
    [
        ([0.4, 0.5, 0.1], [0.5, 0.6, 0.9], True),
        ([0.4, 0.5, 0.25], [0.5, 0.6, 0.55], True),
        ([0.4, 0.5, 0.1], [0.5, 0.6, 0.2], False),  # both fall: no masking, only worse
        ([0.4, 0.5, 0.35], [0.5, 0.6, 0.6], False),
        ([0.4, 0.5, 0.6], [0.5, 0.6, 0.7], False),
        ([0.0], [0.9], False),
        ([], [], False),
    ],
)
def test_overfitting_is_a_collapse_under_pgd_that_fgsm_does_not_follow(robust, one_step, expected):
    assert overfits({ROBUST: robust, ONE_STEP: one_step}) is expected


def fitted(linear, pixels, callbacks, rate=1e-6, epochs=3, **arguments):
    model, _ = linear
    trainer = AdversarialTrainer(model, "fgsm-rs:4", **arguments)
    trainer.compile(keras.optimizers.SGD(rate))
    return model, trainer, trainer.fit(*pixels, epochs=epochs, callbacks=callbacks, verbose=0)


class Scripted(RobustValidation):
    """Measures what it is told."""

    def __init__(self, pixels, robust, one_step):
        super().__init__(*pixels)
        self._told = list(zip(robust, one_step, strict=True))
        self.weights_then = []

    def measure(self):
        robust, one_step = self._told[len(self.weights_then)]
        self.weights_then.append(self.model.classifier.get_weights()[0])
        return {CLEAN: 1.0, ONE_STEP: one_step, ROBUST: robust}


def test_the_best_epoch_is_put_back(linear, pixels):
    watch = Scripted(pixels, [0.2, 0.6, 0.5], [0.3, 0.6, 0.6])
    model, _, history = fitted(linear, pixels, [watch], rate=1e-4)
    assert watch.best_epoch == 1
    np.testing.assert_array_equal(model.get_weights()[0], watch.weights_then[1])
    assert (watch.weights_then[2] != watch.weights_then[1]).any()
    assert history.history[ROBUST] == [0.2, 0.6, 0.5]


def test_of_epochs_that_are_alike_the_last_is_kept(linear, pixels):
    watch = Scripted(pixels, [0.0, 0.0, 0.0], [0.3, 0.6, 0.6])
    model, _, _ = fitted(linear, pixels, [watch], rate=1e-4)
    assert watch.best_epoch == 2
    np.testing.assert_array_equal(model.get_weights()[0], watch.weights_then[2])


def test_another_trainer_is_watched_anew(linear, pixels):
    watch = RobustValidation(*pixels)
    fitted(linear, pixels, [watch], rate=1e-12, epochs=2)
    first = watch.best_weights
    other = keras.models.clone_model(linear[0])
    other.set_weights([-each for each in linear[0].get_weights()])
    before = other.get_weights()
    trainer = AdversarialTrainer(other, "fgsm-rs:8")
    trainer.compile(keras.optimizers.SGD(1e-12))
    trainer.fit(*pixels, callbacks=[watch], verbose=0)
    assert watch.epsilon == 8
    assert len(watch.history[ROBUST]) == 1
    np.testing.assert_allclose(other.get_weights()[0], before[0], rtol=1e-6)
    assert (watch.best_weights[0] != first[0]).any()


def test_a_further_fit_begins_anew_unless_it_goes_on(linear, pixels):
    watch = RobustValidation(*pixels)
    _, trainer, _ = fitted(linear, pixels, [watch], rate=1e-12, epochs=3)
    trainer.fit(*pixels, epochs=1, callbacks=[watch], verbose=0)
    assert (len(watch.history[ROBUST]), watch.best_epoch) == (1, 0)
    trainer.fit(*pixels, initial_epoch=1, epochs=3, callbacks=[watch], verbose=0)
    assert (len(watch.history[ROBUST]), watch.best_epoch) == (3, 2)


def test_averages_of_weights_are_not_undone(linear, pixels):
    averaging = keras.optimizers.SGD(1e-6, use_ema=True)
    for optimizer in (averaging, keras.optimizers.LossScaleOptimizer(averaging)):
        trainer = AdversarialTrainer(linear[0])
        trainer.compile(optimizer)
        with pytest.raises(ValueError, match="not by their averages. Received: an `optimizer` with use_ema=True"):
            trainer.fit(*pixels, callbacks=[RobustValidation(*pixels)], verbose=0)
    trainer = AdversarialTrainer(linear[0])
    trainer.compile(keras.optimizers.SGD(1e-6, use_ema=True))
    trainer.fit(*pixels, callbacks=[RobustValidation(*pixels, restore_best=False)], verbose=0)


def test_images_of_another_scale_are_refused(pixels):
    with pytest.raises(ValueError, match=r"`images` must hold pixels in \[0, 255\].*Received: values from 0 to 1"):
        RobustValidation(pixels[0] / 255, pixels[1])


def test_overfitting_stops_the_training_and_is_remembered(linear, pixels):
    watch = Scripted(pixels, [0.2, 0.6, 0.1, 0.1, 0.1], [0.3, 0.6, 0.9, 0.9, 0.9])
    model, _, history = fitted(linear, pixels, [watch], epochs=5)
    assert watch.overfitted == 2
    assert len(history.history["loss"]) == 3
    np.testing.assert_array_equal(model.get_weights()[0], watch.weights_then[1])


def test_later_callbacks_find_the_measures(linear, pixels):
    watch = Scripted(pixels, [0.6, 0.5, 0.4, 0.3], [0.6, 0.5, 0.4, 0.3])
    stop = keras.callbacks.EarlyStopping(monitor=ROBUST, mode="max", patience=1)
    _, _, history = fitted(linear, pixels, [watch, stop], epochs=4)
    assert len(history.history["loss"]) == 2


def test_measures_are_those_of_the_defended_classifier(linear, pixels):
    model, weights = linear
    images, _ = pixels
    labels = model.predict(images[:, :, ::-1], verbose=0).argmax(axis=1)
    watch = RobustValidation(images, labels)
    fitted(linear, (images, labels), [watch], rate=1e-12, epochs=1, defence="flip")
    assert watch.history[CLEAN] == [1.0]
    gap = 2 * (images[:, :, ::-1] * weights).sum(axis=(1, 2, 3))
    most = np.where(
        gap[:, None, None, None] > 0,
        np.where(weights > 0, np.minimum(images[:, :, ::-1], 4), np.minimum(255 - images[:, :, ::-1], 4)),
        np.where(weights > 0, np.minimum(255 - images[:, :, ::-1], 4), np.minimum(images[:, :, ::-1], 4)),
    )
    holds = abs(gap) > 2 * (most * abs(weights)).sum(axis=(1, 2, 3))
    assert 0 < holds.mean() < 1
    assert watch.history[ROBUST] == [pytest.approx(holds.mean())]
    assert watch.history[ONE_STEP] == [pytest.approx(holds.mean())]


def one_epoch(linear, pixels, recipe):
    trainer = AdversarialTrainer(linear[0], recipe)
    trainer.compile(keras.optimizers.SGD(1e-12))
    watch = RobustValidation(*pixels)
    return watch, trainer.fit(*pixels, callbacks=[watch], verbose=0).history


def test_a_recipe_without_a_bound_is_judged_by_clean_accuracy(linear, pixels):
    watch, history = one_epoch(linear, pixels, "vaccinate:40-80")
    assert watch.monitor == CLEAN
    assert CLEAN in history
    assert ROBUST not in history


def test_a_recipe_of_noise_is_judged_by_accuracy_under_it(linear, pixels):
    model, weights = linear
    images = pixels[0]
    labels = model.predict(images, verbose=0).argmax(axis=1)
    watch, history = one_epoch(linear, (images, labels), "noise:0.25")
    assert watch.monitor == NOISY
    assert history[CLEAN] == [1.0]
    gap = abs(2 * (images * weights).sum(axis=(1, 2, 3)))
    deviation = 2 * 0.25 * 255 * np.sqrt((weights**2).sum())
    expected = np.mean([NormalDist().cdf(each / deviation) for each in gap])
    assert expected < 0.99
    spread = np.sqrt(expected * (1 - expected) / (4 * len(images)))
    assert history[NOISY] == [pytest.approx(expected, abs=4 * spread)]


def test_a_loss_that_is_no_number_ends_with_the_last_whole_weights(linear, pixels):
    class Poison(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.weights = self.model.classifier.get_weights()
            if epoch == 2:
                self.model.classifier.set_weights([np.full_like(each, np.nan) for each in self.weights])
                self.kept = self.weights

    poison, guard = Poison(), StopOnNaN()
    model, _, history = fitted(linear, pixels, [guard, poison], rate=1e-4, epochs=6)
    assert guard.epoch == 2
    assert len(history.history["loss"]) == 3
    np.testing.assert_array_equal(model.get_weights()[0], poison.kept[0])


def test_a_wrong_range_stops_before_the_first_epoch(pixels):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 4, 4, 3)).astype(np.uint8)
    inputs = keras.Input((4, 4, 3))
    dark = keras.layers.GlobalAveragePooling2D()(inputs)
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(dark))
    model.get_layer("logits").set_weights([np.array([[-90, 90]] * 3, np.float32), np.array([134, -134], np.float32)])
    labels = (images.mean(axis=(1, 2, 3)) / 255 * 3 > 1.4888).astype(np.int64)
    trainer = AdversarialTrainer(model)
    trainer.compile(keras.optimizers.SGD(0.1))
    with pytest.raises(RangeError, match=r"input_range=\(0, 1\)"):
        trainer.fit(images, labels, callbacks=[RobustValidation(images, labels)], verbose=0)
    assert int(trainer.step_count.numpy()) == 0
