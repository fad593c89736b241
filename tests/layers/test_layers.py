"""What every layer must do, from one table: a new layer is one new row."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.layers import (
    BitDepthLayer,
    FlipLayer,
    FloatLayer,
    GaussianLayer,
    JPEGLayer,
    MedianLayer,
    NoiseLayer,
    NonLocalMeansLayer,
    PixelDeflectionLayer,
    PixelLayer,
    RandomCropLayer,
    RandomFlipLayer,
    RandomWebPLayer,
    ResizePadLayer,
    ShiftLayer,
    TotalVariationLayer,
    WebPLayer,
)

pytestmark = pytest.mark.usefixtures("same_draws")

# layer, arguments, whether XLA can compile it
LAYERS = [
    pytest.param(WebPLayer, {"quality": 40, "method": 0, "num_threads": 2}, True, id="webp"),
    pytest.param(WebPLayer, {"quality": 33.5, "gradient": "none", "codec": "pillow"}, False, id="webp-no-gradient"),
    pytest.param(WebPLayer, {"lossless": True}, False, id="webp-lossless"),
    # tests/webp/graph tries the codec itself; as a layer it is traced for every test
    pytest.param(
        WebPLayer, {"quality": 40, "method": 0, "codec": "graph"}, True, id="webp-graph", marks=pytest.mark.slow
    ),
    pytest.param(FlipLayer, {}, True, id="flip"),
    pytest.param(FlipLayer, {"mode": "both"}, True, id="flip-both"),
    pytest.param(JPEGLayer, {"quality": 40}, False, id="jpeg"),
    pytest.param(BitDepthLayer, {"bits": 6}, True, id="bits"),
    pytest.param(MedianLayer, {"size": 3}, True, id="median"),
    pytest.param(GaussianLayer, {"sigma": 0.8}, True, id="gaussian"),
    pytest.param(NonLocalMeansLayer, {"strength": 12.0, "search": 5}, True, id="nlm"),
    pytest.param(TotalVariationLayer, {"weight": 5.0, "iterations": 5}, True, id="tv"),
    pytest.param(TotalVariationLayer, {"drop": 0.0, "iterations": 5, "gradient": "exact"}, True, id="tv-exact"),
    pytest.param(ResizePadLayer, {"fraction": 0.5}, True, id="resizepad"),
    pytest.param(PixelDeflectionLayer, {"deflections": 50, "window": 4}, True, id="deflection"),
    pytest.param(RandomCropLayer, {"copies": 1, "fraction": 0.6}, True, id="crops"),
    pytest.param(RandomFlipLayer, {"seed": 3}, True, id="flip-random"),
    pytest.param(RandomWebPLayer, {"quality": (20, 90), "method": 0}, True, id="webp-random"),
    pytest.param(ShiftLayer, {"columns": 3, "rows": -1}, True, id="shift"),
    pytest.param(NoiseLayer, {"epsilon": 4.0}, True, id="noise"),
]
# layers of the rows above with another backward pass
EVERY_GRADIENT = [
    *LAYERS,
    pytest.param(WebPLayer, {"quality": 40, "gradient": "dct"}, True, id="webp-dct"),
    pytest.param(RandomWebPLayer, {"quality": (20, 90), "gradient": "dct"}, True, id="webp-random-dct"),
    pytest.param(JPEGLayer, {"quality": 40, "gradient": "smoothed"}, False, id="jpeg-smoothed"),
    pytest.param(
        TotalVariationLayer, {"iterations": 5, "gradient": "smoothed"}, True, id="tv-smoothed", marks=pytest.mark.slow
    ),
    pytest.param(
        PixelDeflectionLayer, {"sigma": 3.0, "gradient": "exact"}, True, id="deflection-exact", marks=pytest.mark.slow
    ),
    pytest.param(NoiseLayer, {"epsilon": 4.0, "gradient": "none"}, True, id="noise-no-gradient"),
]


def takes_open_sizes(arguments):
    return arguments.get("codec") != "graph"


def loosest_size(arguments, images):
    return (None, None) if takes_open_sizes(arguments) else images.shape[1:3]


def assert_same(cls, actual, expected):
    """To the bit where pixels are whole numbers; elsewhere a compiler may add in another order."""
    if issubclass(cls, FloatLayer):
        np.testing.assert_allclose(actual, expected, atol=1e-3)
    else:
        np.testing.assert_array_equal(actual, expected)


every_layer = pytest.mark.parametrize(("cls", "arguments", "jit"), LAYERS)
every_gradient = pytest.mark.parametrize(("cls", "arguments", "jit"), EVERY_GRADIENT)
# XLA takes seconds for the codec in the graph
dear_codec = pytest.mark.parametrize(
    ("cls", "arguments", "jit"),
    [
        pytest.param(
            *row.values, id=row.id, marks=pytest.mark.slow if "webp" in row.id and row.values[2] else row.marks
        )
        for row in EVERY_GRADIENT
    ],
)

# plain Keras, once the layers' package has been imported
LOAD = """
import pathlib, sys
import numpy as np, keras
import tf_lowdef.layers
folder = pathlib.Path(sys.argv[1])
model = keras.models.load_model(folder / "all.keras", safe_mode=True)
with tf_lowdef.layers.draw_scope([[7, 1]]):
    np.savez(folder / "out.npz", **model.predict(np.load(folder / "in.npy"), verbose=0))
