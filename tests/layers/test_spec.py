import pytest

from tf_lowdef.layers import FlipLayer, JPEGLayer, WebPLayer, defence_spec, parse_defence

SPECS = ["none", "flip", "flip:both", "webp:60", "webp:60+flip", "flip+webp:40", "webp:75.5,method=2", "jpeg:60+flip"]


@pytest.mark.parametrize("text", SPECS)
def test_text_and_layers_go_both_ways(text):
    assert defence_spec(parse_defence(text)) == text


def test_layers_stand_in_the_order_of_the_text():
    webp, flip, jpeg = parse_defence(" webp:40,method=0,lossless=true + flip:vertical + jpeg ")
    assert (type(webp), type(flip), type(jpeg)) == (WebPLayer, FlipLayer, JPEGLayer)
    assert (webp.quality, webp.method, webp.lossless, flip.mode, jpeg.quality) == (40, 0, True, "vertical", 60)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wepb:60", "Unknown defence 'wepb'. Did you mean 'webp'"),
        ("", "Unknown defence ''"),
        ("webp:high", "'quality' of 'webp' must be int or float, not 'high'"),
        ("webp:101", "'webp:101': `quality` must be a number from 0 to 100"),
        ("webp:60,effort=3", "has no 'effort'. There are: quality, method, lossless"),
        ("webp:60,method", "key=value with quality, method, lossless; not 'method'"),
        ("webp:60,lossless=yes", "'lossless' of 'webp' must be bool, not 'yes'"),
        ("flip:left", "'flip:left': `mode` must be one of"),
        ("none+flip", "stands alone"),
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
