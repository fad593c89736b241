"""The picture that tells the story, and the other figures of the notebooks."""

import io

import numpy as np
import pytest
from PIL import Image

from tf_lowdef import load_demo
from tf_lowdef.models import demo_class_names
from tf_lowdef.report import draw_over
from tf_lowdef.results import Results, Row
from tf_lowdef.studies import Frame, draw_images, draw_maps, draw_story, tell_story


def drawn(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB")).astype(int)


@pytest.mark.slow
def test_the_four_frames_are_of_one_image_to_which_all_of_it_happens():
    model, images, labels = load_demo()
    mugs = slice(120, 126)
    frames = tell_story(model, images[mugs], labels[mugs], demo_class_names(), adaptive="bim:8,steps=10")
    assert [frame.right for frame in frames] == [True, False, True, False]
    clean, attacked, defended, _ = (frame.image.astype(int) for frame in frames)
    assert any((clean == image).all() for image in images[mugs])
    assert 0 < abs(clean - attacked).max() <= 4
    assert abs(defended[:, ::-1] - attacked).mean() < 8  # mirrored, and near it
    assert frames[0].says.startswith("mug, ")
    with pytest.raises(ValueError, match="at least one image"):
        tell_story(model, images[:0], labels[:0], demo_class_names())


@pytest.mark.slow
@pytest.mark.parametrize("defence", ["webp:20-90+flip:random", "crops:4"])
def test_a_defence_that_draws_is_shown_as_it_was_judged(defence):
    model, images, labels = load_demo()
    some, names = slice(120, 123), demo_class_names()

    def tell():
        return tell_story(model, images[some], labels[some], names, defence=defence, adaptive="bim:4,steps=2", seed=3)

    frames = tell()
    for one, again in zip(frames, tell(), strict=True):
        np.testing.assert_array_equal(one.image, again.image)
        assert one[2:] == again[2:]
    assert all(frame.image.shape == images.shape[1:] for frame in frames)
    if "crops" not in defence:  # WebP gives whole pixels, so that the picture says it all
        for frame in frames:
            assert frame.says.startswith(names[int(model(frame.image[None].astype(np.float32)).numpy().argmax())])


def test_figures_show_what_they_are_given():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
    frames = [Frame("clean", images[0], "mug, 99 %", True), Frame("attacked", images[1], "can, 98 %", False)]
    others = [Frame("clean", images[0], "mug, 99 %", False), frames[1]]
    assert (drawn(draw_story(frames)) != drawn(draw_story(others))).any()
    three = drawn(draw_images(images[[0, 1, 0]], ["a", "b", "c"], columns=2))
    assert three.shape[0] > drawn(draw_images(images, ["a", "b"], columns=2)).shape[0]
    maps = rng.random((2, 16, 16)).astype(np.float32)
    assert (drawn(draw_maps(images, maps, ["a", "b"])) != drawn(draw_maps(images, 1 - maps, ["a", "b"]))).any()


def test_lines_over_a_setting():
    rows = [
        Row("adaptive", f"bim:4,steps={steps}", defence, 10, top1 * 10, top1, (top1, 1), attacked=9,
            unreliable="too few steps" if (steps, defence) == (1, "webp:60") else None,
            setting={"steps": steps, "epsilon": 4.0})
        for steps, top1 in ((1, 0.8), (10, 0.3))
        for defence in ("flip", "webp:60")
    ]  # fmt: skip
    rows.append(Row("adaptive", "worst:4", "flip", 10, 0, 0.0, (0, 0.1), setting={"epsilon": 4.0}))
    figure = draw_over(Results({}, rows), "steps")
    (axes,) = figure.axes
    lines = [container.lines[0] for container in axes.containers]
    assert [list(line.get_xdata()) for line in lines] == [[1, 10], [1, 10]]
    assert [list(line.get_ydata()) for line in lines] == [[80, 30], [80, 30]]
    assert [(text.get_text(), *text.xy) for text in axes.texts] == [("?", 1, 80)]
    assert axes.get_xlabel() == "steps"
