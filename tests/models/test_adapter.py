import gc
import warnings
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import FlipLayer, WebPLayer, load_application, load_demo, load_model
from tf_lowdef.attacks.losses import cross_entropy, loss_and_gradient
from tf_lowdef.attacks.model_fn import as_model_fn
from tf_lowdef.models import as_classifier

SIDE = (12, 10)


def layers(head="softmax", classes=3, seed=1, before=()):
    keras.utils.set_random_seed(seed)
    head = {
        "softmax": [keras.layers.Dense(classes, activation="softmax")],
        "softmax layer": [keras.layers.Dense(classes), keras.layers.Softmax()],
        "softmax activation": [keras.layers.Dense(classes), keras.layers.Activation("softmax", dtype="float32")],
        "softmax, reshaped": [keras.layers.Dense(classes, activation="softmax"), keras.layers.Reshape((classes,))],
        "softmax of a convolution": [
            keras.layers.Reshape((1, 1, 4)),
            keras.layers.Conv2D(classes, 1, activation="softmax"),
            keras.layers.Flatten(),
        ],
        "logits": [keras.layers.Dense(classes)],
        "logits without bias": [keras.layers.Dense(classes, use_bias=False)],
        "softmax without bias": [keras.layers.Dense(classes, use_bias=False, activation="softmax")],
        "log softmax": [keras.layers.Dense(classes, activation="log_softmax")],
        "sigmoid": [keras.layers.Dense(1, activation="sigmoid")],
        "sigmoids": [keras.layers.Dense(classes, activation="sigmoid")],
    }[head]
    return [*before, keras.layers.Conv2D(4, 3, activation="relu"), keras.layers.GlobalAveragePooling2D(), *head]


def sequential(head="softmax", channels=3, **kwargs):
    return keras.Sequential([keras.Input((*SIDE, channels)), *layers(head, **kwargs)])


def functional(head="softmax", channels=3, dtype=None, structure=lambda x: x, **kwargs):
    inputs = x = keras.Input((*SIDE, channels), dtype=dtype, name="image")
    for layer in layers(head, **kwargs):
        x = layer(x)
    return keras.Model(structure(inputs), structure(x))


@keras.saving.register_keras_serializable(package="test_adapter")
class Subclassed(keras.Model):
    def __init__(self, head="softmax", **kwargs):
        super().__init__(**kwargs)
        self.head = head
        self.parts = layers(head)

    def call(self, inputs):
        for part in self.parts:
            inputs = part(inputs)
        return inputs

    def get_config(self):
        return {**super().get_config(), "head": self.head}


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return (rng.integers(0, 256, (6, *SIDE, 3)) // rng.integers(1, 5, (6, 1, 1, 3))).astype(np.float32)


@pytest.fixture
def grey(images):
    return images[..., :1]


def softmax(logits):
    return np.asarray(keras.ops.softmax(np.asarray(logits, np.float32)))


def assert_same(classifier, model, images, scaled, atol=1e-5):
    """The softmax of the classifier's logits on pixels is what the user's model says on his own scale."""
    expected = np.asarray(model(scaled))
    found = np.asarray(classifier(images))
    assert found.dtype == np.float32
    if expected.shape[1] == 1:
        expected = np.concatenate([1 - expected, expected], axis=1)
    np.testing.assert_allclose(softmax(found), expected, atol=atol)
    assert np.ptp(found, axis=0).max() > 1e-3


RANGES = {
    (0, 1): lambda x: x / 255,
    (-1, 1): lambda x: x / 127.5 - 1,
    (0, 255): lambda x: x,
    "caffe": lambda x: keras.applications.imagenet_utils.preprocess_input(x.copy(), mode="caffe"),
    "torch": lambda x: keras.applications.imagenet_utils.preprocess_input(x.copy(), mode="torch"),
    "tf": lambda x: keras.applications.imagenet_utils.preprocess_input(x.copy(), mode="tf"),
    "0,1": lambda x: x / 255,
    (-0.5, 0.5): lambda x: x / 255 - 0.5,
}


@pytest.mark.parametrize("range_", RANGES, ids=str)
def test_ranges(range_, images, tmp_path):
    model = sequential()
    classifier = as_classifier(model, input_range=range_)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probabilities = model(RANGES[range_](images)).numpy()
        np.testing.assert_allclose(softmax(classifier(images)), probabilities, atol=1e-5)
    classifier.save(tmp_path / "classifier.keras")
    again = load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(again(images), classifier(images))


HEADS = [
    "softmax",
    "softmax layer",
    "softmax activation",
    "softmax, reshaped",
    "softmax of a convolution",
    "softmax without bias",
    "sigmoid",
]


@pytest.mark.parametrize("build", [sequential, functional])
@pytest.mark.parametrize("head", HEADS)
def test_heads_are_taken_off(head, build, images, tmp_path):
    model = build(head)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = as_classifier(model, input_range=(0, 1))
    logits = classifier(images).numpy()
    np.testing.assert_allclose(logits.sum(axis=1) != 1, True)
    assert (logits < 0).any()
    probabilities = model(images / 255).numpy()
    if head == "sigmoid":
        assert (logits[:, 0] == -logits[:, 1]).all()
        probabilities = np.concatenate([1 - probabilities, probabilities], axis=1)
    np.testing.assert_allclose(softmax(logits), probabilities, atol=1e-6)
    classifier.save(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "classifier.keras")(images), logits)
    classifier.export(tmp_path / "exported", verbose=False)
    exported = tf.saved_model.load(tmp_path / "exported")
    np.testing.assert_allclose(exported.serve(images), logits, atol=1e-5)


