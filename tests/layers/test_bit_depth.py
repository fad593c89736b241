import numpy as np
import pytest
from art.defences.preprocessor import FeatureSqueezing

from tf_lowdef.layers import BitDepthLayer

EVERY = np.repeat(np.arange(256, dtype=np.uint8), 3).reshape(1, 16, 16, 3)


@pytest.mark.parametrize("bits", range(1, 9))
def test_equals_art_after_rounding_to_pixels(bits):
    squeezed, _ = FeatureSqueezing(clip_values=(0, 255), bit_depth=bits)(EVERY.astype(np.float32))
    out = BitDepthLayer(bits)(EVERY).numpy()
    np.testing.assert_array_equal(out, np.round(squeezed))
    assert len(np.unique(out)) == 2**bits


def test_value_range():
    out = BitDepthLayer(1, value_range=(-1, 1))(np.array([-1, -0.1, 0.1], np.float32).reshape(1, 1, 1, 3))
    np.testing.assert_array_equal(out, [[[[-1, -1, 1]]]])


@pytest.mark.parametrize("bits", [0, 9, 2.5, True, "3"])
def test_bad_bits_are_named(bits):
    with pytest.raises(ValueError, match=f"Received: bits={bits!r}"):
        BitDepthLayer(bits)
