"""The attacks' losses, all to be raised, and their gradients with respect to the pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import compute_gradient

from tf_lowdef.attacks.checks import Labels
from tf_lowdef.attacks.result import Floats

NO_DIVISION_BY_ZERO = 1e-12
"""What the DLR loss adds to its denominator (Croce and Hein 2020, the released code)."""

Loss = Callable[[Any, Any, Any], Any]
"""From logits (n, classes), true classes (n,) and targets (n,) to a loss for each image, (n,)."""

_SPARSE = tf.nn.sparse_softmax_cross_entropy_with_logits


def cross_entropy(logits: Any, labels: Any, targets: Any) -> Any:  # noqa: ARG001 - losses share one signature
    """Return the cross-entropy of the true class."""
    return _SPARSE(labels=labels, logits=logits)


def target_cross_entropy(logits: Any, labels: Any, targets: Any) -> Any:  # noqa: ARG001
    """Return minus the cross-entropy of the target."""
    return -_SPARSE(labels=targets, logits=logits)


def dlr(logits: Any, labels: Any, targets: Any) -> Any:  # noqa: ARG001
    """Return the difference of logits ratio (Croce and Hein 2020, equation 6); three classes or more."""
    highest = tf.math.top_k(logits, 3).values
    true = tf.gather(logits, labels, batch_dims=1)
    other = tf.reduce_max(tf.where(_is(labels, logits), -np.inf, logits), axis=1)
    return (other - true) / (highest[:, 0] - highest[:, 2] + NO_DIVISION_BY_ZERO)


def target_dlr(logits: Any, labels: Any, targets: Any) -> Any:
    """Return the targeted difference of logits ratio (Croce and Hein 2020, equation 7); four classes or more."""
    highest = tf.math.top_k(logits, 4).values
    gap = tf.gather(logits, targets, batch_dims=1) - tf.gather(logits, labels, batch_dims=1)
    return gap / (highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + NO_DIVISION_BY_ZERO)


def margin(logits: Any, labels: Any, targets: Any) -> Any:  # noqa: ARG001
    """Return how far the best wrong logit stands above the true one (Carlini and Wagner 2017, f6 with other sign)."""
    other = tf.reduce_max(tf.where(_is(labels, logits), -np.inf, logits), axis=1)
    return other - tf.gather(logits, labels, batch_dims=1)


def target_margin(logits: Any, labels: Any, targets: Any) -> Any:  # noqa: ARG001
    """Return how far the target's logit stands above the best other (Carlini and Wagner 2017, f6 with other sign)."""
    other = tf.reduce_max(tf.where(_is(targets, logits), -np.inf, logits), axis=1)
    return tf.gather(logits, targets, batch_dims=1) - other


def _is(classes: Any, logits: Any) -> Any:
    """Return where each row's own class stands."""
    return tf.one_hot(classes, tf.shape(logits)[1], on_value=True, off_value=False)


def evaluate_loss(loss: Loss, logits: Floats, labels: Labels, targets: Labels) -> Floats:
    """Return a loss of logits at hand, computed in double precision; minus infinity where it is not a number."""
    wide = loss(tf.constant(logits, tf.float64), tf.constant(labels), tf.constant(targets)).numpy()
    return np.where(np.isnan(wide), -np.inf, wide).astype(np.float32)


def cross_entropy_gradient(model_fn: Any, x: Any, labels: Any) -> tuple[Any, Any]:
    """Return cleverhans' gradient of the cross-entropy of `labels`, and the logits; for `ModelFn.compiled`.

    cleverhans' `tf.function` around it would be traced for every batch size, and keep every model alive.
    """
    logits = []

    def look(points: Any) -> Any:
        logits.append(model_fn(points))
        return logits[0]

    return _required(compute_gradient.python_function(look, _SPARSE, x, labels, False)), logits[0]


def _loss_and_gradient(model_fn: Any, x: Any, labels: Any, targets: Any, *, loss: Loss) -> Any:
    """Return logits, losses (n,) and the gradient of the loss at pixels `x`."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = model_fn(x)
        losses = loss(logits, labels, targets)
    return logits, losses, _required(tape.gradient(losses, x))


# One function a loss, for ever: `ModelFn.compiled` finds what it has traced by it.
_LOSSES: tuple[Loss, ...] = (cross_entropy, target_cross_entropy, dlr, target_dlr, margin, target_margin)
_GRADIENTS = {loss: functools.partial(_loss_and_gradient, loss=loss) for loss in _LOSSES}


def loss_and_gradient(loss: Loss) -> Callable[..., Any]:
    """Return the function for `ModelFn.compiled` that takes pixels, labels and targets.

    Returns:
        From (model_fn, x, labels, targets) to logits (n, classes), losses (n,) and gradients of the shape of `x`.
    """
    return _GRADIENTS[loss]


def _required(gradient: Any) -> Any:
    """Return the gradient, or refuse a model that has none."""
    if gradient is None:
        raise ValueError(
            "The model gives no gradient, so an attack by gradients cannot attack it. A layer in it has no derivative "
            "(a stopped gradient, a Python function); use one with a straight-through gradient"
        )
    return gradient
