"""What an attack returns shows itself in a line, and can be written to a folder."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from tf_lowdef.attacks.result import AttackResult
from tf_lowdef.files import read_rgb


@pytest.fixture
def result():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (3, 6, 5, 3), np.uint8)
    flags, numbers, floats = np.array([True, False, True]), np.array([1, 2, 3]), np.array([0.5, 1.5, 2.5], np.float32)
    return AttackResult(images, flags, numbers, numbers, floats, floats, numbers, numbers, ~flags, loss_end=floats)


def test_repr_is_one_short_line(result):
    assert repr(result) == (
        "AttackResult(3 images of 6 x 5 x 3, 2 successes, median L2 1.5, Linf at most 2.5 grey levels)"
    )


def test_saved_images_are_the_same_and_the_table_has_what_is_known(result, tmp_path):
    result.save(tmp_path / "new", ["a", "b", "c"])
    for name, image in zip("abc", result.images, strict=True):
        np.testing.assert_array_equal(read_rgb(tmp_path / "new" / f"{name}.png"), image)
    with (tmp_path / "new" / "attack.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["image"] for line in lines] == ["a", "b", "c"]
    assert [line["success"] for line in lines] == ["True", "False", "True"]
    assert [float(line["loss_end"]) for line in lines] == [0.5, 1.5, 2.5]
    assert "float_l2" not in lines[0]


def test_nothing_of_the_users_is_overwritten(result, tmp_path):
    (tmp_path / "0001.png").write_text("mine")
    with pytest.raises(FileExistsError, match=r"0001\.png"):
        result.save(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["0001.png"]
    assert (tmp_path / "0001.png").read_text() == "mine"


@pytest.mark.parametrize("names", [["a", "b"], ["a", "a", "b"], ["../a", "b", "c"], ["a/b", "c", "d"]])
def test_names_that_are_none(result, tmp_path, names):
    with pytest.raises(ValueError, match="`names` must be"):
        result.save(tmp_path, names)
    assert not list(tmp_path.iterdir())
