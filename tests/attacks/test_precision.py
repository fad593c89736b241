import keras
import numpy as np
import pytest
import tensorflow as tf

from tf_lowdef import load_demo
from tf_lowdef.attacks import BIM
from tf_lowdef.attacks.model_fn import as_model_fn
from tf_lowdef.attacks.precision import full_precision


@pytest.fixture(scope="module")
def both():
    """The embedded classifier in float32 and in half precision, and images."""
    full, images, labels = load_demo()
    try:
        keras.config.set_dtype_policy("mixed_float16")
        half, _, _ = load_demo()
    finally:
        keras.config.set_dtype_policy("float32")
    return full, half, images[::2], labels[::2]


def test_an_attack_on_half_precision_finds_what_it_finds_in_float32(both):
    full, half, images, labels = both
    assert half(images[:1].astype(np.float32)).dtype == "float16"
    left = [int((~BIM(4)(model, images, labels).success).sum()) for model in (full, half)]
    assert abs(left[0] - left[1]) <= 2


def test_the_models_own_precision_judges(both):
    _, half, images, _ = both
    pixels = images[:8].astype(np.float32)
    own = tf.cast(tf.function(half)(pixels, training=False), tf.float32)
    np.testing.assert_allclose(as_model_fn(half).logits(pixels), own, atol=2e-2)
    model_fn = as_model_fn(half)
    x = tf.constant(pixels)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(model_fn(x))
    assert (tape.gradient(total, x).numpy() != 0).mean() > 0.9


def test_policies_are_put_back(both):
    _, half, images, _ = both
    policies = [layer.dtype_policy.name for layer in half.layers]
    with full_precision(half):
        assert half(images[:1].astype(np.float32)).dtype == "float32"
    assert [layer.dtype_policy.name for layer in half.layers] == policies
    with pytest.raises(ZeroDivisionError), full_precision(half):
        1 / 0  # noqa: B018
    assert [layer.dtype_policy.name for layer in half.layers] == policies
    with full_precision(tf.identity):
        pass
