"""A classifier as the attacks see it: float32 pixels in, float32 logits out, traced once per model and shape."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.layers import is_randomised

Model = Callable[..., Any]
"""A Keras model, or any callable, from float32 pixels (n, height, width, 3) in [0, 255] to logits (n, classes)."""

PROBABILITY_TOLERANCE = 1e-3
"""How far from one a row of softmax outputs may sum; half precision and dequantised models stray that far."""


class ModelFn:
    """One object per model, so that functions compiled for it are found again.

    cleverhans' `compute_gradient` is a `tf.function` of the model's callable: it is traced anew for every new object.
    A model changed after its first call (layers added, a layer's attribute set) is not traced again; attack a new
    model object then.
    """

    def __init__(self, get_model: Callable[[], Model]) -> None:
        self._get_model = get_model
        self._compiled: dict[Any, Callable[..., Any]] = {}

    def __call__(self, x: Any) -> Any:
        """Return the logits of float32 pixels, at inference."""
        model = self._get_model()
        outputs = model(x, training=False) if isinstance(model, keras.layers.Layer) else model(x)
        logits = tf.cast(tf.convert_to_tensor(outputs), tf.float32)
        if logits.shape.rank != 2:
            raise ValueError(
                f"A model must return logits of shape (images, classes). Received: shape={tuple(logits.shape)}"
            )
        return logits

    @property
    def draws(self) -> bool:
        """Whether the model is known to draw random numbers, so that another call may give other logits."""
        model = self._get_model()
        return bool(getattr(model, "draws_anew", False)) or is_randomised(model)

    def compiled(self, function: Callable[..., Any], *arrays: Any) -> Any:
        """Call `function(self, *arrays)` as a graph, traced once for all batch sizes.

        Args:
            function: From this object and tensors to tensors; a module-level function, it is the key.
            arrays: Arrays or tensors; their first axis is the batch. Scalars have none.
        """
        tensors = [tf.convert_to_tensor(array) for array in arrays]
        signature = [
            tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype) for tensor in tensors
        ]
        key = (function, *((spec.shape[1:], spec.dtype) for spec in signature))
        if key not in self._compiled:
            bound = functools.partial(function, self)
            # Without AutoGraph, which would wrap the errors that the function raises.
            self._compiled[key] = tf.function(bound, input_signature=signature, autograph=False)
        return self._compiled[key](*tensors)

    def logits(self, x: Any) -> npt.NDArray[np.float32]:
        """Return the logits of float32 pixels as an array, through the compiled model."""
        logits: npt.NDArray[np.float32] = self.compiled(ModelFn.__call__, np.asarray(x, np.float32)).numpy()
        return logits


# A ModelFn holds its model weakly: a strong reference from value to key would keep every attacked model alive.
_KNOWN: weakref.WeakKeyDictionary[Any, ModelFn] = weakref.WeakKeyDictionary()


def as_model_fn(model: Model) -> ModelFn:
    """Return the `ModelFn` of `model`, the same one as long as the model lives.

    Raises:
        TypeError: `model` is not callable.
    """
    if isinstance(model, ModelFn):
        return model
    if not callable(model):
        raise TypeError(f"`model` must be a Keras model or a callable. Received: {type(model).__name__}")
    try:
        known = _KNOWN.get(model)
        if known is None:
            known = _KNOWN[model] = ModelFn(_weak(model))
    except TypeError:  # neither hashable nor weakly referable
        return ModelFn(lambda: model)
    # A bound method dies as soon as it is made unless the caller keeps it; the caller's frame does while it attacks.
    return known


def _weak(model: Model) -> Callable[[], Model]:
    """Return a function that gives `model` back while it lives."""
    reference = weakref.ref(model)

    def get_model() -> Model:
        alive = reference()
        if alive is None:
            raise ReferenceError("the attacked model no longer exists")
        return alive

    return get_model


def are_probabilities(outputs: npt.NDArray[np.float32]) -> bool:
    """Return whether every row of `outputs`, shape (n, classes), is nonnegative and sums to one."""
    return bool(len(outputs) and (outputs >= 0).all() and (abs(outputs.sum(axis=1) - 1) < PROBABILITY_TOLERANCE).all())


def outputs_are_probabilities(model: Model, images: npt.ArrayLike) -> bool:
    """Return whether a model ends in a softmax, judged by its outputs on some images.

    Args:
        model: A Keras model or a callable from pixels in [0, 255].
        images: uint8 or float32, shape (n, height, width, 3), in [0, 255]; a few are enough.

    Returns:
        True if there is an image and the outputs of every one are nonnegative and sum to one, within 1e-3.
    """
    pixels = np.asarray(images, np.float32)
    return len(pixels) > 0 and are_probabilities(as_model_fn(model).logits(pixels))
