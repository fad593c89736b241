"""Whether a model has a gradient at all, asked before an attack that needs one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.attacks.model_fn import ModelFn, as_model_fn


def gives_gradient(model: Any, pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64]) -> bool:
    """Return whether TensorFlow finds a path from a model's logits back to its pixels; it may still be all zeros.

    Args:
        model: A Keras model or a callable from float32 pixels in [0, 255] to logits.
        pixels: uint8, shape (n, height, width, 3); one is enough.
        labels: int64, shape (n,).
    """
    if not len(pixels):
        return True
    found = as_model_fn(model).compiled(_connected, pixels[:1].astype(np.float32), labels[:1])
    return bool(found.numpy())


def _connected(model_fn: ModelFn, x: Any, labels: Any) -> Any:
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=model_fn(x))
    return tf.constant(tape.gradient(loss, x) is not None)
