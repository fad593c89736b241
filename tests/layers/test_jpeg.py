from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from tf_lowdef.layers import JPEGLayer


@pytest.mark.parametrize("quality", [1, 30, 60, 95])
def test_equals_pillow(quality, images):
    out = JPEGLayer(quality)(images).numpy()
    for image, mine in zip(images, out, strict=True):
        buffer = BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=quality)
        np.testing.assert_array_equal(mine, np.asarray(Image.open(buffer)))


@pytest.mark.parametrize("quality", [-1, 101, 60.5, True, None, float("nan"), "60"])
def test_bad_quality_is_named(quality):
    with pytest.raises(ValueError, match=f"Received: quality={quality!r}"):
        JPEGLayer(quality)
