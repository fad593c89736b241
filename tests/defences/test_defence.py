"""Layers in front of a classifier, under a name, whatever they were written as."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import Defence, FlipLayer, WebPLayer, evaluate
from tf_lowdef.defences import BARE, Gate, make_defence, name_defences
from tf_lowdef.layers import NoiseLayer, RandomCropLayer, RandomFlipLayer, draw_scope
from tf_lowdef.results.paths import folder_name

FOREIGN = """
import keras
from tf_lowdef import WebPLayer
from tf_lowdef.defences import make_defence
keras.layers.Rescaling(2.0)  # so that the next one is called rescaling_1
layers = [keras.layers.Rescaling(0.5, 3.0), WebPLayer(60, value_range=(0, 128)), keras.layers.GaussianNoise(0.2)]
"""


@pytest.fixture
def images(dataset):
    return dataset[0][:6]


@pytest.mark.parametrize(
    ("what", "name"),
    [
        ("WEBP:60 + flip:horizontal", "webp:60+flip"),
        (WebPLayer(60), "webp:60"),
        ([WebPLayer(60), FlipLayer("both")], "webp:60+flip:both"),
        ((WebPLayer(60),), "webp:60"),
        ([], "none"),
        (WebPLayer(60, gradient="none", num_threads=1, codec="graph"), "webp:60,gradient=none"),
        (("mine", [WebPLayer(60)]), "mine"),
        ((" mine ", "webp:60"), "mine"),
        (("webp:60", WebPLayer(60)), "webp:60"),
        (Defence("mine", [FlipLayer()]), "mine"),
    ],
)
def test_whatever_is_written_has_a_name(what, name):
    assert make_defence(what).name == name


@pytest.mark.slow
def test_what_has_no_text_is_named_by_its_class_and_a_hash_in_every_process():
    names = {make_defence(keras.layers.Rescaling(scale)).name for scale in (0.5, 0.5, 0.25)}
    assert len(names) == 2
    assert all(name.startswith("Rescaling(") and len(name) == len("Rescaling(3f2a91)") for name in names)
    scope = {}
    exec(FOREIGN, scope)
    name = make_defence(scope["layers"]).name
    assert [each.partition("(")[0] for each in name.split("+")] == ["Rescaling", "webp", "GaussianNoise"]
    program = FOREIGN.replace("2.0)", "2.0), keras.layers.Rescaling(4.0)") + "print(make_defence(layers).name)"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.split()[-1] == name


def test_weights_are_part_of_the_name_and_of_the_digest():
    def blur():
        keras.utils.set_random_seed(3)
        return keras.layers.Conv2D(3, 3, padding="same")

    first, same, other = make_defence(blur()), make_defence(blur()), make_defence(blur())
    assert first.name == same.name
    other.layers[0].set_weights([2 * each for each in other.layers[0].get_weights()])
    assert make_defence(other.layers[0]).name != first.name
    named = [make_defence(("mine", each.layers)).digest for each in (first, same, other)]
    assert named[0] == named[1] != named[2]
    assert make_defence("webp:60").digest is None
    assert make_defence(("mine", "webp:60")).digest is not None


@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        (5, TypeError, "A defence is a text .* Received: 5"),
        (WebPLayer, TypeError, r"make a layer of the class: WebPLayer\(\.\.\.\)"),
        ([FlipLayer(), "webp:60"], TypeError, "Received: 'webp:60'"),
        (lambda x: x, TypeError, "Received: <function"),
        ("wepb:60", ValueError, "Did you mean 'webp'"),
        (("none", [FlipLayer()]), ValueError, "'none' means other layers"),
        (("flip:vertical", [FlipLayer()]), ValueError, "'flip:vertical' means other layers"),
        (("", [FlipLayer()]), ValueError, "must be a line of text"),
        (("a|b", [FlipLayer()]), ValueError, "must be a line of text"),
        (("a\nb", [FlipLayer()]), ValueError, "must be a line of text"),
        ([NoiseLayer(1), NoiseLayer(2)], ValueError, "Two layers would draw the same"),
    ],
)
def test_what_is_no_defence_is_named(what, error, message):
    with pytest.raises(error, match=message) as caught:
        make_defence(what)
    assert "\n" not in str(caught.value)


def test_a_defence_is_checked_where_it_is_made():
    layer = FlipLayer()
    assert Defence("mine", layer).layers == Defence("mine", [layer]).layers == (layer,)
    with pytest.raises(TypeError, match="Received: 5"):
        Defence("mine", [5])
    with pytest.raises(ValueError, match="'none' means other layers"):
        evaluate(None, None, defences=[Defence("none", [FlipLayer()])])


def test_names_of_a_run():
    assert list(name_defences(WebPLayer(60))) == ["webp:60"]
    assert list(name_defences([WebPLayer(60), [FlipLayer()], ("mine", "flip")])) == ["webp:60", "flip", "mine"]
    for wrong, message in (
        ([], "at least one"),
        (["flip", FlipLayer()], "names one twice"),
        ([("a b", "flip"), ("A-b", "webp:60")], "in one folder"),
        (["gate(flip)", Gate("gate-flip-", squeezers=[make_defence("webp:60")])], "in one folder"),
    ):
        with pytest.raises(ValueError, match=message):
            name_defences(wrong)


def test_gates_of_the_same_parts_have_folders_of_their_own():
    gates = ["gate(webp:60+flip)", "gate(webp:60;flip)"]
    assert list(name_defences(gates)) == gates
    assert [folder_name(gate) for gate in gates] == ["gate-webp-60-flip-", "gate-webp-60~flip-"]


def test_in_front_of_a_classifier_it_does_what_it_does_to_images(model, images):
    defence = make_defence([keras.layers.Rescaling(0.5), RandomFlipLayer(), RandomCropLayer(3, 0.8), WebPLayer(60)])
    keys = np.arange(2 * len(images)).reshape(-1, 2)
    seen = np.asarray(defence.apply(images, keys))
    assert len(seen) == 3 * len(images)
    assert defence.copies == 3
    assert defence.randomised
    with draw_scope(keys):
        together = defence.in_front_of(model)(images.astype(np.float32), training=False)
    np.testing.assert_allclose(defence.merge(model(seen)), together, rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(defence.through(images, keys), seen)  # WebP leaves whole pixels
    assert BARE.in_front_of(model) is model
    np.testing.assert_array_equal(BARE.through(images), images)


def test_pixels_to_look_at_are_rounded_and_clipped(images):
    seen = make_defence(keras.layers.Rescaling(1.0, 0.6)).through(images)
    np.testing.assert_array_equal(seen, np.minimum(images.astype(int) + 1, 255))
    dark = make_defence(keras.layers.Rescaling(1.0, -300.0)).through(images)
    assert not dark.any()


class Smaller(keras.layers.Layer):
    def call(self, x):
        return x[:, ::2, ::2]


class OnlyMNIST(keras.layers.Layer):
    def call(self, x):
        return tf.reshape(x, (-1, 28, 28, 3))


def test_layers_that_give_no_such_images_are_refused(model, dataset):
    for layer, message in (
        (Smaller(), r"must give images of the shape that it takes, \(1, 24, 24, 3\). Received: \(1, 12, 12, 3\)"),
        (OnlyMNIST(), r"cannot take images of shape \(1, 24, 24, 3\): InvalidArgumentError: .*reshape"),
        (keras.layers.Dense(3), None),
        ([keras.layers.Resizing(12, 12), keras.layers.Resizing(24, 24)], None),
    ):
        defence = make_defence(layer)
        if message is None:
            assert defence.in_front_of(model).output_shape == (None, 4)
            continue
        with pytest.raises(ValueError, match=message):
            defence.in_front_of(model)
        with pytest.raises(ValueError, match=message):
            evaluate(model, dataset, ["fgsm:1"], [layer])


def test_values_that_are_no_pixels_are_doubted(model, dataset):
    doubtful = [WebPLayer(60, value_range=(-1, 1)), keras.layers.Rescaling(1 / 255)]
    results = evaluate(model, dataset, [], [*doubtful, keras.layers.Rescaling(0.9)])
    doubts = [each for each in results.run["warnings"] if "expects 0 to 255" in each]
    assert [each.split()[2] for each in doubts] == [make_defence(layer).name for layer in doubtful]
    assert "to values from 0 to 1;" in doubts[1]
