"""Eager calls of a layer as one compiled function, whose operations reuse memory and run side by side."""

from __future__ import annotations

import functools
import weakref
from typing import Any

import tensorflow as tf

from tf_lowdef.layers.draws import draw_scope, is_randomised, scope_keys

_KNOWN: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()
"""Beside the layers and not in them: a function in a layer would be written into every SavedModel."""


def call_compiled(layer: Any, method: str, images: tf.Tensor) -> tf.Tensor:
    """Return ``layer.method(images)``, in eager mode through a function that is traced once for all shapes.

    In a graph the operations join it as they are. A layer that draws is compiled inside a `draw_scope` alone, where its
    numbers come in as an argument.

    Args:
        layer: It says in ``compiles`` whether what it does depends on its configuration, what it draws and `images`
            alone; otherwise it is called as it is.
        method: The name of one of its methods, from a tensor to a tensor.
        images: Shape (batch, height, width, 3).
    """
    draws = is_randomised(layer)
    keys = scope_keys() if draws else None
    if not layer.compiles or not tf.executing_eagerly() or (draws and keys is None):
        return getattr(layer, method)(images)
    arguments = [images] if keys is None else [images, tf.cast(keys, tf.int64)]
    # A layer whose attributes have changed is traced again.
    key = (method, images.dtype, len(arguments), repr(layer.get_config()))
    functions = _KNOWN.setdefault(layer, {})
    if key not in functions:
        reference = weakref.ref(layer)  # a strong one would keep the layer alive as its own key
        shapes = [[None, None, None, images.shape[-1]], [None, 2]]
        functions[key] = tf.function(
            # A partial, not a lambda: TensorFlow counts the traces of a piece of code, and warns of them.
            functools.partial(_call, reference, method),
            input_signature=[tf.TensorSpec(s, each.dtype) for s, each in zip(shapes, arguments, strict=False)],
            autograph=False,
        )
    return functions[key](*arguments)


def _call(
    reference: weakref.ReferenceType[Any], method: str, images: tf.Tensor, keys: tf.Tensor | None = None
) -> tf.Tensor:
    with draw_scope(keys):
        return getattr(reference(), method)(images)
