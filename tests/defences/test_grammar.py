"""A layer of somebody else's is written in texts, with no edit in this package."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import evaluate
from tf_lowdef.layers import (
    FlipLayer,
    ImageLayer,
    PixelLayer,
    defence_spec,
    forms,
    grammar,
    grammar_lines,
    parse_defence,
)


@pytest.fixture(autouse=True)
def own_rows(monkeypatch):
    """Names that a test adds are gone after it."""
    monkeypatch.setattr(forms, "_ROWS", list(forms._ROWS))


def darken():
    @keras.saving.register_keras_serializable(package="tests")
    @grammar("darken", hidden=("threads",))
    class DarkenLayer(ImageLayer):
        """No type hints: what may be written is read from the defaults."""

        def __init__(self, share=0.5, mode="all", lighter=False, limits=(0, 1), threads=1, **kwargs):
            super().__init__(**kwargs)
            self.share, self.mode, self.lighter, self.limits, self.threads = share, mode, lighter, limits, threads

        def call(self, inputs):
            return tf.cast(self.to_images(inputs), tf.float32) * (1 + self.share if self.lighter else 1 - self.share)

        def get_config(self):
            own = ("share", "mode", "lighter", "limits", "threads")
            return {**super().get_config(), **{name: getattr(self, name) for name in own}}

    return DarkenLayer


def test_a_text_of_a_new_layer_is_evaluated(model, dataset):
    layer = darken()
    results = evaluate(model, dataset, [], ["none", "darken:1", "darken:0.25+flip", layer(0.75, mode="Left")])
    names = [row.defence for row in results.rows]
    assert names[:3] == ["none", "darken:1", "darken:0.25+flip"]
    assert names[3].startswith("darken(")  # a capital is not read back
    images, labels = dataset
    black = model(np.zeros((1, 24, 24, 3), np.float32)).numpy().argmax()
    assert results.row("none", "darken:1").correct == (labels == black).sum()
    flipped = model((images[:, :, ::-1] * 0.75).astype(np.float32)).numpy().argmax(1)
    assert results.row("none", "darken:0.25+flip").correct == (flipped == labels).sum()


@pytest.mark.parametrize(
    "text", ["darken:0.5", "darken:0.25,lighter=true", "darken:0,mode=left", "flip+darken:0.5", "darken:1e-05"]
)
def test_both_ways(text):
    layer = darken()
    layers = parse_defence(text)
    assert any(type(each) is layer for each in layers)
    assert defence_spec(layers) == text


def test_it_stands_in_lists_and_errors():
    darken()
    assert "darken[:SHARE] with mode, lighter" in grammar_lines()
    assert {"flip:random with seed", "webp:LOW-HIGH with method, gradient, seed", "bits[:BITS] with gradient"} <= {
        *grammar_lines()
    }
    for text, message in (
        ("darkn:1", "Did you mean 'darken'"),
        ("darken:1,limits=3", "has no 'limits'. There are: share, mode, lighter"),
        ("darken:dim", "'share' of 'darken' must be int or float, not 'dim'"),
    ):
        with pytest.raises(ValueError, match=message):
            parse_defence(text)


def test_what_is_not_written_is_no_text():
    layer = darken()
    assert defence_spec([layer(threads=8, name="dim")]) == "darken:0.5"
    for changes in ({"limits": (0, 2)}, {"mode": "Left"}, {"mode": "a,b"}):
        with pytest.raises(ValueError, match="No defence is written with"):
            defence_spec([layer(**changes)])

    class Darker(layer):
        pass

    with pytest.raises(ValueError, match="No defence is written for this layer"):
        defence_spec([Darker()])


def test_hints_count_before_defaults_and_arguments_may_be_missing_or_inherited():
    @grammar("levels", first="count")
    class LevelsLayer(PixelLayer):
        def __init__(self, count: "int", seed: "int | None" = None, start: "tf.Undefined" = 0, **kwargs):
            super().__init__(**kwargs)
            self.count, self.seed, self.start = count, seed, start

        def get_config(self):
            return {**super().get_config(), "count": self.count, "seed": self.seed, "start": self.start}

    for text in ("levels:3", "levels:3,gradient=none"):
        assert defence_spec(parse_defence(text)) == text
    with pytest.raises(ValueError, match="missing 1 required positional argument: 'count'"):
        parse_defence("levels")


def test_a_text_means_one_layer():
    class Other(ImageLayer):
        def __init__(self, size: int = 3, **kwargs):
            super().__init__(**kwargs)

    for name, message in (
        ("median", "'median' means MedianLayer already. Received: Other"),
        ("flip:random", "'flip:random' means RandomFlipLayer already"),
        ("none", "must be a word in lower case"),
        ("My Layer", "must be a word in lower case"),
        ("a:b:c", "must be a word in lower case"),
    ):
        with pytest.raises(ValueError, match=message):
            grammar(name)(Other)
    grammar("flip:upside")(Other)
    assert [type(each) for each in parse_defence("flip:upside+flip:both")] == [Other, FlipLayer]
    assert defence_spec(parse_defence("flip:upside,size=3")) == "flip:upside"
    again = darken(), darken()  # as in a notebook
    assert type(parse_defence("darken")[0]) is again[1]