def test_a_sharp_softmax_keeps_its_logits(images):
    model = sequential("softmax")
    model.layers[-1].kernel.assign(model.layers[-1].kernel * 1e4)
    logits = as_classifier(model)(images).numpy()
    assert set(model(images).numpy().ravel()) == {0.0, 1.0}
    assert len(np.unique(logits)) == logits.size


@pytest.mark.parametrize(("label", "side"), [(0, 1), (1, -1)])
def test_a_sure_sigmoid_has_a_gradient_on_both_sides(label, side, images):
    """In single precision 1 / (1 + exp(-40)) is 1."""
    model = keras.Sequential([keras.Input((*SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(1, "sigmoid")])
    model.layers[-1].set_weights([np.full(model.layers[-1].kernel.shape, 1e-5), np.array([(2 * label - 1) * 40.0])])
    _, _, gradient = as_model_fn(as_classifier(model, input_range=(0, 255))).compiled(
        loss_and_gradient(cross_entropy), images, np.full(len(images), label), np.full(len(images), label)
    )
    assert (side * gradient.numpy() > 0).all()


def test_weights_are_shared(images):
    model = sequential()
    classifier = as_classifier(model, input_range=(0, 1))
    model.layers[-1].kernel.assign_add(np.ones(model.layers[-1].kernel.shape) * [1, 0, -1])
    model.layers[-1].bias.assign([1, 2, 3])
    model.layers[0].kernel.assign(model.layers[0].kernel * 2)
    np.testing.assert_allclose(softmax(classifier(images)), model(images / 255), atol=1e-5)
    assert {id(each) for each in classifier.trainable_variables} == {id(each) for each in model.trainable_variables}


def test_the_model_is_left_as_it_is(images):
    model = functional()
    before, config = model(images).numpy(), model.get_config()
    layer_outputs = [layer.output for layer in model.layers]
    as_classifier(model, input_range=(0, 1))
    as_classifier(model, input_range="caffe")
    assert model.get_config() == config
    assert all(a is b for a, b in zip(layer_outputs, [layer.output for layer in model.layers], strict=True))
    np.testing.assert_array_equal(model(images), before)
    assert keras.models.clone_model(model).count_params() == model.count_params()


def test_saving_the_model_does_not_save_what_was_made_of_it(images, tmp_path):
    model = functional()
    model.save(tmp_path / "before.keras")
    as_classifier(model, input_range=(0, 1))
    model.save(tmp_path / "after.keras")
    sizes = [(tmp_path / f"{name}.keras").stat().st_size for name in ("before", "after")]
    assert abs(sizes[0] - sizes[1]) < 100
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "after.keras")(images), model(images))


def test_nothing_is_kept_alive():
    model = sequential()
    as_classifier(model, input_range=(0, 1))
    reference = weakref.ref(model)
    del model
    gc.collect()
    assert reference() is None


