import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, WebPLayer, defend, defended_sequence, load_model
from tf_lowdef.layers import draw_scope, is_randomised, parse_defence
from tf_lowdef.models import open_model


@pytest.fixture
def base():
    inputs = keras.Input((20, 24, 3))
    return keras.Model(inputs, keras.layers.Dense(5)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))))


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(0, 255, (4, 20, 24, 3)).astype(np.float32)


def test_is_the_layers_in_front_of_the_model(base, images):
    expected = base(FlipLayer()(WebPLayer(60)(images)))
    np.testing.assert_allclose(defend(base)(images), expected, rtol=1e-6)
    np.testing.assert_allclose(defend(base, quality=30, flip=False)(images), base(WebPLayer(30)(images)), rtol=1e-6)
    assert (np.asarray(defend(base)(images)) != np.asarray(base(images))).any()


def test_input_is_static_float32_of_any_batch(base, images):
    model = defend(base)
    assert model.input_shape == (None, 20, 24, 3)
    assert model.input_dtype == "float32"
    assert model.predict(images[:3], verbose=0).shape == (3, 5)
    assert model.predict(images[:1], verbose=0).shape == (1, 5)


def test_fractions_arrive_unchanged_under_mixed_float16(base):
    try:
        keras.config.set_dtype_policy("mixed_float16")
        model = defend(base)
        seen = keras.Model(model.inputs, model.layers[0].output)
        fraction = np.full((1, 20, 24, 3), 201.499, np.float32)  # float16 holds 201.5, which would round up
        assert seen(fraction).dtype == "float16"
        exact = WebPLayer(60, dtype="float32")(np.full((1, 20, 24, 3), 201, np.uint8))
        np.testing.assert_array_equal(seen(fraction), exact)
    finally:
        keras.config.set_dtype_policy("float32")


def test_saves_and_loads(base, images, tmp_path):
    model = defend(base)
    model.save(tmp_path / "defended.keras")
    for again in (load_model(tmp_path / "defended.keras"), open_model(str(tmp_path / "defended.keras"))):
        np.testing.assert_array_equal(again.predict(images, verbose=0), model.predict(images, verbose=0))


def test_bad_input_is_named(base):
    with pytest.raises(TypeError, match="must be a Keras model. Received: str"):
        defend("MobileNetV2")
    with pytest.raises(ValueError, match="Received: quality=400"):
        defend(base, quality=400)
    inputs = keras.Input((7,))
    with pytest.raises(ValueError, match=r"Received: input_shape=\(None, 7\)"):
        defend(keras.Model(inputs, keras.layers.Dense(2)(inputs)))


def test_open_model(tmp_path):
    assert open_model("MobileNetV3Small", "none").output_shape == (None, 1000)
    with pytest.raises(ValueError, match="holds its own weights. Received: weights='none'"):
        open_model("model.keras", "none")
    with pytest.raises(FileNotFoundError, match="nowhere.keras"):
        open_model(str(tmp_path / "nowhere.keras"))
    with pytest.raises(ValueError, match="MobileNetV9"):
        open_model("MobileNetV9")


def test_copies_are_averaged_behind_the_classifier(base, images):
    layers = parse_defence("crops:3,seed=1+flip+crops:2,fraction=0.9,seed=2")
    model = defended_sequence(layers, base)
    assert is_randomised(model)
    assert model.output_shape == base.output_shape
    with draw_scope(np.arange(2 * len(images)).reshape(-1, 2)):
        out = model(images).numpy()
        crops = images
        for layer in layers:
            crops = layer(crops)
    assert len(crops) == 6 * len(images)
    expected = np.log(keras.ops.softmax(base(crops)).numpy().reshape(len(images), 6, -1).mean(axis=1))
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_no_layers_leave_the_classifier_as_it_is(base, images):
    np.testing.assert_allclose(defended_sequence([], base)(images), base(images), rtol=1e-6)
