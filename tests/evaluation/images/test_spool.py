import numpy as np
import pytest

from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.jobs import Unit


@pytest.fixture
def spool(tmp_path):
    images = np.random.default_rng(0).integers(0, 256, (7, 4, 5, 3), np.uint8)
    spool = Spool(tmp_path)
    spool.add(images[:3], np.arange(3), ["a", "b", "c"])
    spool.add(images[3:], np.arange(3, 7), ["d", "e", "f", "g"])
    return spool, images


def test_images_come_back_in_any_order(spool):
    spool, images = spool
    np.testing.assert_array_equal(spool.read(np.array([6, 0, 3])), images[[6, 0, 3]])
    assert (len(spool), spool.resolution, spool.names) == (7, (4, 5), list("abcdefg"))
    pixels, labels, names = spool.batch(Unit("stage/batch", {"places": [1, 6, 5]}))
    np.testing.assert_array_equal(pixels, images[[1, 6, 5]])
    assert labels.tolist() == [1, 6, 5]
    assert labels.dtype == np.int64
    assert names == ["b", "g", "f"]
    np.testing.assert_array_equal(spool.first().pixels, images[:1])


def test_nothing_has_a_name_on_the_disk(spool, tmp_path):
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_refused(spool):
    with pytest.raises(ValueError, match="Received: 4 x 5 and 5 x 4"):
        spool[0].add(np.zeros((1, 5, 4, 3), np.uint8), np.zeros(1, np.int64), ["x"])
