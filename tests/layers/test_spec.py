import pytest

import tf_lowdef.layers
from tf_lowdef.layers import (
    BitDepthLayer,
    FlipLayer,
    FloatLayer,
    GaussianLayer,
    ImageLayer,
    JPEGLayer,
    MedianLayer,
    NoiseLayer,
    NonLocalMeansLayer,
    PixelDeflectionLayer,
    PixelLayer,
    RandomCropLayer,
    RandomFlipLayer,
    RandomisedLayer,
    RandomWebPLayer,
    ResizePadLayer,
    ShiftLayer,
    TotalVariationLayer,
    WebPLayer,
    defence_spec,
    parse_defence,
)

BASES = {FloatLayer, PixelLayer, RandomisedLayer}

SPECS = [
    "none", "flip", "flip:both", "flip:random", "flip:random,seed=3", "webp:60", "webp:60+flip", "flip+webp:40",
    "webp:75.5,method=2", "webp:40-80", "webp:40-80,method=2+flip:random", "jpeg:60+flip", "bits:3", "median:2",
    "median:3,gradient=straight_through", "gaussian:1.5", "nlm:4", "nlm:8,patch=5,search=21", "tv:3.8",
    "tv:10,drop=0,iterations=50,gradient=exact", "resizepad:0.9+flip", "deflection:200", "deflection:100,sigma=0",
    "crops:30", "crops:10,fraction=0.75,seed=1", "shift:3", "shift:-2,rows=1", "noise:4", "noise:2.5+noise:1,seed=1",
]  # fmt: skip
DEFAULTS = {
    "jpeg": JPEGLayer, "bits": BitDepthLayer, "median": MedianLayer, "gaussian": GaussianLayer,
    "nlm": NonLocalMeansLayer, "tv": TotalVariationLayer, "resizepad": ResizePadLayer,
    "deflection": PixelDeflectionLayer,
    "crops": RandomCropLayer, "shift": ShiftLayer, "noise": NoiseLayer, "webp": WebPLayer, "flip": FlipLayer,
    "flip:random": RandomFlipLayer, "webp:40-80": RandomWebPLayer,
}  # fmt: skip


@pytest.mark.parametrize("text", SPECS)
def test_text_and_layers_go_both_ways(text):
    assert defence_spec(parse_defence(text)) == text


@pytest.mark.parametrize(("text", "layer"), DEFAULTS.items())
def test_what_is_left_out_is_the_layers_default(text, layer):
    (made,) = parse_defence(text)
    assert type(made) is layer
    config, default = made.get_config(), layer().get_config()
    assert {**config, "name": ""} == {**default, "name": ""}


def test_every_image_layer_is_written_somehow():
    layers = [each for each in vars(tf_lowdef.layers).values() if isinstance(each, type)]
    concrete = {each for each in layers if issubclass(each, ImageLayer)} - {ImageLayer, *BASES}
    assert set(DEFAULTS.values()) == concrete


def test_layers_stand_in_the_order_of_the_text():
    webp, flip, jpeg = parse_defence(" webp:40,method=0,lossless=true + flip:vertical + jpeg ")
    assert (type(webp), type(flip), type(jpeg)) == (WebPLayer, FlipLayer, JPEGLayer)
    assert (webp.quality, webp.method, webp.lossless, flip.mode, jpeg.quality) == (40, 0, True, "vertical", 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wepb:60", "Unknown defence 'wepb'. Did you mean 'webp'"),
        ("", "Unknown defence ''"),
        ("webp:high", "'quality' of 'webp' must be int or float or range, not 'high'"),
        ("webp:101", "'webp:101': `quality` must be a number from 0 to 100"),
        ("webp:60,effort=3", "has no 'effort'. There are: quality, method, lossless"),
        ("webp:60,method", "key=value with quality, method, lossless, gradient, seed; not 'method'"),
        ("webp:60,lossless=yes", "'lossless' of 'webp' must be bool, not 'yes'"),
        ("flip:left", "'flip:left': `mode` must be one of"),
        ("none+flip", "stands alone"),
        ("webp:80-40", "'webp:80-40': `quality` must be two whole numbers from 0 to 100, the lower one first"),
        (
            "webp:40-80,lossless=true",
            "mixes what does not go together: webp is written as webp.:QUALITY. with method, lossless",
        ),
        ("flip:both,seed=3", "mixes what does not go together"),
        ("jpeg:40-80", "'quality' of 'jpeg' must be int, not '40-80'"),
        ("noise:4+flip+noise:4", "Two layers would draw the same; give each its own seed=N"),
        ("median:3,gradient=zero", "`gradient` must be one of"),
    ],
)
def test_bad_text_is_one_clear_line(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse_defence(text)
    assert "\n" not in str(caught.value)


def test_unknown_layer_has_no_text():
    with pytest.raises(ValueError, match="No defence is written for this layer"):
        defence_spec([object()])


def test_the_codec_changes_no_pixel_and_is_not_written():
    assert defence_spec([WebPLayer(60, codec="graph")]) == "webp:60"
