"""A classifier as the attacks see it: float32 pixels in, float32 logits out, traced once per model and shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.layers import is_randomised
from tf_lowdef.layers.compiled import compiled, infer, remembered

Model = Callable[..., Any]
"""A Keras model, or any callable, from float32 pixels (n, height, width, 3) in [0, 255] to logits (n, classes)."""

PROBABILITY_TOLERANCE = 1e-3
"""How far from one a row of softmax outputs may sum; half precision and dequantised models stray that far."""


class ModelFn:
    """One object per model, so that functions compiled for it are found again.

    cleverhans' `compute_gradient` is a `tf.function` of the model's callable: it is traced anew for every new object.
    """

    def __init__(self, get_model: Callable[[], Model]) -> None:
        self._get_model = get_model

    def __call__(self, x: Any) -> Any:
        """Return the logits of float32 pixels, at inference."""
        logits = tf.cast(tf.convert_to_tensor(infer(self._get_model(), x)), tf.float32)
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
        """Call `function(self, *arrays)` as a graph, traced once for all batch sizes: see `tf_lowdef.layers.compiled`.

        Args:
            function: From this object and tensors to tensors; a function of a module.
            arrays: Arrays or tensors; their first axis is the batch. Scalars have none.
        """
        return compiled(self, function, *arrays)

    def logits(self, x: Any) -> npt.NDArray[np.float32]:
        """Return the logits of float32 pixels as an array, through the compiled model."""
        logits: npt.NDArray[np.float32] = self.compiled(ModelFn.__call__, np.asarray(x, np.float32)).numpy()
        return logits


def as_model_fn(model: Model) -> ModelFn:
    """Return the `ModelFn` of `model`, the same one as long as the model lives.

    A bound method dies as soon as it is made unless the caller keeps it; the caller's frame does while it attacks.

    Raises:
        TypeError: `model` is not callable.
    """
    if isinstance(model, ModelFn):
        return model
    if not callable(model):
        raise TypeError(f"`model` must be a Keras model or a callable. Received: {type(model).__name__}")
    found: ModelFn = remembered(model, ModelFn, ModelFn)
    return found


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

    Example:
        >>> import keras
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import outputs_are_probabilities
        >>> model, images, labels = load_demo()
        >>> outputs_are_probabilities(model, images[:4])
        False
        >>> outputs_are_probabilities(keras.Sequential([model, keras.layers.Softmax()]), images[:4])
        True
    """
    pixels = np.asarray(images, np.float32)
    return len(pixels) > 0 and are_probabilities(as_model_fn(model).logits(pixels))
