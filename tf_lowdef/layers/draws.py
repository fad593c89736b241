"""What randomised layers draw, and who decides it: the layer itself, or a caller that must be able to repeat it."""

from __future__ import annotations

import contextlib
import contextvars
import zlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers.image_layer import ImageLayer
from tf_lowdef.validation import check_integer

_SEED, _COPY = 1_000_003, 7_368_787
"""Primes that keep the keys of layers with other seeds, and of an image's copies, apart from one another."""

HASH_SCALE = 1024
"""Images are hashed in steps of 1/1024 of a grey level: an attack's steps are larger."""

_KEYS: contextvars.ContextVar[Any] = contextvars.ContextVar("tf_lowdef_draw_keys", default=None)


@contextlib.contextmanager
def draw_scope(keys: Any) -> Iterator[None]:
    """Let every randomised layer that is called or traced inside draw from `keys` instead of its own generator.

    Equal keys give equal draws, whatever the batch. Under a ``tf.function`` the keys must be one of its arguments, a
    variable, or computed from those; a constant would be traced in.

    Args:
        keys: int64, shape (batch, 2): one key an image. Keys may be close together (a hash plus a step's number):
            they go through a counter-based generator.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import NoiseLayer
        >>> from tf_lowdef.layers import draw_scope
        >>> layer, images = NoiseLayer(epsilon=4), np.full((2, 4, 4, 3), 128, np.uint8)
        >>> keys = np.array([[1, 0], [2, 0]])
        >>> with draw_scope(keys):
        ...     first = layer(images)
        >>> with draw_scope(keys):
        ...     second = layer(images)
        >>> np.array_equal(first, second)
        True
    """
    token = _KEYS.set(keys)
    try:
        yield
    finally:
        _KEYS.reset(token)


def scope_keys() -> Any:
    """Return the keys of the innermost :func:`draw_scope`, None outside of one."""
    return _KEYS.get()


