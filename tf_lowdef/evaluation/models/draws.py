"""Randomised models: the draws that an attack averages over, and those, never seen by it, that it is judged on."""

from __future__ import annotations

import hashlib
import math
import zlib
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers, output_shapes
from tf_lowdef.layers import count_copies, draw_scope, is_randomised
from tf_lowdef.layers.draws import hash_keys

Pixels = npt.NDArray[np.uint8]
Keys = npt.NDArray[np.int64]

REPORT_DRAWS = 10
"""Draws that a reported accuracy is the mean of."""
CHOOSING_DRAWS = 10
"""Other draws, by which the worst example of an image is chosen; a layer of random crops draws with every crop."""

MEMORY = 3 * 2**29
"""Bytes that the draws of one pass may keep for the backward pass."""

FLOAT_BYTES = 4
"""Of a layer's output, per value."""


def image_keys(pixels: Pixels, seed: int, draw: int) -> Keys:
    """Return a key for each image, from its pixels, the seed and the draw's number alone.

    Args:
        pixels: uint8, shape (n, height, width, 3).
        seed: Of the whole run.
        draw: The number of the draw.

    Returns:
        int64, shape (n, 2).
    """
    start = hashlib.blake2b(f"{seed} {draw}\0".encode(), digest_size=16)
    digests = []
    for image in pixels:
        digest = start.copy()
        digest.update(image.tobytes())
        digests.append(digest.digest())
    return np.frombuffer(b"".join(digests), np.int64).reshape(len(pixels), 2)


class ExpectedModel:
    """A randomised model as an attack should see it: its logits averaged over draws (Athalye et al. 2018, section 4.2).

    Every call draws anew; the draws of an image follow from the seed, the attack, the image as it stands at that step
    of that restart, and the number of the call. As many draws as `together` are one forward and one backward pass;
    where that is not all of them, the backward pass draws again, so that memory does not grow with their number.

    Args:
        model: A Keras model from float32 pixels in [0, 255] to logits.
        draws: How many to average over.
        together: How many of them at a time; a divisor of `draws`.
    """

    draws_anew = True

    def __init__(self, model: Any, draws: int, together: int = 1) -> None:
        self._model = model
        self._together = together
        self._passes = draws // together
        self._classes = int(model.output_shape[-1])
        self._salt = tf.Variable(0, dtype=tf.int64, trainable=False)
        self._calls = tf.Variable(0, dtype=tf.int64, trainable=False)

    def begin(self, attack: str, seed: int) -> None:
        """Start the draws of an attack on a batch, which are the same whenever it is started again."""
        self._salt.assign(zlib.crc32(f"{attack} {seed}".encode()))
        self._calls.assign(0)

    def __call__(self, x: Any) -> Any:
        """Return the mean logits of float32 pixels: shape (batch, classes)."""
        x = tf.cast(tf.convert_to_tensor(x), tf.float32)
        keys = self._keys(x)
        if self._passes == 1:
            return self._logits(x, keys, tf.constant(0, tf.int64))

        # Autodiff through the loop would keep what every draw computed; here the backward pass draws again.
        @tf.custom_gradient
        def mean_logits(images: Any) -> Any:
            def gradient(upstream: Any, variables: Any = None) -> Any:
                total = self._sum(lambda number: self._gradient(images, keys, number, upstream), tf.zeros_like(images))
                return (total, [None] * len(variables)) if variables else total

            zeros = tf.zeros([tf.shape(images)[0], self._classes], tf.float32)
            return self._sum(lambda number: self._logits(images, keys, number), zeros), gradient

        return mean_logits(x)

    def _keys(self, x: Any) -> Any:
        """Return int64 keys of shape (batch, 2), another one for every image and call."""
        call = self._calls.assign_add(1)
        return hash_keys(x) + tf.stack([self._salt, call * 1_000_003])

    def _logits(self, x: Any, keys: Any, number: Any) -> Any:
        """Return the mean logits of one pass."""
        draw = number * self._together + tf.tile(tf.range(self._together, dtype=tf.int64), tf.shape(x)[:1])
        copies, keys = (tf.repeat(each, self._together, axis=0) for each in (x, keys))
        with draw_scope(keys + tf.stack([tf.zeros_like(draw), draw], axis=1)):
            logits = tf.cast(self._model(copies, training=False), tf.float32)
        return tf.reduce_mean(tf.reshape(logits, [-1, self._together, self._classes]), axis=1)

    def _gradient(self, x: Any, keys: Any, number: Any, upstream: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(x)
            logits = self._logits(x, keys, number)
        found = tape.gradient(logits, x, upstream)
        return tf.zeros_like(x) if found is None else found

    def _sum(self, term: Any, start: Any) -> Any:
        """Return the mean of `term(number)` over the passes, one after the other."""
        total = tf.while_loop(
            lambda number, _: number < self._passes,
            lambda number, total: (number + 1, total + term(number)),
            (tf.constant(0, tf.int64), start),
            parallel_iterations=1,
        )[1]
        return total / self._passes


def attackable(model: Any, draws: int, batch_size: int = 32) -> Any:
    """Return `model` as an attack should see it: itself, or averaged over draws where it is randomised.

    Args:
        model: A Keras model from float32 pixels in [0, 255] to logits.
        draws: How many to average over; where each makes several random crops of an image, that many crops.
        batch_size: Images in a forward pass, for how many draws fit into memory at a time.
    """
    if not is_randomised(model):
        return model
    draws = math.ceil(draws / count_copies(all_layers(model)))
    fitting = MEMORY // max(kept_bytes(model) * batch_size, 1)
    together = max(each for each in range(1, draws + 1) if draws % each == 0 and each <= max(fitting, 1))
    return ExpectedModel(model, draws, together)


def kept_bytes(model: Any) -> int:
    """Return about how many bytes a gradient through a model keeps of each image; `MEMORY` where shapes are open."""
    total = 0
    for layer in all_layers(model):
        if isinstance(layer, keras.Model):  # its layers come one by one
            continue
        shapes = output_shapes(layer)
        if not shapes or any(None in shape for shape in shapes):
            return MEMORY
        total += sum(map(math.prod, shapes)) * FLOAT_BYTES
    return total * count_copies(all_layers(model))