"""


@pytest.fixture(autouse=True)
def _float32_policy():
    yield
    keras.config.set_dtype_policy("float32")


@every_gradient
def test_config_makes_the_same_layer(cls, arguments, jit, images):
    layer = cls(**arguments, name="a_name")
    again = cls.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    assert again.name == "a_name"
    for name, value in arguments.items():
        assert getattr(again, name) == value
    np.testing.assert_array_equal(again(images), layer(images))
    assert layer.supports_jit is again.supports_jit is jit


@every_layer
def test_symbolic_shape_is_the_real_one(cls, arguments, jit, images):
    layer = cls(**arguments)
    for shape in [(None, None, 3), (17, 23, 3), (None, 23, 3)]:
        if None in shape and not takes_open_sizes(arguments):
            with pytest.raises(ValueError, match="static height and width"):
                cls(**arguments)(keras.Input(shape))
            continue
        symbolic = layer(keras.Input(shape))
        assert symbolic.shape == (None, *shape)
        assert symbolic.dtype == "float32"
    assert layer(images).shape == images.shape
    assert layer.count_params() == 0


@every_layer
def test_uint8_and_float_inputs_agree(cls, arguments, jit, images):
    layer = cls(**arguments)
    out = layer(images)
    assert out.dtype == tf.float32
    np.testing.assert_array_equal(out, layer(images.astype(np.float32)))
    np.testing.assert_array_equal(out, layer(images.astype(np.int32)))
    if not issubclass(cls, FloatLayer):
        np.testing.assert_array_equal(out, np.round(out))
    assert out.numpy().min() >= -4
    assert out.numpy().max() <= 255 + 4


@every_layer
def test_mixed_float16(cls, arguments, jit, images):
    expected = cls(**arguments)(images).numpy()
    keras.config.set_dtype_policy("mixed_float16")
    layer = cls(**arguments)
    for batch in (images, images.astype(np.float32)):
        out = layer(batch)
        assert out.dtype == tf.float16
        np.testing.assert_array_equal(out, expected.astype("float16"))
    # a fraction that float16 cannot hold and that decides the rounding must arrive unchanged
    fraction = np.full((1, 8, 8, 3), 200.499, np.float32)
    np.testing.assert_array_equal(
        layer(fraction), cls(**arguments, dtype="float32")(fraction).numpy().astype("float16")
    )


@every_layer
def test_empty_batch(cls, arguments, jit, images):
    layer = cls(**arguments)
    assert layer(images[:0]).shape == (0, 17, 23, 3)
    assert tf.function(layer)(images[:0]).shape == (0, 17, 23, 3)
    shape = (None, *loosest_size(arguments, images), 3)
    unknown = tf.function(layer, input_signature=[tf.TensorSpec(shape, tf.uint8)])
    assert unknown(images[:0]).shape == (0, 17, 23, 3)


@every_layer
def test_channels_that_show_at_run_time_only(cls, arguments, jit, images):
    layer = cls(**arguments)
    shape = (None, *loosest_size(arguments, images), None)
    unknown = tf.function(layer, input_signature=[tf.TensorSpec(shape, tf.uint8)])
    assert_same(cls, unknown(images), layer(images))
    with pytest.raises(tf.errors.InvalidArgumentError):
        unknown(images[..., :1])


@every_layer
def test_one_pixel(cls, arguments, jit):
    pixel = np.full((1, 1, 1, 3), 128, np.uint8)
    out = cls(**arguments)(pixel).numpy()
    assert out.shape == (1, 1, 1, 3)
    np.testing.assert_allclose(out, pixel, atol=4)


@every_layer
def test_tf_data_with_unknown_sizes(cls, arguments, jit, images):
    layer = cls(**arguments)
    batches = [images, images[:, :5]]
    signature = tf.TensorSpec((None, None, None, 3), tf.uint8)
    pipeline = tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)
    if not takes_open_sizes(arguments):
        pipeline = tf.data.Dataset.from_tensors(images).concatenate(tf.data.Dataset.from_tensors(images[:2]))
        first, second = pipeline.map(layer)
        np.testing.assert_array_equal(first, layer(images))
        np.testing.assert_array_equal(second, layer(images[:2]))
        return
    first, second = pipeline.map(layer)
    assert_same(cls, first, layer(images))
    assert_same(cls, second, layer(images[:, :5]))


@every_gradient
def test_predict_and_fit(cls, arguments, jit, images):
    inputs = keras.Input((None, None, 3) if takes_open_sizes(arguments) else (17, 23, 3))
    scaled = keras.layers.Conv2D(3, 1, name="before")(keras.layers.Rescaling(1.0)(inputs))
    pooled = keras.layers.GlobalAveragePooling2D()(cls(**arguments)(scaled))
    model = keras.Model(inputs, keras.layers.Dense(3)(pooled))
    model.get_layer("before").set_weights([np.eye(3)[None, None] * 0.9, np.full(3, 3.0)])
    before = model.get_layer("before").get_weights()[0]
    model.compile(keras.optimizers.SGD(1e-4), "mse")
    model.fit(images.astype(np.float32), np.zeros((3, 3)), batch_size=2, verbose=0)
    moved = np.abs(model.get_layer("before").get_weights()[0] - before).max()
    assert (moved > 0) == (arguments.get("gradient") != "none")
    assert model.predict(images.astype(np.float32), verbose=0).shape == (3, 3)


@every_gradient
def test_gradient_passes_unless_stopped(cls, arguments, jit, images):
    layer = cls(**arguments)
    weight = np.random.default_rng(1).normal(size=images.shape).astype(np.float32)
    x = tf.constant(images + np.random.default_rng(3).uniform(0, 0.9, images.shape), tf.float32)  # no two alike
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = tf.reduce_sum(layer(x) * weight)
    gradient = tape.gradient(score, x)
    if arguments.get("gradient") == "none":
        assert gradient is None
    elif layer.get_config().get("gradient") in ("smoothed", "dct"):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient).sum() < np.abs(weight).sum()  # noise is what they do not pass on
    elif issubclass(cls, PixelLayer) or layer.get_config().get("gradient") == "straight_through":
        np.testing.assert_array_equal(gradient, weight)
    else:  # the derivative along one direction, over so small a step that no order among neighbours changes
        direction = np.random.default_rng(2).normal(size=images.shape).astype(np.float32)
        step = 2.0**-6
        change = (layer(x + step * direction) - layer(x - step * direction)).numpy().astype(np.float64)
        np.testing.assert_allclose(np.sum(gradient * direction), np.sum(change * weight) / (2 * step), rtol=0.02)


@pytest.mark.slow
def test_saved_model_files_load_in_a_fresh_process(images, tmp_path):
    batch = images.astype(np.float32)
    np.save(tmp_path / "in.npy", batch)
    inputs = keras.Input((17, 23, 3))
    outputs = {row.id: row.values[0](**row.values[1])(inputs) for row in EVERY_GRADIENT}
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "all.keras")
    expected = model.predict(batch, verbose=0)
    subprocess.run([sys.executable, "-c", LOAD, str(tmp_path)], check=True, capture_output=True)
    loaded = np.load(tmp_path / "out.npz")
    assert set(loaded) == {row.id for row in EVERY_GRADIENT}
    for name, output in expected.items():
        np.testing.assert_array_equal(loaded[name], output, err_msg=name)


@dear_codec
def test_supports_jit_tells_the_truth(cls, arguments, jit, images):
    compiled = tf.function(cls(**arguments), jit_compile=True)
    if jit:
        assert_same(cls, compiled(images), cls(**arguments)(images))
    else:
        with pytest.raises((tf.errors.InvalidArgumentError, tf.errors.UnimplementedError)):
            compiled(images)


@every_layer
@pytest.mark.parametrize("shape", [(17, 23, 3), (2, 17, 23, 2), (2, 17, 23, 4), (1, 2, 17, 23, 3)])
def test_wrong_shapes_are_named(cls, arguments, jit, shape, images):
    layer = cls(**arguments)
    message = rf"shape \(batch, height, width, 3\).*Received: shape=.*{shape[-1]}\)"
    with pytest.raises(ValueError, match=message):
        layer(np.zeros(shape, np.uint8))
    layer(images)
    with pytest.raises(ValueError, match=message):  # built by now
        layer(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match=message):
        cls(**arguments)(keras.Input(shape[1:]))
    with pytest.raises(ValueError, match=message):
        cls(**arguments).compute_output_shape(shape)


@every_layer
def test_nested_shared_and_time_distributed(cls, arguments, jit, images):
    layer = cls(**arguments)
    inner = keras.Sequential([keras.Input((17, 23, 3)), layer])
    inputs = keras.Input((2, 17, 23, 3))
    model = keras.Model(inputs, keras.layers.TimeDistributed(inner)(inputs))
    clips = np.stack([images[:2], images[1:]]).astype(np.float32)
    expected = np.stack([layer(clips[:, 0]), layer(clips[:, 1])], axis=1)
    assert_same(cls, model.predict(clips, verbose=0), expected)


@every_layer
def test_an_integer_dtype_rounds(cls, arguments, jit, images):
    """Truncated, half of what a layer computes in floats would be a level low."""
    given = tf.constant(images, tf.float32) + 0.3
    exact = cls(**arguments)(given).numpy()
    rounded = cls(**arguments, dtype="uint8")(given)
    assert rounded.dtype == tf.uint8
    np.testing.assert_array_equal(rounded, np.clip(np.rint(exact), 0, 255))


def test_an_integer_dtype_clips_and_rounds_half_to_even():
    values = tf.reshape(tf.constant([-3.2, 0.5, 1.5, 254.5, 255.4, 300.0]), (1, 1, 2, 3))
    assert FlipLayer("vertical", dtype="uint8")(values).numpy().ravel().tolist() == [0, 0, 2, 254, 255, 255]
    wide = tf.reshape(tf.constant([-1, 0, 255, 256, 1000, 7]), (1, 1, 2, 3))
    assert FlipLayer("vertical", dtype="uint8")(wide).numpy().ravel().tolist() == [0, 0, 255, 255, 255, 7]


@pytest.mark.parametrize("cls", [WebPLayer, GaussianLayer])
def test_an_integer_dtype_has_the_pixels_range(cls):
    with pytest.raises(ValueError, match=r"integers only with value_range=\(0, 255\). Received: dtype='uint8'"):
        cls(value_range=(0, 1), dtype="uint8")