class RandomisedLayer(ImageLayer):
    """Base class of layers that draw random numbers, at inference too.

    Outside a :func:`draw_scope` each call draws anew from a generator that `seed` starts; inside, from the keys.

    Two layers of one class in one model need two seeds, or they draw the same under the same keys.

    Attributes:
        randomised: Whether the layer draws at all; False where its arguments leave nothing to chance.

    Args:
        seed: An integer from 0 to 2**32 - 1; None draws one, and is 0 inside a scope.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Raises:
        ValueError: `seed` is another.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef import NoiseLayer
        >>> from tf_lowdef.layers import RandomisedLayer
        >>> layer = NoiseLayer(epsilon=4)
        >>> isinstance(layer, RandomisedLayer)
        True
        >>> images = np.full((1, 4, 4, 3), 128, np.uint8)
        >>> np.array_equal(layer(images), layer(images))  # each call draws anew
        False
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.seed = None if seed is None else check_integer("seed", seed, 0, 2**32 - 1)
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.seed_state = self.seed_generator.state.value  # where tf.saved_model looks for variables
        self.randomised = True
        self._salt = zlib.crc32(type(self).__name__.encode())

    def keys(self, images: tf.Tensor) -> tf.Tensor:
        """Return int64 keys of shape (batch, 2), of this call and this layer alone.

        Where `images` are N copies of each image of a scope's keys, one behind the other, every copy gets its own.
        """
        batch = tf.shape(images, tf.int64)[0]
        keys = scope_keys()
        if keys is None:
            fresh = tf.cast(self.seed_generator.next(), tf.int64)
            keys = tf.stack([fresh[0] + tf.range(batch), tf.fill([batch], fresh[1])], axis=1)
        else:
            keys = tf.ensure_shape(tf.cast(keys, tf.int64), (None, 2))
            count = tf.shape(keys, tf.int64)[0]
            copies = batch // tf.maximum(count, 1)
            tf.debugging.assert_equal(
                copies * count, batch, "draw_scope takes one key an image, or the batch holds N copies of each image"
            )
            copy = tf.range(batch) % tf.maximum(copies, 1)
            keys = tf.repeat(keys, copies, axis=0) + tf.stack([copy * _COPY, tf.zeros_like(copy)], axis=1)
        # Two layers in one model must not draw the same numbers.
        return keys + tf.constant([self._salt + _SEED * (self.seed or 0), 0], tf.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "seed": self.seed}


def draw_uniform(keys: tf.Tensor, shape: Any) -> tf.Tensor:
    """Return float32 numbers in [0, 1), `shape` of them for each key; shape (batch, *shape).

    Philox (Salmon et al. 2011), one key after the other, so that an image's numbers do not depend on its batch. Drawn
    are whole numbers, which are the same under XLA; TensorFlow's own way from those to floats is another there.

    Args:
        keys: int64, shape (batch, 2).
        shape: Of one image's numbers: a sequence of integers, or a tensor.
    """
    if tf.executing_eagerly():
        return _draw_in_graph(keys, tf.convert_to_tensor(shape, tf.int32))
    return _draw(keys, shape)


def draw_normal(keys: tf.Tensor, shape: Any) -> tf.Tensor:
    """Return float32 numbers of the standard normal distribution, `shape` of them for each key; shape (batch, *shape).

    Philox, as in :func:`draw_uniform`, and TensorFlow's own way from its numbers to normal ones (Box and Muller 1958),
    which is another under XLA.

    Args:
        keys: int64, shape (batch, 2).
        shape: Of one image's numbers: a sequence of integers, or a tensor.
    """
    static = tf.TensorShape(tf.get_static_value(tf.convert_to_tensor(shape, tf.int32), partial=True))
    return tf.map_fn(
        lambda key: tf.random.stateless_normal(shape, key, alg="philox"),
        keys,
        fn_output_signature=tf.TensorSpec(static, tf.float32),
    )


def hash_keys(images: tf.Tensor) -> tf.Tensor:
    """Return int64 keys of shape (batch, 2) that follow from each image alone, and are others for another image.

    Args:
        images: float32 in grey levels, shape (batch, height, width, channels).
    """
    whole = tf.cast(tf.round(tf.stop_gradient(images) * HASH_SCALE), tf.int64)
    flat = tf.reshape(whole, [tf.shape(images)[0], -1])
    # A sum with random odd weights, modulo 2 ** 64, is a hash.
    weights = tf.random.stateless_uniform([tf.shape(flat)[1], 2], [17, 29], None, None, tf.int64, alg="philox")
    return tf.matmul(flat, 2 * weights + 1)


def _draw(keys: tf.Tensor, shape: Any) -> tf.Tensor:
    static = tf.TensorShape(tf.get_static_value(tf.convert_to_tensor(shape, tf.int32), partial=True))

    def one(key: tf.Tensor) -> tf.Tensor:
        bits = tf.random.stateless_uniform(shape, key, minval=None, maxval=None, dtype=tf.uint32, alg="philox")
        return tf.cast(bits // 2**8, tf.float32) * 2.0**-24  # as many bits as a float32 holds exactly

    # One key before all, because map_fn cannot stack nothing of an unknown size.
    every = tf.concat([tf.zeros((1, 2), keys.dtype), keys], axis=0)
    return tf.map_fn(one, every, fn_output_signature=tf.TensorSpec(static, tf.float32))[1:]


@tf.function(input_signature=[tf.TensorSpec([None, 2], tf.int64), tf.TensorSpec([None], tf.int32)], autograph=False)
def _draw_in_graph(keys: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
    """Do the same as one graph: in eager mode a key costs 3 ms of Python."""
    return _draw(keys, shape)


def draw_integers(keys: tf.Tensor, shape: Any, low: Any, high: Any) -> tf.Tensor:
    """Return int32 numbers, `shape` of them for each key, as :func:`to_integers` makes them of :func:`draw_uniform`."""
    return to_integers(draw_uniform(keys, shape), low, high)


def to_integers(uniform: tf.Tensor, low: Any, high: Any) -> tf.Tensor:
    """Return int32 numbers from `low` to `high` inclusive, alike likely up to 2**-24.

    Args:
        uniform: float32 in [0, 1).
        low: Whole numbers that broadcast against `uniform`.
        high: The same, at least `low`; high - low is below 2**24.
    """
    number = tf.floor(uniform * tf.cast(high - low + 1, tf.float32))
    return tf.minimum(tf.cast(number, tf.int32) + low, high)  # u * n may round up to n


def is_randomised(layer: Any) -> bool:
    """Return whether a layer draws random numbers at inference, or a model holds one that does, however deep.

    Example:
        >>> from tf_lowdef import FlipLayer, RandomFlipLayer
        >>> from tf_lowdef.layers import is_randomised
        >>> is_randomised(RandomFlipLayer()), is_randomised(FlipLayer())
        (True, False)
    """
    if not isinstance(layer, keras.layers.Layer):
        return False
    return any(isinstance(each, RandomisedLayer) and each.randomised for each in [layer, *all_layers(layer)])
