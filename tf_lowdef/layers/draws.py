"""What randomised layers draw, and who decides it: the layer itself, or a caller that must be able to repeat it."""

from __future__ import annotations

import contextlib
import contextvars
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.image_layer import ImageLayer

_KEYS: contextvars.ContextVar[Any] = contextvars.ContextVar("tf_lowdef_draw_keys", default=None)


@contextlib.contextmanager
def draw_scope(keys: Any) -> Iterator[None]:
    """Let every randomised layer that is called or traced inside draw from `keys` instead of its own generator.

    Equal keys give equal draws, whatever the batch. Under a ``tf.function`` the keys must be one of its arguments, a
    variable, or computed from those; a constant would be traced in.

    Args:
        keys: int64, shape (batch, 2): one key an image. Keys may be close together (a hash plus a step's number):
            they go through a counter-based generator.
    """
    token = _KEYS.set(keys)
    try:
        yield
    finally:
        _KEYS.reset(token)


class RandomisedLayer(ImageLayer):
    """Base class of layers that draw random numbers, at inference too.

    Outside a :func:`draw_scope` each call draws anew from a generator that `seed` starts; inside, from the keys.

    Args:
        seed: A nonnegative integer; None draws one.
        **kwargs: ``name``, ``dtype`` and ``trainable``.

    Raises:
        ValueError: `seed` is no nonnegative integer.
    """

    def __init__(self, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or seed < 0):
            raise ValueError(f"`seed` must be a nonnegative integer or None. Received: seed={seed!r}")
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self._salt = zlib.crc32(type(self).__name__.encode())

    def keys(self, images: tf.Tensor) -> tf.Tensor:
        """Return int64 keys of shape (batch, 2), of this call and this layer alone."""
        keys = _KEYS.get()
        if keys is None:
            fresh = tf.cast(self.seed_generator.next(), tf.int64)
            number = tf.range(tf.shape(images, tf.int64)[0])
            keys = tf.stack([fresh[0] + number, tf.broadcast_to(fresh[1], tf.shape(number))], axis=1)
        # Two layers in one model must not draw the same numbers.
        return tf.cast(keys, tf.int64) + tf.constant([self._salt + 1_000_003 * (self.seed or 0), 0], tf.int64)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make the same layer again."""
        return {**super().get_config(), "seed": self.seed}


def draw(keys: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor], shape: Sequence[int | None], dtype: Any) -> Any:
    """Return one draw an image.

    Args:
        keys: int64, shape (batch, 2).
        function: From one key, shape (2,), to its draw, through ``tf.random.stateless_*``.
        shape: Of one draw.
        dtype: Of one draw.

    Returns:
        Shape (batch, *shape).
    """
    return tf.map_fn(function, keys, fn_output_signature=tf.TensorSpec(shape, dtype))
