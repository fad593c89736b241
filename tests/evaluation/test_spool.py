import numpy as np
import pytest

from tf_lowdef.evaluation.spool import Spool


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
    found = list(spool.batches(2, np.array([1, 5, 6])))
    assert [places.tolist() for places, _, _ in found] == [[1, 5], [6]]
    assert [labels.tolist() for _, _, labels in found] == [[1, 5], [6]]
    np.testing.assert_array_equal(np.concatenate([pixels for _, pixels, _ in found]), images[[1, 5, 6]])
    assert sum(len(places) for places, _, _ in spool.batches(3)) == 7


def test_nothing_has_a_name_on_the_disk(spool, tmp_path):
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_size_are_refused(spool):
    with pytest.raises(ValueError, match="Received: 4 x 5 and 5 x 4"):
        spool[0].add(np.zeros((1, 5, 4, 3), np.uint8), np.zeros(1, np.int64), ["x"])
