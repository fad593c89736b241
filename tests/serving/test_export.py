"""What an export holds, what it answers, and that it is whole or absent."""

import sys
from io import BytesIO

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import ExifTags, Image, ImageOps

from tf_lowdef import FlipLayer, JPEGLayer, WebPLayer, codec_scope, serving
from tf_lowdef.models import demo_class_names
from tf_lowdef.serving.expected import read_expected
from tf_lowdef.serving.samples import make_samples
from tf_lowdef.serving.signatures import DEFENDED, LOGITS, PROBABILITIES, TOP_CLASSES, TOP_NAMES, VALID
from tf_lowdef.webp import graph

FILES = {
    "models.config",
    "README.md",
    "1/saved_model.pb",
    "1/fingerprint.pb",
    "1/variables/variables.index",
    "1/variables/variables.data-00000-of-00001",
    "1/assets.extra/tf_serving_warmup_requests",
    "1/assets.extra/tf_lowdef_expected.npz",
}


def files(root):
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def loaded(small_export):
    return tf.saved_model.load(str(small_export / "1"))


def test_what_is_written(small_export):
    assert files(small_export) == FILES
    assert 'name: "colours"' in (small_export / "models.config").read_text()
    readme = (small_export / "README.md").read_text()
    assert (
        'docker run --rm -p 8501:8501 -v "$PWD:/models/colours:ro" -e MODEL_NAME=colours tensorflow/serving' in readme
    )
    assert "curl" in readme
    assert "WebPLayer (quality 60, method 0), FlipLayer" in readme


def test_signatures_and_outputs(loaded):
    assert set(loaded.signatures) == {"serving_default", "serving_bytes"}
    pixels = loaded.signatures["serving_default"].structured_input_signature[1]
    assert pixels == {"pixels": tf.TensorSpec((None, 32, 32, 3), tf.float32, "pixels")}
    encoded = loaded.signatures["serving_bytes"].structured_input_signature[1]
    assert encoded == {"image_bytes": tf.TensorSpec((None,), tf.string, "image_bytes")}
    for signature in loaded.signatures.values():
        outputs = {name: (spec.shape.as_list(), spec.dtype) for name, spec in signature.structured_outputs.items()}
        assert outputs == {
            PROBABILITIES: ([None, 3], tf.float32),
            LOGITS: ([None, 3], tf.float32),
            DEFENDED: ([None, 32, 32, 3], tf.float32),
            TOP_CLASSES: ([None, 3], tf.int32),
            TOP_NAMES: ([None, 3], tf.string),
            VALID: ([None], tf.bool),
        }


@pytest.mark.slow
def test_answers_are_the_models(demo_export, demo):
    base, images, _ = demo
    defence = keras.Sequential([keras.Input((96, 96, 3)), WebPLayer(60), FlipLayer()])
    some = images[::25].astype(np.float32)
    answers = tf.saved_model.load(str(demo_export / "1")).signatures["serving_default"](pixels=tf.constant(some))
    defended = defence(some)
    np.testing.assert_array_equal(answers[DEFENDED], defended)
    np.testing.assert_allclose(answers[LOGITS], base(defended), atol=1e-4)
    np.testing.assert_allclose(answers[PROBABILITIES], tf.nn.softmax(base(defended)), atol=1e-5)
    top = np.argsort(-answers[LOGITS].numpy(), axis=1)[:, :5]
    np.testing.assert_array_equal(answers[TOP_CLASSES], top)
    assert [[name.decode() for name in row] for row in answers[TOP_NAMES].numpy()] == [
        [demo_class_names()[index] for index in row] for row in top
    ]


@pytest.mark.slow
def test_weights_are_stored_once(demo_export, demo):
    weights = sum(np.prod(weight.shape) * 4 for weight in demo[0].weights)
    stored = (demo_export / "1" / "variables" / "variables.data-00000-of-00001").stat().st_size
    assert weights <= stored < 1.05 * weights


def test_answers_of_the_small_model_are_its_own(loaded, demo):
    images = demo[1][:4, 16:48, 16:48].astype(np.float32)
    defended = keras.Sequential([keras.Input((32, 32, 3)), WebPLayer(60, method=0), FlipLayer()])(images)
    logits = tf.reduce_mean(defended, axis=(1, 2)) / 10 + [0.1, 0.2, 0.3]
    answers = loaded.signatures["serving_default"](pixels=tf.constant(images))
    np.testing.assert_array_equal(answers[DEFENDED], defended)
    np.testing.assert_allclose(answers[LOGITS], logits, atol=1e-4)
    np.testing.assert_allclose(answers[PROBABILITIES], tf.nn.softmax(logits), atol=1e-5)
    top = np.argsort(-logits.numpy(), axis=1)
    np.testing.assert_array_equal(answers[TOP_CLASSES], top)
    np.testing.assert_array_equal(answers[TOP_NAMES], np.array([b"red", b"green", b"blue"], object)[top])


