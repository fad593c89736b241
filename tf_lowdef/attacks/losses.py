"""The attacks' losses, all to be raised, and their gradients with respect to the pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from cleverhans.tf2.utils import compute_gradient

from tf_lowdef.attacks.result import Floats
from tf_lowdef.validation import Labels

NO_DIVISION_BY_ZERO = 1e-12
"""What the DLR loss adds to its denominator (Croce and Hein 2020, the released code)."""

Loss = Callable[[Any, Any, Any], Any]
"""From logits (n, classes), true classes (n,) and targets (n,) to a loss for each image, (n,)."""

_EXPONENT = 0x7F800000
"""The bits of a float32 that hold its exponent (IEEE 754): alone, they are the power of two below it."""

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
    return logit_gap(logits, labels, targets) / (
        highest[:, 0] - (highest[:, 2] + highest[:, 3]) / 2 + NO_DIVISION_BY_ZERO
    )


def logit_gap(logits: Any, labels: Any, targets: Any) -> Any:
    """Return how far the target's logit stands above the true one."""
    return tf.gather(logits, targets, batch_dims=1) - tf.gather(logits, labels, batch_dims=1)


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
    seen: list[Any] = []

    def look(points: Any) -> Any:
        seen.append(model_fn(points))
        return seen[0]

    def scaled(labels: Any, logits: Any) -> Any:
        seen.extend(_linearised(cross_entropy, logits, labels, labels))
        return seen[2]

    gradient = _required(compute_gradient.python_function(look, scaled, x, labels, False))
    return _unscaled(gradient, seen[3]), seen[0]


def _loss_and_gradient(model_fn: Any, x: Any, labels: Any, targets: Any, *, loss: Loss) -> Any:
    """Return logits, losses (n,) and the gradient of the loss at pixels `x`."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        logits = model_fn(x)
        losses, linear, scale = _linearised(loss, logits, labels, targets)
    return logits, losses, _unscaled(_required(tape.gradient(linear, x)), scale)


def _linearised(loss: Loss, logits: Any, labels: Any, targets: Any) -> tuple[Any, Any, Any]:
    """Return a loss, and a linear function of the logits with its gradient, brought to the size of one.

    A confident model's loss has gradients far below what half precision can hold, so that a model under
    ``mixed_float16`` would pass on zeros and look robust. The scale is a power of two: in single precision no bit of a
    gradient changes.

    Args:
        loss: What to linearise.
        logits: float32, (n, classes), inside the tape of whoever follows them back to the pixels.
        labels: As the loss takes them.
        targets: The same.

    Returns:
        The losses, (n,); the linear function, (n,); by what its gradient has to be multiplied, (n,).
    """
    with tf.GradientTape() as tape:
        tape.watch(logits)
        losses = loss(logits, labels, targets)
    upstream = tape.gradient(losses, logits)
    largest = tf.reduce_max(tf.abs(upstream), axis=1)
    exponent = tf.bitwise.bitwise_and(tf.bitcast(largest, tf.int32), _EXPONENT)
    scale = tf.where((exponent == 0) | (exponent == _EXPONENT), 1.0, tf.bitcast(exponent, tf.float32))
    return losses, tf.reduce_sum(tf.stop_gradient(upstream / scale[:, None]) * logits, axis=1), scale


def _unscaled(gradient: Any, scale: Any) -> Any:
    return gradient * tf.reshape(scale, [-1, *[1] * (gradient.shape.rank - 1)])


# One function a loss, for ever: `ModelFn.compiled` finds what it has traced by it.
_LOSSES: tuple[Loss, ...] = (cross_entropy, target_cross_entropy, dlr, target_dlr, margin, target_margin, logit_gap)
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
