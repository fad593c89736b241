"""Every classifier of keras.applications, its preprocessing, and its weights."""

from __future__ import annotations

import inspect
from collections import Counter
from importlib import import_module

import keras
import numpy as np
import pytest

from tf_lowdef.application_table import APPLICATIONS, parse_application
from tf_lowdef.models import application_names, load_application, open_model
from tf_lowdef.models.applications import _preprocess

SMALL = {
    "convnext": ("ConvNeXtTiny", 32),
    "densenet": ("DenseNet121", 32),
    "efficientnet": ("EfficientNetB0", 32),
    "efficientnet_v2": ("EfficientNetV2B0", 32),
    "inception_resnet_v2": ("InceptionResNetV2", 75),
    "inception_v3": ("InceptionV3", 75),
    "mobilenet": ("MobileNet", 32),
    "mobilenet_v2": ("MobileNetV2", 32),
    "mobilenet_v3": ("MobileNetV3Small", 32),
    "nasnet": ("NASNetMobile", 32),
    "resnet": ("ResNet50", 32),
    "resnet_v2": ("ResNet50V2", 32),
    "vgg16": ("VGG16", 32),
    "vgg19": ("VGG19", 32),
    "xception": ("Xception", 71),
}
"""A small member of each family, and the smallest side that it takes."""
QUICK = ("convnext", "efficientnet", "efficientnet_v2", "mobilenet", "mobilenet_v2", "mobilenet_v3")
SLOW = tuple(family for family in SMALL if family not in QUICK)
FAMILIES = [family if family in QUICK else pytest.param(family, marks=pytest.mark.long) for family in SMALL]


def is_classifier(function) -> bool:
    return inspect.isfunction(function) and "classifier_activation" in inspect.signature(function).parameters


def test_table_is_complete():
    members = {name for name, member in inspect.getmembers(keras.applications) if is_classifier(member)}
    assert members == set(APPLICATIONS) == set(application_names())
    assert {row.module for row in APPLICATIONS.values()} == set(SMALL)


@pytest.mark.parametrize("row", APPLICATIONS.values(), ids=lambda row: row.name)
def test_module_is_the_applications_own(row):
    assert getattr(keras.applications, row.name).__module__.endswith(f".{row.module}")


@pytest.mark.parametrize("family", SMALL)
def test_preprocessing_equals_preprocess_input(family, pixels):
    row = APPLICATIONS[SMALL[family][0]]
    images = pixels(2, 5, 7, 3)
    inputs = keras.Input((5, 7, 3))
    model = keras.Model(inputs, keras.layers.Identity()(_preprocess(inputs, row.preprocessing)))
    expected = import_module(f"keras.applications.{family}").preprocess_input(images.copy())
    np.testing.assert_allclose(np.asarray(model(images)), expected, rtol=1e-5, atol=2e-6)
    assert not model.weights


def test_options_are_arguments_of_their_application():
    for name, row in APPLICATIONS.items():
        assert set(row.options) <= set(inspect.signature(getattr(keras.applications, name)).parameters)


@pytest.mark.parametrize("family", FAMILIES)
def test_flat_model_equals_plain_application(family, pixels, random_weights, tmp_path):
    name, side = SMALL[family]
    options = {"input_shape": (side, side, 3), "classes": 7}
    plain = random_weights(
        getattr(keras.applications, name)(weights=None, classifier_activation=None, **options), seed=1
    )
    path = tmp_path / "plain.weights.h5"
    plain.save_weights(path)
    model = load_application(name, weights=path, **options)
    images = pixels(2, side, side, 3)
    preprocess_input = import_module(f"keras.applications.{family}").preprocess_input
    expected = np.asarray(plain(preprocess_input(images.copy()), training=False))
    logits = np.asarray(model(images, training=False))
    assert np.ptp(expected) > 0
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-3 * np.abs(expected).max())
    assert model.input_shape == (None, side, side, 3)
    assert model.input_dtype == "float32"
    assert Counter(map(type, plain.layers)) == Counter(
        type(layer) for layer in model.layers if layer.name != "preprocess"
    )


class _DefaultSizeError(Exception):
    pass


@pytest.mark.parametrize("row", APPLICATIONS.values(), ids=lambda row: row.name)
def test_size_is_the_applications_own(row, monkeypatch):
    def report(*_, default_size, **__):
        raise _DefaultSizeError(default_size)

    monkeypatch.setattr("keras.src.applications.imagenet_utils.obtain_input_shape", report)
    if row.module == "mobilenet_v3":
        pytest.skip("MobileNetV3 has no default size; its documentation names 224")
    with pytest.raises(_DefaultSizeError) as caught:
        getattr(keras.applications, row.name)(weights=None)
    assert caught.value.args == (row.size,)


