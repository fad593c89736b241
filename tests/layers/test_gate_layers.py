"""The two layers of a gate: what the classifier is asked about, and which answer is taken."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import (
    BitDepthLayer,
    FlipLayer,
    GateHead,
    MedianLayer,
    RandomCropLayer,
    SqueezersLayer,
    WebPLayer,
    is_randomised,
)

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 10, 3)).astype(np.float32)


@keras.saving.register_keras_serializable(package="tests")
class Weighted(keras.layers.Layer):
    """A denoiser with a weight, as somebody may have trained one."""

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(), initializer="ones")
        super().build(input_shape)

    def call(self, inputs):
        return inputs * self.scale

    def compute_output_shape(self, input_shape):
        return input_shape


def softmax(logits):
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_every_image_is_followed_by_what_each_defence_makes_of_it(dtype):
    layer = SqueezersLayer([[BitDepthLayer(2), FlipLayer()], [MedianLayer(3)]])
    images = IMAGES.astype(dtype)
    found = layer(images).numpy().reshape(3, 3, 8, 10, 3)
    np.testing.assert_array_equal(found[:, 0], IMAGES)
    np.testing.assert_array_equal(found[:, 1], FlipLayer()(BitDepthLayer(2)(images)))
    np.testing.assert_array_equal(found[:, 2], MedianLayer(3)(images))


def test_fractions_reach_the_bare_classifier():
    images = IMAGES + 0.25
    np.testing.assert_array_equal(SqueezersLayer([[FlipLayer()]])(images).numpy()[::2], images)


def test_copies_of_random_crops_stay_together():
    layer = SqueezersLayer([[RandomCropLayer(4, seed=1)], [FlipLayer()]])
    assert (layer.copies, layer.copies_of_each) == (6, (4, 1))
    assert is_randomised(layer)
    assert layer(IMAGES).shape == (18, 8, 10, 3)
    assert layer.compute_output_shape((None, 8, 10, 3)) == (None, 8, 10, 3)


def test_an_empty_batch_stays_empty():
    assert SqueezersLayer([[FlipLayer()]])(IMAGES[:0]).shape == (0, 8, 10, 3)


def test_saved_weights_of_a_defence_come_back(tmp_path):
    own = Weighted()
    model = keras.Sequential([keras.Input((8, 10, 3)), SqueezersLayer([[own, FlipLayer()]])])
    own.scale.assign(0.5)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(again(IMAGES), model(IMAGES))
    assert again(IMAGES).numpy()[1].max() < 0.6 * IMAGES[0].max()


def test_another_gradient_keeps_layers_with_weights():
    own = Weighted()
    layer = SqueezersLayer([[own, WebPLayer(60)]])
    layer(IMAGES[:, :8, :8])
    changed = layer.with_gradient("smoothed")
    assert changed.squeezers[0][0] is own
    assert [each.gradient for each in (layer, changed)] == ["straight_through", "smoothed"]


@pytest.mark.parametrize("squeezers", [[], [[]], [[FlipLayer()], []]])
def test_a_gate_needs_layers(squeezers):
    with pytest.raises(ValueError, match="needs a defence with a layer"):
        SqueezersLayer(squeezers)


def test_another_range_is_refused():
    with pytest.raises(ValueError, match="takes pixels in"):
        SqueezersLayer([[WebPLayer(60, value_range=(0, 1))]])
    with pytest.raises(ValueError, match="takes RGB or grey images"):
        SqueezersLayer([[FlipLayer()]])(np.zeros((2, 8, 8, 4), np.float32))


BARE = np.array([[4, 0, 0], [4, 0, 0], [np.nan, 0, 0]], np.float32)
OTHER = np.array([[4, 0, 1], [0, 4, 0], [0, 0, 4]], np.float32)
THIRD = np.array([[4, 0, 0], [4, 0, 0], [0, 0, 4]], np.float32)
STACKED = np.stack([BARE, OTHER, THIRD], axis=1).reshape(9, 3)


def test_the_defended_answer_is_taken_where_the_answers_are_apart():
    found = GateHead([1, 1], 0.5, answer="all")(STACKED)
    expected = np.abs(softmax(BARE[:2]) - softmax(OTHER[:2])).sum(axis=1)
    np.testing.assert_allclose(found["suspicion"][:2], expected, rtol=1e-5)
    assert found["defended"].numpy().tolist() == [False, True, True]  # what is no number is suspicious
    np.testing.assert_array_equal(found["logits"], [BARE[0], OTHER[1], OTHER[2]])
    np.testing.assert_array_equal(GateHead([1, 1], 0.5)(STACKED), found["logits"])


def test_the_more_decided_of_two_answers_is_taken_where_nothing_is_suspicious():
    bare = np.array([[1, 0.9, 0], [3, 0, 0], [1, 0, 0], [2, 2, 0]], np.float32)
    other = np.array([[0, 2, 0], [0.2, 0.4, 0], [3, 0, 0], [2, 2, 0]], np.float32)
    stacked = np.stack([bare, other], axis=1).reshape(8, 3)
    found = GateHead([1], 2.0, answer="all")(stacked)
    assert found["defended"].numpy().tolist() == [True, False, False, False]
    mean = (softmax(bare) + softmax(other)).argmax(axis=1)
    np.testing.assert_array_equal(found["logits"].numpy().argmax(axis=1), mean)
    assert not GateHead([1], 2.0, answer="all", arbitrate=False)(stacked)["defended"].numpy().any()


def test_any_squeezer_may_raise_the_alarm():
    swapped = np.stack([BARE, THIRD, OTHER], axis=1).reshape(9, 3)
    found = GateHead([1, 1], 0.5, answer="all")(swapped)
    assert found["defended"].numpy()[1]
    np.testing.assert_array_equal(found["logits"][1], THIRD[1])  # the first defence answers


def test_copies_are_averaged_as_probabilities():
    logits = np.array([[3, 0], [3, 0], [0, 3]], np.float32)
    found = GateHead([2], 0.1, answer="all")(logits)
    assert found["suspicion"].numpy()[0] == pytest.approx(2 * abs(softmax(logits[0])[0] - 0.5), rel=1e-4)
    np.testing.assert_allclose(softmax(found["logits"].numpy()), [[0.5, 0.5]], atol=1e-6)


def gradient(head, logits, upstream):
    with tf.GradientTape() as tape:
        x = tf.constant(logits)
        tape.watch(x)
        y = head(x)
    return tape.gradient(y, x, tf.constant(upstream)).numpy()


def test_an_attacker_reaches_both_answers_and_the_detector():
    logits = np.array([[1, 0, 0], [0.5, 0.2, 0]], np.float32)
    up = np.array([[-1, 1, 0]], np.float32)
    chosen = gradient(GateHead([1], 1.0), logits, up)
    np.testing.assert_array_equal(chosen, [[-1, 1, 0], [0, 0, 0]])
    quiet = gradient(GateHead([1], 1.0, gradient="all_paths"), logits, up)
    np.testing.assert_allclose(quiet, [[-0.5, 0.5, 0]] * 2)
    loud_head = GateHead([1], 0.01, gradient="all_paths")
    loud = gradient(loud_head, logits, up) - quiet
    all_of = GateHead([1], 0.01, answer="all")
    before, after = (float(all_of(each)["suspicion"][0]) for each in (logits, logits + 0.1 * loud))
    assert after < before
    np.testing.assert_array_equal(loud_head(logits), GateHead([1], 0.01)(logits))  # only the gradient is another


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], 1.0), "`copies` must be"),
        (([1], 2.5), "`threshold` must be"),
        (([1], float("nan")), "`threshold` must be"),
        (([0], 1.0), "`copies` must be"),
        (([1], 1.0, "some"), "`answer`"),
        (([1], 1.0, "all", "none"), "`gradient`"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        GateHead(*arguments)


def test_arbitrate_is_true_or_false():
    with pytest.raises(ValueError, match="`arbitrate` must be True or False"):
        GateHead([1], 1.0, arbitrate="no")


def test_a_batch_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"takes logits of shape \(batch \* 2, classes\)"):
        GateHead([1], 1.0)(np.zeros((3, 4), np.float32))