def test_the_same_model_gives_the_same_classifier():
    model = sequential()
    assert as_classifier(model, input_range=(0, 1)) is as_classifier(model, input_range="0,1")
    assert as_classifier(model, input_range=(0, 1)) is not as_classifier(model, input_range=(-1, 1))


@pytest.mark.parametrize("head", ["logits", "logits without bias", "log softmax"])
def test_a_pixel_classifier_passes(head):
    for model in (sequential(head), functional(head)):
        assert as_classifier(model) is model
        assert as_classifier(model, input_range=(0, 255), outputs="logits", input_shape=(*SIDE, 3)) is model


def test_what_this_package_builds_passes():
    demo = load_demo()[0]
    assert as_classifier(demo) is demo
    application = load_application("MobileNetV3Small", weights=None, input_shape=(32, 32, 3))
    assert as_classifier(application) is application
    adapted = as_classifier(sequential("sigmoid"), input_range=(0, 1))
    assert as_classifier(adapted) is adapted
    defended = keras.Sequential([keras.Input((*SIDE, 3)), WebPLayer(60), FlipLayer(), sequential("logits")])
    assert as_classifier(defended) is defended


@pytest.mark.parametrize("structure", [lambda x: [x], lambda x: (x,), lambda x: {"image": x}])
def test_structures_of_one_are_unwrapped(structure, images):
    model = functional(structure=structure)
    assert_same(as_classifier(model), functional(), images, images)


def test_several_are_refused_by_name():
    one, two = keras.Input((*SIDE, 3), name="left"), keras.Input((*SIDE, 3), name="right")
    flat = keras.layers.Flatten()(one)
    with pytest.raises(ValueError, match=r"has 2 outputs: cats, dogs.*keras.Model\(model.inputs, model.outputs"):
        as_classifier(keras.Model(one, [keras.layers.Dense(2, name=name)(flat) for name in ("cats", "dogs")]))
    both = keras.layers.Add()([flat, keras.layers.Flatten()(two)])
    with pytest.raises(ValueError, match="has 2 inputs: left, right"):
        as_classifier(keras.Model([one, two], keras.layers.Dense(2)(both)))


@pytest.mark.parametrize("build", [sequential, functional])
def test_uint8_input_keeps_fractions_and_gradients(build, images):
    before = [keras.layers.Rescaling(1 / 255)]
    if build is functional:
        model = functional(dtype="uint8", before=before)
    else:
        model = keras.Sequential([keras.Input((*SIDE, 3), dtype="uint8"), *layers(before=before)])
    classifier = as_classifier(model)
    assert_same(classifier, model, images, images.astype(np.uint8))
    x = tf.constant(images + 0.4)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(classifier(x) ** 2)
    assert np.abs(tape.gradient(loss, x)).max() > 0
    assert np.abs(classifier(images + 0.4) - classifier(images)).max() > 0


