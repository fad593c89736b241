import numpy as np
import pytest
from scipy import ndimage

from tf_lowdef.layers import GaussianLayer


@pytest.mark.parametrize("sigma", [0.1, 0.5, 1, 2.3, 9])
def test_equals_scipy(sigma, images):
    expected = ndimage.gaussian_filter(images.astype(np.float64), sigma=(0, sigma, sigma, 0))
    np.testing.assert_allclose(GaussianLayer(sigma)(images), expected, atol=1e-3)


def test_value_range_changes_nothing(images):
    scaled = images.astype(np.float32) / 127.5 - 1
    out = GaussianLayer(1.5, value_range=(-1, 1))(scaled).numpy()
    np.testing.assert_allclose((out + 1) * 127.5, GaussianLayer(1.5)(images), atol=1e-3)


@pytest.mark.parametrize("sigma", [0, -1, 33, float("nan"), "1", True])
def test_bad_sigma_is_named(sigma):
    with pytest.raises(ValueError, match=f"Received: sigma={sigma!r}"):
        GaussianLayer(sigma)
