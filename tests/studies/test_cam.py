"""Grad-CAM against its closed form, and on the models that it must reach into."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, RandomCropLayer, RandomFlipLayer, ShiftLayer, WebPLayer, grad_cam, load_demo
from tf_lowdef.defences import make_defence
from tf_lowdef.layers import draw_scope

SIDE, CHANNELS, CLASSES = 8, 5, 3


@pytest.fixture(scope="module")
def flat():
    """Convolution, global mean, dense layer: there Grad-CAM is a weighted sum of the features, in closed form."""
    keras.utils.set_random_seed(1)
    inputs = keras.Input((SIDE, SIDE, 3))
    features = keras.layers.Conv2D(CHANNELS, 3, padding="same", activation="relu", name="features")(inputs)
    scores = keras.layers.Dense(CLASSES, name="scores")(keras.layers.GlobalAveragePooling2D()(features))
    return keras.Model(inputs, scores)


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3), np.uint8)


def closed_form(flat, pixels, classes):
    features = keras.Model(flat.inputs[0], flat.get_layer("features").output)(pixels.astype(np.float32)).numpy()
    weights = flat.get_layer("scores").kernel.numpy()[:, classes].T
    maps = np.maximum(np.einsum("nhwc,nc->nhw", features, weights), 0)
    return maps / np.maximum(maps.max((1, 2), keepdims=True), 1e-30)


@pytest.mark.parametrize("trainable", [True, False])
def test_closed_form(flat, pixels, trainable):
    flat.trainable = trainable
    for given, classes in ((1, [1] * 4), ([0, 1, 2, 0], [0, 1, 2, 0]), (None, flat(pixels).numpy().argmax(1))):
        maps = grad_cam(flat, pixels, given)
        assert maps.dtype == np.float32
        np.testing.assert_allclose(maps, closed_form(flat, pixels, np.asarray(classes)), atol=1e-5)
    flat.trainable = True


def test_maps_have_the_size_of_the_images_and_end_at_one(flat):
    model, images, labels = load_demo()
    maps = grad_cam(model, images[:3], labels[:3])
    assert maps.shape == (3, 96, 96)
    assert maps.min() >= 0
    assert maps.max() <= 1
    assert grad_cam(flat, np.zeros((0, SIDE, SIDE, 3))).shape == (0, SIDE, SIDE)


def test_defended_and_nested_models(flat, pixels):
    expected = grad_cam(flat, WebPLayer(60)(pixels), 1)
    defended = keras.Sequential([keras.Input((SIDE, SIDE, 3)), WebPLayer(60, gradient="none"), flat])
    np.testing.assert_allclose(grad_cam(defended, pixels, 1), expected, atol=1e-6)
    deeper = keras.Sequential([keras.Sequential([defended]), keras.layers.Rescaling(2.0)])
    np.testing.assert_allclose(grad_cam(deeper, pixels, 1), expected, atol=1e-6)


def test_maps_of_flipped_images_lie_on_the_images(flat, pixels):
    defended = keras.Sequential([keras.Input((SIDE, SIDE, 3)), FlipLayer(), FlipLayer("vertical"), flat])
    turned = grad_cam(flat, pixels[:, ::-1, ::-1], 2)
    np.testing.assert_allclose(grad_cam(defended, pixels, 2), turned[:, ::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(grad_cam(defended, pixels, 2, align=False), turned, atol=1e-6)


def test_no_evidence_is_an_empty_map(flat, pixels):
    layer = flat.get_layer("scores")
    kept = layer.get_weights()
    layer.set_weights([-np.abs(kept[0]), kept[1]])
    assert not grad_cam(flat, pixels, 0).any()
    layer.set_weights(kept)


def test_a_layer_by_name(pixels):
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.layers.Conv2D(4, 3, name="first"),
            keras.layers.MaxPool2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(2),
        ]
    )
    np.testing.assert_array_equal(grad_cam(model, pixels, 0), grad_cam(model, pixels, 0, layer="first"))
    with pytest.raises(ValueError, match="no layer 'second'"):
        grad_cam(model, pixels, layer="second")


def no_features():
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"model": tf.identity}, TypeError, "must be a Keras model"),
        ({"images": np.zeros((8, 8, 3))}, ValueError, r"shape=\(8, 8, 3\)"),
        ({"class_index": 1.5}, TypeError, "float64"),
        ({"class_index": [1, 2]}, ValueError, r"one an image \(4\)"),
        ({"class_index": 3}, ValueError, "from 0 to 2. Received: 3"),
        ({"model": no_features()}, ValueError, "no layer with features"),
    ],
)
def test_bad_input(flat, pixels, change, error, message):
    arguments = {"model": flat, "images": pixels, **change}
    with pytest.raises(error, match=message):
        grad_cam(arguments.pop("model"), **arguments)


def test_what_was_drawn_is_taken_back(flat, pixels):
    keys = np.arange(8).reshape(4, 2)
    with draw_scope(keys):
        flipped = (RandomFlipLayer()(pixels).numpy() != pixels).any((1, 2, 3))
    assert set(flipped) == {True, False}
    plain, mirrored = (grad_cam(make_defence(layers).in_front_of(flat), pixels, 1) for layers in ([], FlipLayer()))
    maps = grad_cam(make_defence(RandomFlipLayer()).in_front_of(flat), pixels, 1, keys=keys)
    np.testing.assert_allclose(maps, np.where(flipped[:, None, None], mirrored, plain), atol=1e-6)
    assert (grad_cam(make_defence(RandomFlipLayer()).in_front_of(flat), pixels, 1, keys=keys + 7) != maps).any()


def test_what_was_moved_is_brought_back_to_its_place(flat, pixels):
    moved = make_defence(ShiftLayer(2)).in_front_of(flat)
    own, expected = grad_cam(moved, pixels, 1, align=False), grad_cam(moved, pixels, 1)
    scale = own[:, :, 3:].max((1, 2), keepdims=True)  # the first three columns show one pixel, which has their mean
    np.testing.assert_allclose(
        expected[:, :, 1:-2] / expected[:, :, 1:-2].max((1, 2), keepdims=True), own[:, :, 3:] / scale, atol=1e-5
    )
    assert not expected[:, :, -2:].any()  # they were moved out of sight


def test_crops_lie_where_they_were_cut_out(flat, pixels):
    whole = make_defence(RandomCropLayer(3, fraction=1.0)).in_front_of(flat)
    np.testing.assert_allclose(grad_cam(whole, pixels, 1), grad_cam(flat, pixels, 1), atol=1e-5)
    crops = make_defence([RandomCropLayer(40, fraction=0.5), FlipLayer()]).in_front_of(flat)
    bright = np.full((2, SIDE, SIDE, 3), 10, np.uint8)
    bright[0, 1:3, 1:3] = bright[1, 5:7, 4:6] = 250
    classes = flat(bright.astype(np.float32)).numpy().argmax(1)
    first, second = grad_cam(crops, bright, classes)
    assert grad_cam(crops, bright, classes, align=False).shape == (2, SIDE, SIDE)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for found, (row, column) in ((first, (1.5, 1.5)), (second, (5.5, 4.5))):
        near = np.hypot(rows - row, columns - column) < 2.2
        assert found[near].mean() > 1.3 * found[~near].mean()
    with pytest.raises(ValueError, match="hide where pixels went"):
        grad_cam(make_defence(RandomCropLayer(2, gradient="none")).in_front_of(flat), pixels, 1)
