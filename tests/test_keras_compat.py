"""What the private names of the installed Keras give."""

from __future__ import annotations

import keras

from tf_lowdef.keras_compat import all_layers, output_shapes
from tf_lowdef.layers import FlipLayer


def test_layers_are_found_however_deep():
    flip = FlipLayer()
    inner = keras.Sequential([keras.Input((8, 8, 3)), flip])
    model = keras.Sequential([keras.Input((2, 8, 8, 3)), keras.layers.TimeDistributed(inner)])
    found = all_layers(model)
    assert any(each is flip for each in found)
    assert found.index(inner) < found.index(flip)
    assert not any(each is model for each in found)


def test_a_layer_that_is_called_twice_has_two_shapes():
    flip = FlipLayer()
    assert output_shapes(flip) == []
    small, large = keras.Input((8, 8, 3)), keras.Input((16, 8, 3))
    keras.Model([small, large], [flip(small), flip(large)])
    assert output_shapes(flip) == [(8, 8, 3), (16, 8, 3)]
    assert flip.output.shape == (None, 8, 8, 3)  # the public way, which knows the first call alone