@pytest.mark.long
@pytest.mark.parametrize("families", [QUICK, SLOW], ids=["quick", "slow"])
def test_loads_in_a_fresh_process(families, pixels, random_weights, fresh_predict):
    models, batches = [], []
    for family in families:
        name, side = SMALL[family]
        models.append(random_weights(load_application(name, weights=None, input_shape=(side, side, 3), classes=7)))
        batches.append(pixels(2, side, side, 3))
    for preprocessing in ("tf", "torch", "caffe"):
        inputs = keras.Input((5, 7, 3))
        models.append(keras.Model(inputs, _preprocess(inputs, preprocessing)))
        batches.append(pixels(2, 5, 7, 3))
    results = fresh_predict(models, batches)
    for model, images, result in zip(models, batches, results, strict=True):
        np.testing.assert_array_equal(result, np.asarray(model(images, training=False)), err_msg=model.name)


@pytest.mark.long
@pytest.mark.parametrize("row", APPLICATIONS.values(), ids=lambda row: row.name)
def test_every_application_builds(row):
    model = load_application(row.name, weights=None)
    assert model.input_shape == (None, row.size, row.size, 3)
    assert model.output_shape == (None, 1000)
    assert getattr(model.layers[-1], "activation", keras.activations.linear) is keras.activations.linear


@pytest.mark.parametrize("suffix", [".weights.h5", ".h5", ".keras"])
def test_weights_from_each_kind_of_file(suffix, pixels, random_weights, tmp_path):
    options = {"input_shape": (32, 32, 3), "classes": 5, "alpha": 0.25}
    plain = random_weights(keras.applications.MobileNet(weights=None, classifier_activation=None, **options))
    path = tmp_path / f"plain{suffix}"
    plain.save_weights(path) if suffix == ".weights.h5" else plain.save(path)
    images = pixels(2, 32, 32, 3)
    model = load_application("MobileNet", weights=path, **options)
    expected = np.asarray(plain(images / 127.5 - 1, training=False))
    np.testing.assert_allclose(np.asarray(model(images, training=False)), expected, rtol=1e-4, atol=1e-5)


def test_weights_go_back_into_the_plain_application(random_weights, tmp_path):
    model = random_weights(load_application("MobileNet", None, (32, 32, 3), 5, alpha=0.25))
    model.save_weights(tmp_path / "flat.weights.h5")
    plain = keras.applications.MobileNet(weights=None, input_shape=(32, 32, 3), classes=5, alpha=0.25)
    plain.load_weights(tmp_path / "flat.weights.h5")
    for ours, theirs in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.fixture
def stand_in_download(monkeypatch, tmp_path):
    """Make ``weights="imagenet"`` of EfficientNetB0 find a file with random weights and ImageNet's normalisation."""

    def write(random_weights):
        plain = random_weights(keras.applications.EfficientNetB0(weights=None, input_shape=(224, 224, 3)))
        normalization = next(layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization))
        normalization.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
        path = tmp_path / "downloaded.h5"
        plain.save(path)
        monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *_, **__: str(path))
        return path

    return write


@pytest.mark.slow
def test_efficientnet_from_a_file_equals_its_imagenet_download(stand_in_download, random_weights, pixels, tmp_path):
    path = stand_in_download(random_weights)
    downloaded = keras.applications.EfficientNetB0(weights="imagenet", classifier_activation=None)
    images = pixels(2, 224, 224, 3)
    expected = np.asarray(downloaded(images, training=False))
    by_name = load_application("EfficientNetB0", weights="imagenet")
    np.testing.assert_allclose(np.asarray(by_name(images, training=False)), expected, rtol=1e-4, atol=1e-4)
    by_file = load_application("EfficientNetB0", weights=path)
    np.testing.assert_allclose(np.asarray(by_file(images, training=False)), expected, rtol=1e-3, atol=1e-3)
    by_file.save_weights(tmp_path / "again.weights.h5")
    again = load_application("EfficientNetB0", weights=tmp_path / "again.weights.h5")
    for ours, theirs in zip(again.get_weights(), by_file.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_failed_download_says_what_to_do(monkeypatch):
    def fail(*_, **__):
        raise Exception(
            "URL fetch failure on https://example.org: 404 -- Not Found"
        )  # what keras.utils.get_file raises

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(OSError, match=r"weights of MobileNet could not be downloaded; pass the path of a file.*404"):
        load_application("MobileNet")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        (("MobilNetV2", None), {}, ValueError, "Did you mean MobileNetV2.*Received: name='MobilNetV2'"),
        (("mobilenetv2", None), {}, ValueError, "Did you mean MobileNetV2"),
        (("LeNet", None), {}, ValueError, "Received: name='LeNet'"),
        (("MobileNet", "nowhere.weights.h5"), {}, FileNotFoundError, "No such file.*nowhere.weights.h5"),
        (("MobileNet", "imagnet"), {}, ValueError, "'imagenet', None or a file.*Received: weights='imagnet'"),
        (("MobileNet", None, (31, 32, 3)), {}, ValueError, r"at least 32x32.*\(31, 32, 3\)"),
        (("MobileNetV3Small", None, (31, 32, 3)), {}, ValueError, r"at least 32x32.*\(31, 32, 3\)"),
        (("InceptionV3", None, (74, 75, 3)), {}, ValueError, r"at least 75x75.*\(74, 75, 3\)"),
        (("MobileNet", None, (32, 32, 1)), {}, ValueError, r"\(height, width, 3\).*\(32, 32, 1\)"),
        (("MobileNet", None, (32, 32)), {}, ValueError, r"Received: input_shape=\(32, 32\)"),
        (("MobileNet", None, (None, None, 3)), {}, ValueError, "Received: input_shape="),
        (("MobileNet", "imagenet", None, 10), {}, ValueError, "1000"),
        (("VGG16", "imagenet", (64, 64, 3)), {}, ValueError, r"\(224, 224, 3\).*\(64, 64, 3\)"),
        (("MobileNet", None, None, 1), {}, ValueError, "Received: classes=1"),
        (("MobileNet", None), {"include_top": False}, TypeError, "sets `include_top` itself"),
        (("MobileNet", None), {"alfa": 1}, TypeError, "alfa"),
    ],
)
def test_bad_input(arguments, options, error, message):
    with pytest.raises(error, match=f"(?s){message}"):
        load_application(*arguments, **options)


