"""What is not certain of somebody's model is said beside its numbers."""

import keras
import numpy as np
import pytest

from tf_lowdef import FlipLayer, WebPLayer, as_classifier, defend, evaluate, gate, load_demo, load_model
from tf_lowdef.models.doubts import head_doubts, range_doubt
from tf_lowdef.models.input_range import IMAGENET_MEAN, IMAGENET_STDDEV
from tf_lowdef.results import Results

SHAPE = (16, 16, 3)
SMALL = {"weights": None, "input_shape": (32, 32, 3), "classes": 2}

GREY_MEAN, GREY_VARIANCE = [255 * each for each in IMAGENET_MEAN], [(255 * each) ** 2 for each in IMAGENET_STDDEV]


class Hidden(keras.Model):
    """A subclassed model, whose softmax nobody can take off."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.pool, self.scores = keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(2, "softmax")

    def call(self, inputs):
        return self.scores(self.pool(inputs))


def hidden():
    model = Hidden()
    model(np.zeros((1, *SHAPE), np.float32))
    model.scores.set_weights([np.array([[0.1, 0], [0, 0.1], [0, 0]]), np.zeros(2)])
    return model


def data():
    images = np.full((6, *SHAPE), 110, np.uint8)
    labels = np.arange(6) % 2
    for image, label in zip(images, labels, strict=True):
        image[..., label] += 20
    return images, labels


def network(*layers):
    return keras.Sequential(
        [keras.Input(SHAPE), *layers, keras.layers.Conv2D(2, 3), keras.layers.GlobalAveragePooling2D()]
    )


def functional(preprocess):
    inputs = keras.Input(SHAPE)
    scores = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(preprocess(inputs)))
    return keras.Model(inputs, scores)


def residual(images):
    return keras.layers.Add()([images, keras.layers.Conv2D(3, 1)(images)])


def test_a_head_that_stays_is_said_in_the_results_and_the_report(tmp_path, run_cli):
    model = hidden()
    with pytest.warns(UserWarning, match="cannot be taken off"):
        results = evaluate(model, data(), ["fgsm:4"], ["none"], out=tmp_path / "run")
    (said,) = [each for each in results.warnings if "cannot be taken off" in each]
    assert "no gradient to follow" in said
    assert "cannot be taken off" in Results.load(tmp_path / "run").warnings[0]
    assert run_cli("report", tmp_path / "run").code == 0
    for name in ("report.md", "report.html"):
        assert "cannot be taken off" in (tmp_path / "run" / name).read_text()


def test_a_head_is_remembered_by_what_was_adapted_before_and_by_its_file(tmp_path):
    with pytest.warns(UserWarning, match="cannot be taken off"):
        classifier = as_classifier(hidden(), (0, 255))
    (said,) = head_doubts(classifier)
    assert head_doubts(defend(classifier)) == [said]
    model = network(keras.layers.Activation("relu"))
    model.save(tmp_path / "plain.keras")
    assert head_doubts(load_model(tmp_path / "plain.keras")) == []
    inputs = keras.Input(SHAPE)
    halves = [keras.layers.Softmax()(network()(inputs)) for _ in range(2)]
    averaged = keras.Model(inputs, keras.layers.Average()(halves))
    with pytest.warns(UserWarning, match="cannot be taken off"):
        as_classifier(averaged, (0, 255)).save(tmp_path / "mean.keras")
    (said,) = head_doubts(load_model(tmp_path / "mean.keras"))
    assert "cannot be taken off" in said


def test_scores_in_0_1_that_may_be_sigmoids_are_said_in_the_results():
    inputs = keras.Input(SHAPE)
    # both rise with the brightness: saturated ones of random weights may sum to 1, as a softmax's do
    rising = keras.layers.Dense(2, "sigmoid", kernel_initializer=keras.initializers.Constant(0.002))
    scores = rising(keras.layers.GlobalAveragePooling2D()(inputs))
    model = keras.Model(inputs, keras.layers.Average()([scores, scores]))
    with pytest.warns(UserWarning, match="taken as logits"):
        results = evaluate(model, data(), ["fgsm:4"], ["none"], input_range=(0, 255))
    assert any("pass outputs='sigmoid'" in each for each in results.warnings)


@pytest.mark.parametrize(
    "model",
    [
        lambda: network(keras.layers.Rescaling(1 / 255)),
        lambda: network(keras.layers.RandomFlip(), keras.layers.Normalization(mean=127.0, variance=99.0)),
        lambda: network(WebPLayer(60, value_range=(0, 1))),
        lambda: keras.Sequential([WebPLayer(60), FlipLayer(), network(keras.layers.Rescaling(1 / 255))]),
        lambda: keras.Sequential([WebPLayer(60), FlipLayer(), load_demo()[0]]),
        lambda: functional(keras.applications.mobilenet_v2.preprocess_input),
        lambda: functional(lambda images: (images - 127.5) / 127.5),
        lambda: functional(keras.applications.resnet50.preprocess_input),  # caffe's means
        lambda: functional(keras.applications.densenet.preprocess_input),
        lambda: network(keras.layers.Rescaling(1 / 127.5, offset=-1)),
        lambda: network(keras.layers.Normalization(mean=GREY_MEAN, variance=GREY_VARIANCE)),
        lambda: network(keras.Sequential([keras.layers.Rescaling(1 / 255), keras.layers.Rescaling(2.0, offset=-1.0)])),
        lambda: functional(lambda images: residual(keras.layers.Rescaling(1 / 255)(images))),
        lambda: keras.applications.MobileNetV3Small((32, 32, 3), weights=None, classes=2),
        *(
            pytest.param(lambda name=name: getattr(keras.applications, name)(**SMALL), marks=pytest.mark.slow, id=name)
            for name in ("EfficientNetB0", "ConvNeXtTiny")
        ),
        lambda: defend(network(), input_range=(0, 1)),
    ],
)  # fmt: skip
def test_preprocessing_of_its_own_tells_what_a_model_takes(model):
    assert range_doubt(model()) is None


@pytest.mark.parametrize(
    "model",
    [
        lambda: network(keras.layers.Rescaling(2.0, offset=-1.0)),
        lambda: network(keras.layers.Rescaling(255.0)),
        lambda: network(keras.layers.Rescaling(0.5, offset=0.5)),  # for [-1, 1]
        lambda: network(keras.layers.Rescaling(1 / 65025)),
        lambda: network(keras.layers.Normalization(mean=0.5, variance=0.08)),
        lambda: network(keras.layers.Rescaling(2.0, offset=-1.0), keras.layers.Rescaling(0.5, offset=0.5)),
        lambda: network(keras.Sequential([keras.layers.Rescaling(1 / 255)]), keras.layers.Rescaling(255.0)),
        lambda: functional(lambda images: images * 2 - 1),
        lambda: functional(lambda images: keras.ops.clip(images, 0, 1)),
        lambda: functional(lambda images: keras.layers.Add()([keras.layers.Rescaling(1 / 255)(images), images])),
        lambda: functional(lambda images: images - keras.ops.mean(images, axis=(1, 2), keepdims=True)),
    ],
)
def test_preprocessing_of_another_range_than_grey_levels_tells_nothing(model):
    assert "--input-range 0,1 or 0,255" in range_doubt(model())


@pytest.mark.parametrize(
    "model",
    [network, hidden, lambda: network(WebPLayer(60), FlipLayer()), lambda: network(keras.layers.RandomFlip())],
)
def test_what_nobody_said_and_nothing_tells_is_a_doubt(model):
    assert "--input-range 0,1 or 0,255" in range_doubt(model())


def test_an_export_and_an_attack_of_images_without_labels_say_what_they_assume(tmp_path, run_cli):
    model = network()
    model.save(tmp_path / "mine.keras")
    with pytest.warns(UserWarning, match="Nobody said what the model takes"):
        assert run_cli("export", tmp_path / "mine.keras", "--out", tmp_path / "a").code == 0
    assert "nobody said that the model takes this" in (tmp_path / "a" / "README.md").read_text()
    keras.utils.save_img(tmp_path / "photos.png", data()[0][0])
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos.png").rename(tmp_path / "photos" / "0.png")
    arguments = ["attack", tmp_path / "photos", "--model", tmp_path / "mine.keras", "--attack", "fgsm:4", "--out"]
    with pytest.warns(UserWarning, match="Nobody said what the model takes"):
        run_cli(*arguments, tmp_path / "b")


def test_an_export_and_a_gate_of_a_model_of_0_1_that_begins_with_a_rescaling_say_what_they_assume(tmp_path, run_cli):
    model = network(keras.layers.Rescaling(2.0, offset=-1.0))
    model.save(tmp_path / "mine.keras")
    with pytest.warns(UserWarning, match="Nobody said what the model takes"):
        assert run_cli("export", tmp_path / "mine.keras", "--out", tmp_path / "a").code == 0
    with pytest.warns(UserWarning, match="Nobody said what the model takes"):
        gate(model, "flip", data()[0], false_positive_rate=0.5, progress=False)


@pytest.mark.filterwarnings("error:Nobody said")
def test_where_the_range_is_said_nothing_is_assumed(tmp_path, run_cli):
    network().save(tmp_path / "mine.keras")
    said = ("--input-range", "0,1")
    assert run_cli("export", tmp_path / "mine.keras", "--out", tmp_path / "a", *said).code == 0
    assert "mapped to what the model takes" in (tmp_path / "a" / "README.md").read_text()


def test_one_class_cannot_tell_the_range():
    images, labels = data()
    results = evaluate(network(), (images, labels * 0), ["fgsm:4"], ["none"])
    assert any("Nobody said what the model takes" in each for each in results.warnings)
    assert not any("Nobody said" in each for each in evaluate(network(), (images, labels), [], ["none"]).warnings)
