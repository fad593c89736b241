"""Drawn images: the shipped ones are among them, and a seed decides everything."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef.models.demo import CLASSES, PER_CLASS, load_demo_images
from tf_lowdef.models.drawings import SHAPES, draw, draw_set


def test_the_shipped_images_are_drawn_again_to_the_bit():
    images, _ = load_demo_images()
    for label, place in ((0, 0), (4, 19), (9, 7)):
        np.testing.assert_array_equal(draw(label, (3, 100 * label + place)), images[PER_CLASS * label + place])


def test_the_classes_are_those_of_the_embedded_classifier():
    assert tuple(SHAPES) == CLASSES


def test_a_set_is_decided_by_its_seed():
    images, labels = draw_set(1, seed=7)
    assert (images.shape, images.dtype) == ((10, 96, 96, 3), np.uint8)
    np.testing.assert_array_equal(labels, np.arange(10))
    np.testing.assert_array_equal(images[3], draw(3, (7, 3)))
    assert (images != draw_set(1, seed=8)[0]).any(axis=(1, 2, 3)).all()


@pytest.mark.slow
def test_more_processes_draw_the_same():
    np.testing.assert_array_equal(draw_set(1, seed=7, processes=2)[0], draw_set(1, seed=7)[0])


@pytest.mark.parametrize("arguments", [(0, 1), (1, -1), (1, 1, 0)])
def test_wrong_numbers_are_refused(arguments):
    with pytest.raises(ValueError, match="must be"):
        draw_set(*arguments)
