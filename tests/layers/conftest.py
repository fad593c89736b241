"""Images for the layer tests."""

import numpy as np
import pytest

from tf_lowdef.layers import draw_scope


@pytest.fixture
def images():
    """uint8 of shape (3, 17, 23, 3): smooth shades with noise, so that every codec changes some pixels."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:17, 0:23]
    shades = np.stack([10 * x, 14 * y, 5 * (x + y)], axis=-1)
    return np.clip(shades + rng.normal(0, 12, (3, 17, 23, 3)), 0, 255).astype(np.uint8)


@pytest.fixture
def same_draws():
    """Randomised layers draw the same in every call, each place in the batch another."""
    with draw_scope([[7, 1]]):
        yield
