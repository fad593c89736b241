"""Scores that tell no more than the class, told from those of a model that is sure of a few images."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef import load_demo
from tf_lowdef.evaluation.models.probe import probe, tells_only_the_class


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 0, 1, 1]])
def test_one_hot_scores_tell_only_the_class(classes):
    scores = 1000 * np.eye(5, dtype=np.float32)[classes]
    assert tells_only_the_class(scores, scores)


@pytest.mark.parametrize("classes", [[0, 1, 2, 3], [0, 0, 1, 1]])
def test_sure_scores_tell_more(classes):
    rng = np.random.default_rng(0)
    scores = 10 * np.eye(5, dtype=np.float32)[classes] + rng.normal(0, 1, (4, 5)).astype(np.float32)
    assert not tells_only_the_class(scores, scores + np.float32(1e-3) * rng.normal(0, 1, (4, 5)).astype(np.float32))


def test_four_images_of_four_classes_do_not_mark_an_honest_model():
    model, images, labels = load_demo()
    places = [int(np.flatnonzero(labels == each)[0]) for each in range(4)]
    assert not probe(model, images[places], labels[places]).one_hot
