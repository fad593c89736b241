import numpy as np
import pytest

from tf_lowdef.layers import ShiftLayer


@pytest.mark.parametrize(("columns", "rows"), [(3, 0), (-2, 0), (0, 4), (5, -1), (0, 0), (400, -400)])
def test_equals_a_slice_of_the_padded_image(columns, rows, images):
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (400, 400), (400, 400), (0, 0)), "edge")
    expected = padded[:, 400 - rows : 400 - rows + height, 400 - columns : 400 - columns + width]
    np.testing.assert_array_equal(ShiftLayer(columns, rows)(images), expected)


@pytest.mark.parametrize("argument", ["columns", "rows"])
def test_bad_arguments_are_named(argument):
    with pytest.raises(ValueError, match=f"Received: {argument}=2.5"):
        ShiftLayer(**{argument: 2.5})
