import keras
import numpy as np
import pytest

from tf_lowdef import evaluate
from tf_lowdef.files import read_rgb
from tf_lowdef.layers import WebPLayer
from tf_lowdef.results.gallery import Gallery
from tf_lowdef.studies import make_gallery
from tf_lowdef.studies.gallery import lay_on


def tiny(features):
    """A classifier of 2 classes, by the mean of red against green; with a convolution, which Grad-CAM can explain."""
    inputs = keras.Input((16, 16, 3))
    layers = inputs
    if features:
        layers = keras.layers.Conv2D(3, 1, use_bias=False)(inputs)
        keras.Model(inputs, layers).layers[-1].set_weights([np.eye(3)[None, None]])
    outputs = keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(layers))
    model = keras.Model(inputs, outputs)
    model.get_layer("logits").set_weights([np.array([[1.0, 0], [0, 1], [0, 0]]), np.zeros(2)])
    return model


def data():
    images = np.full((6, 16, 16, 3), 110, np.uint8)
    labels = np.arange(6) % 2
    for image, label in zip(images, labels, strict=True):
        image[..., label] += 3
    return images, labels


def test_a_run_keeps_examples_with_what_the_classifier_made_of_them(tmp_path):
    model = tiny(features=False)
    results = evaluate(model, data(), ["bim:4"], ["none", "flip"], ("oblivious", "adaptive"), tmp_path)
    made = make_gallery(model, data(), results, tmp_path, ["red", "green"])
    loaded = Gallery.load(tmp_path)
    assert [each.name for each in loaded.examples] == [each.name for each in made.examples] == list("0123")
    assert loaded.no_cam is not None  # nothing in this model has places
    assert "6 lost" in loaded.selection
    for example in loaded.examples:
        assert [view.what for view in example.views] == ["clean", "adversarial", "defended", "adaptive"]
        assert [view.correct for view in example.views] == [True, False, False, False]
        assert example.label_name == ("red", "green")[int(example.name) % 2]
        assert all((tmp_path / view.image).is_file() for view in example.views)


def test_maps_are_kept_where_there_are_features(tmp_path):
    model = tiny(features=True)
    results = evaluate(model, data(), ["bim:4"], ["none"], "oblivious", tmp_path)
    make_gallery(model, data(), results, tmp_path)
    loaded = Gallery.load(tmp_path)
    assert loaded.no_cam is None
    views = loaded.examples[0].views
    assert [view.what for view in views] == ["clean", "adversarial"]
    assert all((tmp_path / view.cam).is_file() for view in views)
    assert loaded.examples[0].label_name == "class 0"


@pytest.mark.parametrize(
    "defence", ["crops:4,fraction=0.8", "webp:20-90+flip:random", ("mine", keras.layers.Rescaling(0.9)), WebPLayer(60)]
)
def test_what_the_classifier_sees_is_the_draw_that_was_judged(tmp_path, defence):
    model = tiny(features=True)
    results = evaluate(model, data(), ["bim:4"], ["none", defence], "oblivious", tmp_path, seed=5)
    made = make_gallery(model, data(), results, tmp_path, defences=["none", defence])
    assert made.no_cam is None
    for view in (view for example in made.examples for view in example.views):
        assert (tmp_path / view.cam).is_file()
        if view.what == "defended" and defence == "webp:20-90+flip:random":  # whole pixels: the picture says it all
            logits = np.asarray(keras.ops.softmax(model(read_rgb(tmp_path / view.image)[None].astype(np.float32))))[0]
            assert view.confidence == pytest.approx(logits.max(), rel=1e-4)
            assert view.predicted == logits.argmax()
    if isinstance(defence, tuple):
        with pytest.raises(ValueError, match="`defences` must hold the layers of 'mine'"):
            make_gallery(model, data(), results, tmp_path)


def test_without_adversarial_images_there_is_no_gallery(tmp_path):
    model = tiny(features=False)
    results = evaluate(model, data(), [], ["none"], "oblivious", tmp_path)
    assert make_gallery(model, data(), results, tmp_path) is None
    assert not (tmp_path / "gallery").exists()


def test_lay_on():
    pixels = np.full((2, 2, 3), 100, np.uint8)
    shown = lay_on(pixels, np.array([[0, 1], [0, 0]], np.float32))
    assert (shown[0, 0] == 100).all()
    assert (shown[0, 1] != 100).any()