def test_mixed_float16(images, tmp_path):
    try:
        keras.config.set_dtype_policy("mixed_float16")
        model = keras.Sequential(layers("softmax activation"))
        model(images / 255)
        classifier = as_classifier(model, input_range=(0, 1))
    finally:
        keras.config.set_dtype_policy("float32")
    assert classifier(images).dtype == "float32"
    assert_same(classifier, model, images, images / 255, atol=2e-3)
    classifier.save(tmp_path / "half.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "half.keras")(images), classifier(images))


def test_a_sequential_that_was_never_called(images):
    model = keras.Sequential(layers())
    with pytest.raises(ValueError, match=r"Pass input_shape=\(height, width, channels\)"):
        as_classifier(model)
    classifier = as_classifier(model, input_range=(0, 1), input_shape=(*SIDE, 3))
    assert_same(classifier, model, images, images / 255)


def test_layers_of_ours_in_front_of_a_model_say_its_shape(images):
    base = sequential("softmax")
    model = keras.Sequential([WebPLayer(60), FlipLayer(), base])
    classifier = as_classifier(model)
    assert classifier.input_shape == (None, *SIDE, 3)
    assert_same(classifier, base, images, WebPLayer(60)(images)[:, :, ::-1])


@pytest.mark.parametrize("called", [True, False])
@pytest.mark.parametrize("head", ["softmax", "sigmoid", "logits"])
def test_subclassed(head, called, images, tmp_path):
    model = Subclassed(head)
    if called:
        model(images / 255)
    shape = None if called else (*SIDE, 3)
    if head == "logits":
        classifier = as_classifier(model, input_range=(0, 1), input_shape=shape)
        np.testing.assert_allclose(classifier(images), model(images / 255), atol=1e-5)
    else:
        with pytest.warns(UserWarning, match=f"The {head} of .* cannot be taken off"):
            classifier = as_classifier(model, input_range=(0, 1), input_shape=shape)
        assert_same(classifier, model, images, images / 255)
    classifier.save(tmp_path / "sub.keras")
    np.testing.assert_allclose(load_model(tmp_path / "sub.keras")(images), classifier(images), atol=1e-6)


@pytest.mark.parametrize("endpoint", ["serve", "serving_default"])
def test_a_saved_model(endpoint, images, tmp_path):
    model = sequential()
    model.export(tmp_path / "saved", verbose=False)
    layer = keras.layers.TFSMLayer(str(tmp_path / "saved"), call_endpoint=endpoint)
    for user in (layer, keras.Sequential([layer])):
        with pytest.warns(UserWarning, match="cannot be taken off"):
            classifier = as_classifier(user, input_range=(0, 1))
        assert classifier.input_shape == (None, *SIDE, 3)
        assert_same(classifier, model, images, images / 255)
    x = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(classifier(x) ** 2)
    assert np.abs(tape.gradient(loss, x)).max() > 0


def test_h5(images, tmp_path):
    model = functional()
    model.save(tmp_path / "old.h5")
    assert_same(as_classifier(load_model(tmp_path / "old.h5"), input_range=(0, 1)), model, images, images / 255)


def test_nested_and_shared(images):
    inner = functional("softmax")
    outer_in = keras.Input((*SIDE, 3))
    outer = keras.Model(outer_in, inner(keras.layers.Rescaling(1 / 255)(outer_in)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_same(as_classifier(outer), inner, images, images / 255)
        deeper = keras.Sequential([keras.Input((*SIDE, 3)), keras.Sequential([outer])])
        assert_same(as_classifier(deeper), inner, images, images / 255)
        inner(outer_in * 2)  # another call node of the shared model
        assert_same(as_classifier(inner, input_range=(0, 1)), inner, images, images / 255)


def test_the_mean_of_two_softmaxes_is_probabilities(images):
    inputs = keras.Input((*SIDE, 3))
    model = keras.Model(inputs, keras.layers.Average()([functional()(inputs), functional(seed=2)(inputs)]))
    with pytest.warns(UserWarning, match="cannot be taken off"):
        classifier = as_classifier(model)
    assert_same(classifier, model, images, images)


def test_operations_as_heads(images):
    inputs = keras.Input((*SIDE, 3))
    logits = functional("logits")
    for operation in (keras.ops.softmax, keras.activations.softmax):
        model = keras.Model(inputs, operation(logits(inputs)))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            np.testing.assert_allclose(as_classifier(model)(images), logits(images), atol=1e-6)


def test_layers_of_ours_tell_the_range(images):
    base = sequential("softmax")
    webp = WebPLayer(60, value_range=(0, 1))
    model = keras.Sequential([keras.Input((*SIDE, 3)), FlipLayer(), webp, base])
    classifier = as_classifier(model)
    assert_same(classifier, model, images, images / 255)
    assert_same(classifier, base, images, WebPLayer(60)(images[:, :, ::-1]) / 255)
    assert as_classifier(model, input_range=(0, 1))(images).numpy().tolist() == classifier(images).numpy().tolist()
    with pytest.raises(ValueError, match=r"value_range=\(0,1\).*Received: input_range=\(-1,1\)"):
        as_classifier(model, input_range=(-1, 1))
    two = keras.Sequential([keras.Input((*SIDE, 3)), webp, WebPLayer(80), base])
    with pytest.raises(ValueError, match="must have one `value_range`"):
        as_classifier(two)


def test_one_logit_must_be_said(images):
    model = keras.Sequential([keras.Input((*SIDE, 3)), keras.layers.Flatten(), keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="pass outputs='logits'"):
        as_classifier(model)
    out = as_classifier(model, outputs="logits")(images).numpy()
    np.testing.assert_allclose(out[:, 1:] - out[:, :1], model(images), rtol=1e-5)


def test_what_is_said_of_the_outputs_is_checked(images):
    with pytest.raises(ValueError, match="ends in a softmax. Received: outputs='logits'"):
        as_classifier(sequential(), outputs="logits")
    with pytest.raises(ValueError, match="ends in logits, without an activation. Received: outputs='softmax'"):
        as_classifier(sequential("logits"), outputs="softmax")
    with pytest.raises(ValueError, match="must be one of softmax, logits, sigmoid. Received: outputs='probs'"):
        as_classifier(sequential(), outputs="probs")
    sigmoids = sequential("sigmoids")
    assert (as_classifier(sigmoids)(images).numpy().argmax(axis=1) == sigmoids(images).numpy().argmax(axis=1)).all()


def test_a_fully_convolutional_head(images):
    model = keras.Sequential([keras.Input((*SIDE, 3)), *layers("softmax of a convolution")[:-1]])
    np.testing.assert_allclose(softmax(as_classifier(model)(images)), model(images)[:, 0, 0], atol=1e-6)


def test_open_sides_are_closed_by_input_shape(images):
    model = keras.Sequential([keras.Input((None, None, 3)), *layers("softmax")])
    assert as_classifier(model).input_shape == (None, None, None, 3)
    fixed = as_classifier(model, input_shape=(*SIDE, 3))
    assert fixed.input_shape == (None, *SIDE, 3)
    assert_same(fixed, model, images, images)
    with pytest.raises(ValueError, match="another shape"):
        as_classifier(fixed, input_shape=(7, 7, 3))


def test_grey(grey):
    model = sequential(channels=1)
    assert_same(as_classifier(model, input_range=(0, 1)), model, grey, grey / 255)
    with pytest.raises(ValueError, match="preprocessing of caffe is for RGB"):
        as_classifier(model, input_range="caffe")


def test_own_preprocessing_layers(images):
    normalization = keras.layers.Normalization(mean=[120, 110, 100], variance=[40, 50, 60])
    augmentation = keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)
    model = sequential(before=[*augmentation, normalization])
    classifier = as_classifier(model)
    expected = model(images, training=False)
    np.testing.assert_allclose(softmax(classifier(images, training=False)), expected, atol=1e-6)
    np.testing.assert_allclose(softmax(classifier.predict(images, verbose=0)), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((12, 10, 4), "RGBA is no input here.*alpha_composite"),
        ((3, 12, 10), "channels seem to come first.*Permute"),
        ((360,), "keras.layers.Reshape"),
        ((12, 10, 7), "grey or RGB images"),
    ],
)
def test_what_is_no_image_is_refused(shape, message):
    model = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(3)])
    with pytest.raises(ValueError, match=message):
        as_classifier(model)


@pytest.mark.parametrize("bad", [(1, 0), "pixels", (0,), (0, float("nan")), 3, (0, 1, 2)])
def test_bad_ranges_are_named(bad):
    with pytest.raises(ValueError, match="`input_range` must be .* Received: input_range="):
        as_classifier(sequential(), input_range=bad)


def test_other_bad_input_is_named():
    with pytest.raises(TypeError, match="must be a Keras model. Received: function"):
        as_classifier(lambda x: x)
    with pytest.raises(ValueError, match="RGBA is no input here"):
        as_classifier(keras.Sequential(layers()), input_shape=(8, 8, 4))
    images = keras.Sequential([keras.Input((12, 10, 3)), keras.layers.Conv2D(3, 3)])
    with pytest.raises(ValueError, match="must give class scores of shape"):
        as_classifier(images)


def test_a_model_of_legacy_keras_is_called_that():
    legacy = type("Sequential", (), {"__module__": "tf_keras.src.engine.sequential"})
    with pytest.raises(TypeError, match="Sequential of Keras 2 .*TF_USE_LEGACY_KERAS=1.*with Keras 3"):
        as_classifier(legacy())
