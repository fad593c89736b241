"""Batches whose order and changes follow from the numbers of epoch and image alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.files import ImageReadError
from tf_lowdef.training.feeding import Feed, split

SIDE = 6


def images_of(count=10, broken=()):
    pixels = np.random.default_rng(0).integers(0, 256, (count, SIDE, SIDE, 3)).astype(np.uint8)
    pixels[:, 0, 0, 0] = np.arange(count)

    def read(index):
        if index in broken:
            raise ImageReadError(f"{index}.png", "broken")
        return pixels[index]

    return pixels, ImageData("arrays", [str(each) for each in range(count)], np.arange(count), read, lambda some: "")


def told(feed, epoch, epochs):
    return [(images.numpy(), labels.numpy()) for images, labels in feed.batches(epoch, epochs)]


def test_every_image_once_an_epoch_in_another_order():
    pixels, data = images_of()
    feed = Feed(data, range(10), 4, seed=1)
    batches = told(feed, 0, 2)
    assert [len(labels) for _, labels in batches] == [4, 4, 2, 4, 4, 2]
    assert feed.steps == 3
    first, second = (np.concatenate([labels for _, labels in part]) for part in (batches[:3], batches[3:]))
    assert sorted(first) == sorted(second) == list(range(10))
    assert (first != second).any()
    for images, labels in batches:
        np.testing.assert_array_equal(images, pixels[labels])


def test_a_later_start_sees_the_same():
    _, data = images_of()
    feed = Feed(data, range(10), 4, seed=1, shift=2, mirror=True)
    for (images, labels), (again, others) in zip(told(feed, 0, 3)[6:], told(feed, 2, 3), strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, others)


def test_images_are_moved_and_mirrored():
    pixels, data = images_of(40)
    (images, labels), *_ = told(Feed(data, range(40), 40, seed=1, mirror=True), 0, 1)
    turned = np.array([(image == pixels[label][:, ::-1]).all() for image, label in zip(images, labels, strict=True)])
    plain = np.array([(image == pixels[label]).all() for image, label in zip(images, labels, strict=True)])
    assert (turned ^ plain).all()
    assert 8 < turned.sum() < 32
    (images, labels), *_ = told(Feed(data, range(40), 40, seed=1, shift=1), 0, 1)
    places = set()
    for image, label in zip(images, labels, strict=True):
        wide = np.pad(pixels[label], [(1, 1), (1, 1), (0, 0)], mode="symmetric")
        found = [(y, x) for y in range(3) for x in range(3) if (wide[y : y + SIDE, x : x + SIDE] == image).all()]
        assert found
        places.add(found[0])
    assert len(places) >= 7


def test_what_cannot_be_read_is_left_out_and_named():
    _, data = images_of(broken=(3, 7))
    feed = Feed(data, range(10), 5, seed=1)
    labels = np.concatenate([labels for _, labels in told(feed, 0, 1)])
    assert sorted(labels) == [0, 1, 2, 4, 5, 6, 8, 9]
    assert feed.failed == {"3": "3.png: broken", "7": "7.png: broken"}


def test_a_batch_without_any_image_is_an_error():
    _, data = images_of(broken=(1, 2))
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"No image of a batch could be read: [12]\.png: broken"):
        told(Feed(data, range(3), 1, seed=1), 0, 1)


def test_a_split_is_a_partition_by_the_seed():
    train, held = split(20, 0.1, 0, 500)
    assert sorted(train + held) == list(range(20))
    assert len(held) == 2
    assert split(20, 0.1, 0, 500) == (train, held)
    assert split(20, 0.1, 1, 500) != (train, held)
    assert [len(each) for each in split(2, 0.9, 0, 500)] == [1, 1]
    assert [len(each) for each in split(2, 0.001, 0, 500)] == [1, 1]


def test_what_is_too_much_to_hold_back_is_trained_on():
    train, held = split(1000, 0.5, 0, 50)
    assert sorted(train + held) == list(range(1000))
    assert len(held) == 50
    assert 300 < np.mean(held) < 700  # of data that are sorted by class, not the first classes alone
