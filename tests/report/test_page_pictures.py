"""What stands below the pictures of the gallery says what they show."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef.files.images import write_png
from tf_lowdef.report.page_pictures import show
from tf_lowdef.results.gallery import Example, Gallery, View

EMPTY = "Grad-CAM finds nothing here although the class is predicted"


def captions(folder, *views):
    """What stands below maps, each said by what it is of, its likeness and its rightness; and the story above them."""
    write_png(folder / "a.png", np.full((8, 8, 3), 90, np.uint8))
    shown = [View(what, "bim:4", "none", "a.png", 0, "b", 0.9, right, "a.png", alike) for what, alike, right in views]
    (example,) = show(Gallery([Example("0", 0, "b", "untouched", shown)], "", None), folder)
    assert example.missing == []
    return [each.text for each in example.maps], example.story


@pytest.mark.parametrize(("right", "said"), [(True, EMPTY), (False, "Nothing in the image speaks for it any more.")])
def test_an_empty_map_of_a_class_that_is_predicted_does_not_deny_it(tmp_path, right, said):
    (clean, other), _ = captions(tmp_path, ("clean", 1.0, True), ("defended", 0.0, right))
    assert clean == "Where the bare classifier looks without any attack."
    assert other.startswith(said)


def test_an_empty_map_of_the_clean_image_is_compared_with_nothing(tmp_path):
    (clean, other), _ = captions(tmp_path, ("clean", 0.0, True), ("defended", 0.0, True))
    assert clean.startswith(EMPTY)
    assert other == "On the clean image Grad-CAM finds nothing to compare this with."


def test_a_story_says_which_attack_it_is_of(tmp_path):
    _, story = captions(tmp_path, ("clean", 1.0, True), ("adaptive", 0.9, False))
    assert story == "The attack on the bare classifier harms neither it nor the one behind the defence here."
