"""A batch done in parts that stay in the processor's cache, for layers that go over their images many times."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tf_lowdef.threads import available_cores

PART = 2**18
"""Values in a part: 1 MiB of float32."""
PART_OF_ONE = 2**15
"""The same for a process of one core, such as each of Ray's workers: total variation takes a third less time
then, where two threads, which meet after every operation, would lose as much."""


def in_parts(function: Callable[..., Any], *tensors: tf.Tensor, values: int | None = None, outputs: int = 1) -> Any:
    """Return ``function(*tensors)``, computed for some images of the batch at a time, two such parts side by side.

    Operations on tensors that are larger than the cache wait for memory. Parts are equally large, up to one image; what
    the last lacks is made up by copies of its last image.

    Args:
        function: From float32 tensors of one shape to one of that shape, or to several; what it makes of an image must
            depend on that image alone.
        *tensors: float32, of one shape (batch, height, width, channels).
        values: About so many in a part, and at least those of an image; None chooses by the process's cores.
        outputs: How many tensors `function` returns; of several, the same number is returned, as a list.
    """
    values = values or (PART_OF_ONE if available_cores() == 1 else PART)
    shape = tf.shape(tensors[0])
    count = shape[0]
    most = tf.maximum(1, values // tf.maximum(1, tf.reduce_prod(shape[1:])))
    parts = tf.maximum(1, -(-count // most))
    size = -(-count // parts)
    places = tf.reshape(tf.minimum(tf.range(parts * size), tf.maximum(count, 1) - 1), [parts, size])
    part = tf.TensorSpec([None, *tensors[0].shape[1:]], tf.float32)
    done = tf.map_fn(
        lambda places: function(*(tf.gather(each, places) for each in tensors)),
        places,
        parallel_iterations=2,
        fn_output_signature=part if outputs == 1 else (part,) * outputs,
    )
    whole = tf.concat([[parts * size], shape[1:]], axis=0)
    joined = [tf.ensure_shape(tf.reshape(each, whole)[:count], tensors[0].shape) for each in tf.nest.flatten(done)]
    return joined[0] if outputs == 1 else joined
