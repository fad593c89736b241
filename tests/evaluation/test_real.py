"""The experiment of the README on real images and weights, smaller: its shape must hold."""

import pytest

from tf_lowdef import evaluate, load_application
from tf_lowdef.report import conclusion

pytestmark = pytest.mark.realdata


@pytest.fixture(scope="module")
def results(imagenet):
    model = load_application("MobileNetV2", imagenet / "MobileNetV2.weights.h5")
    defences = ["none", "flip", "webp:60", "webp:60+flip"]
    return evaluate(model, imagenet / "images.csv", ["bim:4"], defences, limit=50, only_correct=True)


@pytest.mark.slow
def test_clean_images(results):
    assert results.rows[0].n == 50
    assert results.run["data"]["left_out_misclassified"] <= 12  # of as many as it took to find fifty
    assert results.row("none", "none").top1 == 1
    assert results.row("none", "webp:60+flip").top1 > 0.75
    assert results.warnings == []


@pytest.mark.slow
def test_bim_4_breaks_the_bare_model_and_the_defence_holds_a_part(results):
    assert results.row("bim:4", "none").top1 <= 0.05
    assert results.row("bim:4", "webp:60+flip").top1 >= 0.40


@pytest.mark.slow
def test_each_half_alone_is_worth_less(results):
    both = results.row("bim:4", "webp:60+flip").top1
    assert both > results.row("bim:4", "flip").top1
    assert both > results.row("bim:4", "webp:60").top1


@pytest.fixture(scope="module")
def adaptive(imagenet):
    model = load_application("MobileNetV2", imagenet / "MobileNetV2.weights.h5")
    return evaluate(
        model,
        imagenet / "images.csv",
        ["bim:4"],
        ["webp:60+flip"],
        ["oblivious", "adaptive"],
        budget="quick",
        only_correct=True,
    )


@pytest.mark.long
def test_the_defence_does_not_hold_against_who_knows_of_it(adaptive):
    assert adaptive.row("bim:4", "webp:60+flip").top1 >= 0.40
    worst = adaptive.row("worst:4", "webp:60+flip", "adaptive")
    assert worst.top1 <= 0.05
    assert worst.unreliable is None


@pytest.mark.long
def test_the_first_sentence_says_so(adaptive):
    sentence = conclusion(adaptive)
    assert "`webp:60+flip` at epsilon 4 holds in part against an attacker who does not know of it" in sentence
    assert "does not hold against one who does" in sentence
