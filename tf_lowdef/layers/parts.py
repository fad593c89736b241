"""A batch done in parts that stay in the processor's cache, for layers that go over their images many times."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

PART = 2**18
"""Values in a part: 1 MiB of float32."""


def in_parts(function: Callable[..., tf.Tensor], *tensors: tf.Tensor, values: int = PART) -> tf.Tensor:
    """Return ``function(*tensors)``, computed for some images of the batch at a time, two such parts side by side.

    Operations on tensors that are larger than the cache wait for memory. Parts are equally large, up to one image; what
    the last lacks is made up by copies of its last image.

    Args:
        function: From float32 tensors of one shape to one of that shape; what it makes of an image must depend on that
            image alone.
        *tensors: float32, of one shape (batch, height, width, channels).
        values: About so many in a part, and at least those of an image.
    """
    shape = tf.shape(tensors[0])
    count = shape[0]
    most = tf.maximum(1, values // tf.maximum(1, tf.reduce_prod(shape[1:])))
    parts = tf.maximum(1, -(-count // most))
    size = -(-count // parts)
    places = tf.reshape(tf.minimum(tf.range(parts * size), tf.maximum(count, 1) - 1), [parts, size])
    done = tf.map_fn(
        lambda part: function(*(tf.gather(each, part) for each in tensors)),
        places,
        parallel_iterations=2,
        fn_output_signature=tf.TensorSpec([None, *tensors[0].shape[1:]], tf.float32),
    )
    return tf.ensure_shape(tf.reshape(done, tf.concat([[parts * size], shape[1:]], axis=0))[:count], tensors[0].shape)
