"""MobileNetV2 behind the default defence, exported, on the real images, in a process without Python."""

import csv

import keras
import numpy as np
import pytest
from PIL import Image

from tf_lowdef import FlipLayer, WebPLayer, load_application, serving
from tf_lowdef.files import read_rgb
from tf_lowdef.serving.exchange import Request
from tf_lowdef.serving.processes import NoCompilerError, run_native
from tf_lowdef.serving.saved_model import read_meta_graph, read_signatures

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

BATCH = 25
MEGABYTES = 25


@pytest.fixture(scope="module")
def base(imagenet):
    return load_application("MobileNetV2", weights=imagenet / "MobileNetV2.weights.h5")


@pytest.fixture(scope="module")
def exported(base, tmp_path_factory):
    root = tmp_path_factory.mktemp("real") / "mobilenet"
    serving.export(keras.Sequential([WebPLayer(60), FlipLayer(), base]), root)
    return root


@pytest.fixture(scope="module")
def images(imagenet):
    with (imagenet / "images.csv").open(newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    arrays = [
        np.asarray(Image.fromarray(read_rgb(imagenet / name)).resize((224, 224), Image.Resampling.BICUBIC))
        for name in names
    ]
    return np.stack(arrays).astype(np.float32)


def test_size(exported):
    assert sum(file.stat().st_size for file in exported.rglob("*") if file.is_file()) <= MEGABYTES * 1e6


@pytest.mark.long
def test_serve_check(exported):
    results = serving.check(exported)
    assert [result for result in results if result.passed is False] == []
    assert results[-1].passed is None or results[-1].name == "native bad requests"


def test_without_python_as_in_python(exported, base, images):
    signature = read_signatures(read_meta_graph(exported / "1"))["serving_default"]
    outputs = ["defended_pixels", "logits"]
    requests = [
        Request(str(start), "serving_default", {"pixels": images[start : start + BATCH]}, signature.nodes, outputs)
        for start in range(0, len(images), BATCH)
    ]
    try:
        answers = run_native(exported / "1", requests).answers
    except NoCompilerError as error:
        pytest.skip(str(error))
    assert answers.failed is None
    assert [answer.error for answer in answers.by_name.values()] == [None] * 4
    native = [answers.by_name[request.name].outputs for request in requests]
    defended = keras.Sequential([keras.Input((224, 224, 3)), WebPLayer(60), FlipLayer()]).predict(images, verbose=0)
    logits = base.predict(defended, batch_size=BATCH, verbose=0)
    assert len(images) == 100
    np.testing.assert_array_equal(np.concatenate([each["defended_pixels"] for each in native]), defended)
    native_logits = np.concatenate([each["logits"] for each in native])
    assert np.abs(native_logits - logits).max() <= 1e-4
    np.testing.assert_array_equal(native_logits.argmax(axis=1), logits.argmax(axis=1))
