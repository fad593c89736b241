"""What is trained on and what is held back: read once, told apart by pixels, damaged ones left out."""

from __future__ import annotations

import numpy as np
import pytest

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.files import ImageReadError
from tf_lowdef.training.material import Opened

COUNT = 40
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 6, 6, 3)).astype(np.uint8)


def data(pixels=PIXELS, broken=(), labels=None):
    def read(index):
        if index in broken:
            raise ImageReadError(f"{index}.png", "broken")
        return pixels[index]

    labels = np.arange(len(pixels)) if labels is None else labels
    return ImageData("photos", [str(each) for each in range(len(pixels))], labels, read, lambda some: "")


def read(images, validation=0.25, seed=0):
    return Opened(images, validation).read(seed, lambda *_: None)


def test_every_image_is_trained_on_or_held_back():
    found, told = Opened(data(), 0.25), []
    material = found.read(0, lambda *each: told.append(each))
    pixels, labels = material.held_back
    assert sorted([*material.used, *labels.tolist()]) == list(range(COUNT))
    np.testing.assert_array_equal(pixels, PIXELS[labels])
    assert material.facts["trained_on"], material.facts["validated_on"] == (30, 10)
    assert told[-1] == ("Reading", COUNT, COUNT)


def test_damaged_images_are_in_no_batch_and_named():
    material = read(data(broken=(0, 7, 31)))
    assert not {0, 7, 31} & {*material.used, *material.held_back[1].tolist()}
    assert len(material.used) + len(material.held_back[1]) == COUNT - 3
    assert material.failed == {each: f"{each}.png: broken" for each in ("0", "7", "31")}


def test_what_was_read_tells_trainings_apart():
    other = PIXELS.copy()
    other[3, 0, 0, 0] ^= 1
    assert read(data()).sha256 == read(data()).sha256
    assert read(data()).sha256 != read(data(other)).sha256
    assert read(data()).sha256 != read(data(labels=np.arange(COUNT)[::-1])).sha256
    back, changed = PIXELS ^ 1, other ^ 1
    one, two = read(data(), data(back)), read(data(), data(changed))
    assert one.sha256[0] == two.sha256[0]
    assert one.sha256[1] != two.sha256[1]


def test_copies_of_an_image_stay_on_one_side():
    places = np.arange(COUNT) % 13  # three or four of each
    material = read(data(PIXELS[places]), 0.3)
    back = set(places[material.held_back[1]])
    assert len(back) == 4
    assert {*places[material.used]} == set(range(13)) - back
    assert len(material.used) + len(material.held_back[1]) == COUNT


@pytest.mark.parametrize(
    ("images", "validation", "message"),
    [
        (
            data(),
            data(PIXELS[::4]),
            "`validation` must hold other images than those trained on: 10 of it are in `data`",
        ),
        (data(), data(), "other images than those trained on: 40 of it are in `data`"),
        (data(PIXELS[[5] * 4]), 0.25, "photos: a training needs two different images or more. Received: copies of one"),
        (data(broken=range(1, COUNT)), 0.25, r"photos: fewer than two images could be read: 1\.png: broken"),
        (data(), data(broken=range(COUNT)), r"photos: no image could be read: 0\.png: broken"),
        (data([*PIXELS[:-1], PIXELS[0, :5]]), 0.25, "all images must have one size. Received: 5 x 6 and 6 x 6"),
    ],
)
def test_what_cannot_be_trained_on_is_an_error(images, validation, message):
    with pytest.raises(ValueError, match=message):
        read(images, validation)
