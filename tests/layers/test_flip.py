import numpy as np
import pytest

from tf_lowdef.layers import FlipLayer

MODES = {"horizontal": np.s_[:, :, ::-1], "vertical": np.s_[:, ::-1], "both": np.s_[:, ::-1, ::-1]}


@pytest.mark.parametrize("mode", MODES)
def test_equals_numpy(mode, images):
    np.testing.assert_array_equal(FlipLayer(mode)(images), images[MODES[mode]])


@pytest.mark.parametrize("training", [False, True])
def test_is_active_at_inference_and_never_random(training, images):
    np.testing.assert_array_equal(FlipLayer()(images, training=training), images[:, :, ::-1])


def test_fractions_and_outsiders_pass_unchanged():
    values = np.array([[[[-7.25, 0.1, 1e6]], [[1, 2, np.nan]]]], np.float32).reshape(1, 1, 2, 3)
    np.testing.assert_array_equal(FlipLayer()(values), values[:, :, ::-1])


def test_unknown_mode_is_named():
    with pytest.raises(ValueError, match="Received: mode='left'"):
        FlipLayer("left")
