"""How alike Grad-CAM maps are, over a set."""

import keras
import numpy as np
import pytest

from tf_lowdef import load_demo
from tf_lowdef.studies.cam import grad_cam
from tf_lowdef.studies.cam_study import cam_study, correlations, overlaps


def test_equal_maps_are_alike_and_empty_ones_are_not():
    maps = np.random.default_rng(0).random((3, 10, 10)).astype(np.float32)
    np.testing.assert_allclose(correlations(maps, maps), 1)
    np.testing.assert_allclose(overlaps(maps, maps), 1)
    np.testing.assert_allclose(correlations(maps, 1 - maps), -1)
    assert not overlaps(maps, 1 - maps).any()
    empty = np.zeros_like(maps)
    assert not correlations(maps, empty).any()
    assert not overlaps(maps, empty).any()


def test_rows_of_the_embedded_classifier():
    model, images, labels = load_demo()
    some = slice(0, None, 20)
    study = cam_study(model, images[some], labels[some], "fgsm:4", ("none", "flip"))
    assert [(row.images, row.defence) for row in study.rows] == [
        ("fgsm:4", "none"),
        ("clean", "flip"),
        ("fgsm:4", "flip"),
    ]
    for row in study.rows:
        assert row.n == 10
        assert row.ci95[0] <= row.correlation <= row.ci95[1]
        assert 0 <= row.iou <= 1
    np.testing.assert_array_equal(study.maps["clean", "none"], grad_cam(model, images[some], labels[some]))
    again = cam_study(model, images[some], labels[some], "fgsm:4", ("none", "flip"))
    assert again.rows == study.rows


@pytest.mark.slow
def test_defences_that_draw_and_make_copies():
    model, images, labels = load_demo()
    some = slice(0, None, 50)
    defences = ("flip:random", "crops:3,fraction=0.8", ("dark", [keras.layers.Rescaling(0.8)]))

    def study(seed):
        return cam_study(model, images[some], labels[some], "fgsm:1", defences, seed)

    first = study(3)
    assert [row.defence for row in first.rows[::2]] == ["flip:random", "crops:3,fraction=0.8", "dark"]
    assert all(found.shape == (4, 96, 96) for found in first.maps.values())
    assert all(row.correlation > 0.3 for row in first.rows if row.images == "clean")
    assert study(3).rows == first.rows
    assert study(4).rows != first.rows


def test_no_images():
    model, images, labels = load_demo()
    with pytest.raises(ValueError, match="at least one image"):
        cam_study(model, images[:0], labels[:0])