def test_weights_of_another_class_count_or_application(tmp_path):
    path = tmp_path / "five.weights.h5"
    load_application("MobileNet", None, (32, 32, 3), classes=5, alpha=0.25).save_weights(path)
    with pytest.raises(
        ValueError, match=r"do not fit MobileNet .*classes=6, alpha=0\.25\. Received: weights=.*five.weights.h5"
    ):
        load_application("MobileNet", path, (32, 32, 3), classes=6, alpha=0.25)
    with pytest.raises(
        ValueError, match="Weights of another alpha or depth_multiplier or dropout need it said: `alpha"
    ):
        open_model("MobileNet:size=32,classes=5", str(path))
    assert open_model("MobileNet:alpha=0.25,size=32,classes=5", str(path)).output_shape == (None, 5)
    with pytest.raises(ValueError, match="do not fit MobileNetV3Small"):
        load_application("MobileNetV3Small", path, (32, 32, 3), classes=5)


def test_options_stand_behind_the_name():
    assert parse_application("MobileNetV2") == ("MobileNetV2", {})
    said = parse_application("MobileNetV3Small:alpha=0.75,minimalistic=true,size=192")
    assert said == ("MobileNetV3Small", {"alpha": 0.75, "minimalistic": True, "input_shape": (192, 192, 3)})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "MobileNet:alfa=1",
            r"has no 'alfa'\. Did you mean 'alpha'\? There are: alpha, depth_multiplier, dropout, size",
        ),
        ("VGG16:alpha=1", r"has no 'alpha'\. There are: size, classes"),
        ("MobileNet:alpha=wide", "'alpha' of 'mobilenet' must be float, not 'wide'"),
        ("MobileNet:0.75", "takes key=value with alpha"),
        ("MobilNet:alpha=1", "Did you mean MobileNet"),
    ],
)
def test_wrong_options_are_named(text, message):
    with pytest.raises(ValueError, match=message):
        parse_application(text)


def test_damaged_file_of_weights(tmp_path):
    for name in ("damaged.weights.h5", "damaged.h5", "damaged.keras"):
        (tmp_path / name).write_bytes(b"not what it says")
        with pytest.raises((OSError, ValueError), match=name):
            load_application("MobileNet", tmp_path / name, (32, 32, 3), alpha=0.25)


def test_uint8_pixels_and_float32_pixels_agree(pixels, random_weights):
    model = random_weights(load_application("MobileNet", None, (32, 32, 3), 5, alpha=0.25))
    images = pixels(2, 32, 32, 3)
    np.testing.assert_array_equal(model.predict_on_batch(images), model.predict_on_batch(images.astype(np.uint8)))


@pytest.mark.realdata
def test_real_weights_classify_real_images(imagenet):
    import csv

    from PIL import Image

    with (imagenet / "images.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    images = np.stack(
        [
            np.asarray(Image.open(imagenet / row["file"]).convert("RGB").resize((224, 224), Image.Resampling.BICUBIC))
            for row in rows
        ]
    )
    model = load_application("MobileNetV2", weights=imagenet / "MobileNetV2.weights.h5")
    top1 = model.predict(images, batch_size=25, verbose=0).argmax(axis=1) == [int(row["label"]) for row in rows]
    assert top1.mean() >= 0.8