def test_an_empty_batch_gives_empty_answers(loaded):
    answers = loaded.signatures["serving_default"](pixels=tf.zeros((0, 32, 32, 3)))
    assert answers[LOGITS].shape == (0, 3)
    assert loaded.signatures["serving_bytes"](image_bytes=tf.constant([], tf.string))[DEFENDED].shape == (0, 32, 32, 3)


def test_versions_do_not_touch_each_other(copied_export, small_base):
    before = {name: (copied_export / name).read_bytes() for name in files(copied_export)}
    with pytest.raises(FileExistsError, match="give another version .there are: 1."):
        serving.export(keras.Sequential([FlipLayer(), small_base()]), copied_export)
    (copied_export / "models.config").write_text("mine")
    folder = serving.export(keras.Sequential([FlipLayer(), small_base()]), copied_export, version=2)
    assert folder == copied_export / "2"
    assert (copied_export / "models.config").read_text() == "mine"
    assert "FlipLayer." in (copied_export / "README.md").read_text()
    assert all((copied_export / name).read_bytes() == before[name] for name in before if name.startswith("1/"))


def test_a_readme_of_somebody_else_stays(tmp_path, small_base):
    (tmp_path / "README.md").write_text("mine")
    serving.export(keras.Sequential([FlipLayer(), small_base()]), tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_an_unbuilt_sequential_takes_its_size_from_the_base_and_stays_unbuilt(tmp_path, small_base):
    model = keras.Sequential([FlipLayer(), small_base()])
    serving.export(model, tmp_path / "flip")
    assert not model.built


def test_a_softmax_is_served_as_exact_logits_and_probabilities(tmp_path, small_base):
    base = small_base("softmax")
    serving.export(keras.Sequential([FlipLayer(), base]), tmp_path / "softmax")
    served = tf.saved_model.load(str(tmp_path / "softmax" / "1"))
    images = tf.random.stateless_uniform((4, 32, 32, 3), (0, 1), 0, 255)
    outputs = served.signatures["serving_default"](pixels=images)
    np.testing.assert_allclose(outputs[PROBABILITIES], base(images[:, :, ::-1]), atol=1e-6)
    np.testing.assert_allclose(tf.nn.softmax(outputs[LOGITS]), outputs[PROBABILITIES], atol=1e-6)
    assert np.abs(tf.reduce_logsumexp(outputs[LOGITS], axis=1)).min() > 1e-3  # no logarithms of probabilities


class Subclassed(keras.Model):
    def __init__(self, base):
        super().__init__()
        self.webp, self.base = WebPLayer(60, method=0), base

    def call(self, inputs):
        return self.base(self.webp(inputs))


@pytest.mark.slow
def test_other_models_go_without_defended_pixels(tmp_path, small_base, demo):
    samples = np.array([[[[0, 128, 255]]]]).repeat(32, 1).repeat(32, 2)
    serving.export(Subclassed(small_base()), tmp_path / "subclassed", samples=samples)
    inputs = keras.Input((32, 32, 3), dtype="uint8")
    functional = keras.Model(inputs, small_base()(FlipLayer()(inputs)))
    serving.export(functional, tmp_path / "functional")
    for name, model in (("subclassed", Subclassed(small_base())), ("functional", functional)):
        outputs = tf.saved_model.load(str(tmp_path / name / "1")).signatures["serving_default"](
            pixels=tf.constant(demo[1][:3, :32, :32], tf.float32)
        )
        assert DEFENDED not in outputs
        np.testing.assert_allclose(outputs[LOGITS], model(demo[1][:3, :32, :32]), atol=1e-4)


@pytest.mark.slow
def test_keras_files_and_nested_sequentials(tmp_path, small_base):
    defence = keras.Sequential([keras.Input((32, 32, 3)), JPEGLayer(60), FlipLayer()])
    model = keras.Sequential([defence, small_base()])
    model.save(tmp_path / "model.keras")
    serving.export(str(tmp_path / "model.keras"), tmp_path / "nested", defended_pixels=True)
    signature = tf.saved_model.load(str(tmp_path / "nested" / "1")).signatures["serving_default"]
    assert DEFENDED in signature.structured_outputs
    serving.export(tmp_path / "model.keras", tmp_path / "nested", version=2, defended_pixels=False)
    signature = tf.saved_model.load(str(tmp_path / "nested" / "2")).signatures["serving_default"]
    assert DEFENDED not in signature.structured_outputs


@pytest.mark.parametrize("moment", ["write_warmup", "write_expected", "read_meta_graph"])
@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()], ids=["error", "ctrl-c"])
def test_half_an_export_never_appears(moment, error, tmp_path, small_base, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(sys.modules["tf_lowdef.serving.export"], moment, fail)
    with pytest.raises(type(error)):
        serving.export(keras.Sequential([FlipLayer(), small_base()]), tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_wrong_codec_is_noticed(tmp_path, small_base, monkeypatch):
    """As with a Pillow whose libwebp decides otherwise."""
    monkeypatch.setattr(graph, "roundtrip", lambda pixels, *_, **__: pixels)
    with pytest.raises(ValueError, match=r"pixel values differ. The codec in the graph is libwebp 1\.6\.0's; Pillow"):
        serving.export(keras.Sequential([WebPLayer(60, method=0), small_base()]), tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_models_own_codec_stays_and_a_scope_around_does_not_matter(tmp_path, small_base):
    layer = WebPLayer(60, method=0)
    with codec_scope("pillow"):
        serving.export(keras.Sequential([layer, small_base()]), tmp_path / "model")
    assert (tmp_path / "model" / "1" / "saved_model.pb").exists()
    assert layer.codec == "auto"
    concrete = tf.function(layer).get_concrete_function(tf.TensorSpec((None, 32, 32, 3)))
    assert any(node.op == "EagerPyFunc" for node in concrete.graph.as_graph_def().node)


def files_of(folder):
    """Photographs of other sizes than the model's, one of them on its side, and one that no server decodes."""
    folder.mkdir()
    tall, wide = (Image.fromarray(make_samples(size, seed=7)[2]) for size in ((90, 40), (40, 70)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    tall.save(folder / "a.jpg", exif=exif)
    wide.save(folder / "b.png")
    wide.save(folder / "c.gif")
    return [(folder / name).read_bytes() for name in ("a.jpg", "b.png")]


@pytest.mark.slow
def test_samples_from_a_folder(tmp_path, small_base):
    sent = files_of(tmp_path / "photos")
    serving.export(keras.Sequential([FlipLayer(), small_base()]), tmp_path / "model", samples=tmp_path / "photos")
    expected = read_expected(tmp_path / "model" / "1")
    assert expected["serving_default"][0]["pixels"].shape == (3, 32, 32, 3)
    stored = expected["serving_bytes"][0]["image_bytes"]
    assert stored[:2].tolist() == sent
    with Image.open(BytesIO(sent[0])) as image:
        upright = ImageOps.exif_transpose(image).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(expected["serving_bytes"][1][DEFENDED][0], np.asarray(upright)[:, ::-1])


def test_files_of_other_sizes_are_always_among_the_samples(small_export):
    sizes = set()
    for content in read_expected(small_export / "1")["serving_bytes"][0]["image_bytes"]:
        with Image.open(BytesIO(content)) as image:
            sizes.add(image.size[::-1])
    assert sizes == {(32, 32), (45, 45), (54, 29)}


def test_bad_images_are_marked_beside_good_ones(small_export, loaded):
    good = read_expected(small_export / "1")["serving_bytes"]
    file = good[0]["image_bytes"][0]
    answer = loaded.signatures["serving_bytes"](image_bytes=tf.constant([b"no image", file, b""]))
    assert answer[VALID].numpy().tolist() == [False, True, False]
    for name, each in answer.items():
        assert not each.numpy()[[0, 2]].any(), name
    np.testing.assert_allclose(answer[LOGITS][1], good[1][LOGITS][0], atol=1e-4)
    pixels = np.full((2, 32, 32, 3), 77, np.float32)
    pixels[0, 3, 4, 1] = np.nan
    answer = loaded.signatures["serving_default"](pixels=tf.constant(pixels))
    assert answer[VALID].numpy().tolist() == [False, True]
    assert np.isfinite(answer[LOGITS]).all()
    assert not answer[PROBABILITIES].numpy()[0].any()
    readme = (small_export / "README.md").read_text()
    assert "`valid` is false" in readme
    assert "4096 x\n  4096 pixels" in readme


@pytest.mark.slow
def test_bad_images_are_errors_where_that_is_asked_for(tmp_path, small_base):
    model = keras.Sequential([WebPLayer(60, method=0), small_base()])
    serving.export(model, tmp_path / "model", on_bad_image="error", max_image_size=(40, 50))
    signatures = tf.saved_model.load(str(tmp_path / "model" / "1")).signatures
    assert VALID not in signatures["serving_default"].structured_outputs
    black = BytesIO()
    Image.new("RGB", (50, 41)).save(black, "PNG")
    with pytest.raises(tf.errors.InvalidArgumentError, match="50 x 40 pixels .* Received: 50 x 41"):
        signatures["serving_bytes"](image_bytes=tf.constant([black.getvalue()]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="NaN or infinity"):
        signatures["serving_default"](pixels=tf.fill((1, 32, 32, 3), np.nan))
    assert "fails the whole request" in (tmp_path / "model" / "README.md").read_text()
