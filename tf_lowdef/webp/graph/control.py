"""A condition inside the codec's loops."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

Tensors = tuple[tf.Tensor, ...]


def replace_if(condition: tf.Tensor, values: Tensors, new: Callable[[], Tensors]) -> Tensors:
    """Return what `new` gives where a condition holds, else `values`; computed in that case alone.

    A loop of one turn or none, which TensorFlow's single-threaded executor runs by itself. For ``tf.cond`` it waits
    until another thread has run the branch; where all threads wait like that, it waits for ever.

    Args:
        condition: bool, scalar.
        values: Of the shapes and types of what `new` gives.
        new: Called once, while tracing.
    """
    turns = tf.cast(condition, tf.int32)
    _, *found = tf.while_loop(
        lambda turn, *_: turn < turns, lambda turn, *_: (turn + 1, *new()), (0, *values), maximum_iterations=1
    )
    return tuple(found)
