"""Functions of models, layers and other callables as graphs: each is traced once, and what is kept keeps nothing alive.

Beside them and not in them: a function in a layer would be written into every SavedModel.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Hashable
from typing import Any

import keras
import tensorflow as tf

from tf_lowdef.layers.codec_scope import current_codec
from tf_lowdef.layers.draws import draw_scope, is_randomised, scope_keys

_KNOWN: weakref.WeakKeyDictionary[Any, dict[Hashable, Any]] = weakref.WeakKeyDictionary()
_LOCK = threading.RLock()


def remembered(owner: Any, key: Hashable, make: Callable[[Callable[[], Any]], Any]) -> Any:
    """Return what `make` makes, the same for one key as long as `owner` lives.

    Args:
        owner: A model, a layer or any other object; for one that cannot be a weak key all is made anew.
        key: What of its.
        make: Is given a function that gives `owner`. It must hold that and not the owner itself: a strong reference
            from value to key would keep every owner alive.
    """
    with _LOCK:
        try:
            reference, known = weakref.ref(owner), _KNOWN.setdefault(owner, {})
        except TypeError:  # neither hashable nor weakly referable
            return make(lambda: owner)
        if key not in known:
            known[key] = make(functools.partial(_alive, reference))
        return known[key]


def forget(owner: Any) -> None:
    """Drop what `remembered` keeps of an owner, its traces among it."""
    with _LOCK:
        _KNOWN.pop(owner, None)


def compiled(
    owner: Any,
    function: Callable[..., Any],
    *arrays: Any,
    keys: Any = None,
    open_axes: int = 1,
    state: Hashable = None,
) -> Any:
    """Return ``function(owner, *arrays)``, computed by a graph; there is one for each codec scope.

    A model changed after its first call (layers added, a layer's attribute set) is not traced again unless somebody
    calls `forget`, as `tf_lowdef.models.changes` does for models with code of the user's own.

    Args:
        owner: A Keras model, a layer or any other callable.
        function: From that and tensors to tensors. One object for ever, such as a function of a module.
        arrays: Arrays or tensors; scalars among them have no axes.
        keys: Those of a `draw_scope` for the function, int64, shape (batch, 2); None leaves the scope that is there.
        open_axes: How many of the first axes may change in length without another trace: 1 is the batch.
        state: What else a trace depends on.
    """
    tensors = [tf.convert_to_tensor(array) for array in arrays]
    arguments = [tensors] if keys is None else [tensors, tf.cast(keys, tf.int64)]
    signature = tf.nest.map_structure(functools.partial(_spec, open_axes), arguments)
    shapes = tuple((tuple(spec.shape), spec.dtype) for spec in tf.nest.flatten(signature))

    def trace(get_owner: Callable[[], Any]) -> Any:
        # A partial, not a closure: TensorFlow counts the traces of a piece of code, and warns of them. Without
        # AutoGraph, which would wrap the errors that the function raises.
        bound = functools.partial(_call, get_owner, function)
        return tf.function(bound, input_signature=signature, autograph=False)

    return remembered(owner, (function, shapes, current_codec("its own"), state), trace)(*arguments)


def infer(model: Any, inputs: Any) -> Any:
    """Return what a Keras model, a layer or any other callable makes of its inputs, at inference."""
    return model(inputs, training=False) if isinstance(model, keras.layers.Layer) else model(inputs)


def call_compiled(layer: Any, method: str, images: tf.Tensor) -> tf.Tensor:
    """Return ``layer.method(images)``, in eager mode `compiled` for images of all sizes: memory is used again then.

    In a graph the operations join it as they are. A layer that draws is compiled inside a `draw_scope` alone, where its
    numbers come in as an argument. A layer whose attributes have changed is traced again.

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
    state = repr(layer.get_config())
    return compiled(layer, getattr(type(layer), method), images, keys=keys, open_axes=3, state=state)


def _spec(open_axes: int, tensor: tf.Tensor) -> tf.TensorSpec:
    count = min(open_axes, tensor.shape.rank)
    return tf.TensorSpec([None] * count + tensor.shape[count:], tensor.dtype)


def _call(get_owner: Callable[[], Any], function: Callable[..., Any], tensors: list[Any], keys: Any = None) -> Any:
    with draw_scope(scope_keys() if keys is None else keys):
        return function(get_owner(), *tensors)


def _alive(reference: weakref.ReferenceType[Any]) -> Any:
    owner = reference()
    if owner is None:
        raise ReferenceError("the model or layer of a compiled function no longer exists")
    return owner
