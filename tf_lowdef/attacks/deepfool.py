"""DeepFool in cleverhans' function style (Moosavi-Dezfooli et al. 2016, algorithm 2), batched.

cleverhans has none for TensorFlow 2. Each step linearises the classifier around every image that is not yet fooled:
one forward pass and one backward pass for each rival class. A second forward pass, a tenth of that cost, then drops
the images that are done before their next linearisation, so that the cost follows the number of unfinished images.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.attacks.model_fn import Model, ModelFn, as_model_fn
from tf_lowdef.attacks.result import Bools, Floats, Ints
from tf_lowdef.attacks.targets import rank_classes
from tf_lowdef.validation import check_integer, check_number

SMALLEST_STEP = 1e-4
"""Least length of a step, for pixels in [0, 1]: what the authors' code adds to every step, so that an image that
lies on the boundary still crosses it."""

Place = Callable[[Floats, Floats], Floats]
"""From clean images and their perturbations to the points where the classifier is asked next."""


@dataclass
class DeepFoolSearch:
    """Where a search stands, image by image.

    Attributes:
        points: float32: the images so far.
        total: float32: the sum of the steps, before overshoot.
        steps: int64, (n,): linearised steps taken.
        queries: int64, (n,): forward passes made.
        flat: bool, (n,): no rival class had a finite, nonzero gradient at the clean image.
        nonfinite: bool, (n,): a rival class had a gradient with NaN or infinity in it.
    """

    points: Floats
    total: Floats
    steps: Ints
    queries: Ints
    flat: Bools
    nonfinite: Bools


def deepfool(
    model_fn: Model,
    x: npt.ArrayLike,
    nb_candidate: int = 10,
    overshoot: float = 0.02,
    max_iter: int = 50,
    clip_min: float | None = None,
    clip_max: float | None = None,
) -> Any:
    """Find small L2 perturbations that change the model's own class (Moosavi-Dezfooli et al. 2016, algorithm 2).

    Args:
        model_fn: A callable from a float32 tensor to logits, shape (n, classes).
        x: Floats, shape (n, ...), in the range that the model takes.
        nb_candidate: How many of an image's most likely classes, its own among them, are considered.
        overshoot: How far past the boundary to go, as a part of the perturbation.
        max_iter: The most steps.
        clip_min: Lowest value of the result, or None.
        clip_max: Highest value of the result, or None.

    Returns:
        float32 tensor of the shape of `x`; an image that could not be fooled comes back where its search ended.

    Raises:
        ValueError: A parameter is out of range, or the model gives no gradient.

    Example:
        >>> import numpy as np, tensorflow as tf
        >>> from tf_lowdef.attacks import deepfool
        >>> def sign(x):  # class 0 of positive numbers, class 1 of negative ones
        ...     return tf.concat([x, -x], axis=1)
        >>> deepfool(sign, np.array([[0.5], [-0.5]], np.float32)).numpy().round(2)
        array([[-0.01],
               [ 0.01]], dtype=float32)
    """
    check_integer("nb_candidate", nb_candidate, 2)
    check_integer("max_iter", max_iter, 1)
    check_number("overshoot", overshoot, 0)
    clean = np.asarray(x, np.float32)
    if not len(clean):
        return tf.convert_to_tensor(clean)
    low, high = -np.inf if clip_min is None else clip_min, np.inf if clip_max is None else clip_max

    def place(images: Floats, perturbations: Floats) -> Floats:
        points: Floats = np.clip(images + (1 + overshoot) * perturbations, low, high)
        return points

    scale = high - low if np.isfinite(high - low) else 1.0
    fn = as_model_fn(model_fn)
    classes = rank_classes(fn.logits(clean), None, nb_candidate)
    found = search(fn, clean, classes, np.arange(len(clean)), max_iter, place, SMALLEST_STEP * scale)
    return tf.convert_to_tensor(found.points)


def search(
    model_fn: ModelFn,
    clean: Floats,
    classes: npt.NDArray[np.int32],
    active: npt.NDArray[np.intp],
    max_iter: int,
    place: Place,
    smallest: float,
) -> DeepFoolSearch:
    """Step each active image over the nearest boundary of its linearised classifier until its class changes.

    Args:
        model_fn: From float32 images to logits.
        clean: float32, (n, ...).
        classes: int32, (n, candidates): the class to be left, then its rivals.
        active: Indices of the images to attack.
        max_iter: The most steps.
        place: Where a perturbation puts an image: overshoot, box and rounding.
        smallest: Least length of a step, in the unit of `clean`.
    """
    n = len(clean)
    counts, flags = np.zeros((2, n), np.int64), np.zeros((2, n), bool)
    state = DeepFoolSearch(clean.copy(), np.zeros_like(clean), *counts, *flags)
    for _ in range(max_iter):
        if not len(active):
            break
        distance, direction, broken = (
            part.numpy() for part in model_fn.compiled(nearest, state.points[active], classes[active])
        )
        state.queries[active] += 1
        state.nonfinite[active] |= broken
        finite = np.isfinite(distance)
        state.flat[active[~finite]] = state.steps[active[~finite]] == 0
        active, length = active[finite], np.maximum(distance[finite], smallest)
        if not len(active):
            break
        state.total[active] += length.reshape(-1, *[1] * (clean.ndim - 1)) * direction[finite]
        state.points[active] = place(clean[active], state.total[active])
        state.steps[active] += 1
        logits = model_fn.logits(state.points[active])
        state.queries[active] += 1
        active = active[logits.argmax(axis=1) == classes[active, 0]]
    return state


def nearest(model_fn: ModelFn, x: Any, classes: Any) -> tuple[Any, Any, Any]:
    """Find the nearest boundary of the classifier linearised at each image, with respect to its rival classes.

    Backward passes run one after another inside the graph, so that neither the graph nor the memory grows with the
    number of rivals.

    Args:
        model_fn: From float32 images to logits.
        x: float32 tensor, (n, ...).
        classes: int32 tensor, (n, candidates).

    Returns:
        Distances, (n,), infinite where no rival has a finite, nonzero gradient; unit directions, like `x`; and, (n,),
        whether a rival's gradient had NaN or infinity in it.
    """
    axes = list(range(1, x.shape.rank))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        logits = model_fn(x)
        gaps = tf.gather(logits, classes[:, 1:], batch_dims=1) - tf.gather(logits, classes[:, :1], batch_dims=1)
    rivals = classes.shape[1] - 1

    def consider(rival: Any, distance: Any, direction: Any, broken: Any) -> tuple[Any, ...]:
        selector = tf.broadcast_to(tf.one_hot(rival, rivals), tf.shape(gaps))
        gradient = tape.gradient(gaps, x, output_gradients=selector)
        if gradient is None:
            raise ValueError(
                "The model gives no gradient, so DeepFool cannot attack it. A layer in it has no derivative (a "
                "stopped gradient, a Python function); use one with a straight-through gradient"
            )
        norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axes))
        here = tf.abs(tf.gather(gaps, rival, axis=1)) / norm
        nearer = (norm > 0) & tf.math.is_finite(norm) & tf.math.is_finite(here) & (here < distance)
        wide = tf.reshape(nearer, [-1] + [1] * len(axes))
        unit = gradient / tf.reshape(norm, tf.shape(wide))
        broken |= ~tf.reduce_all(tf.math.is_finite(gradient), axes)
        return rival + 1, tf.where(nearer, here, distance), tf.where(wide, unit, direction), broken

    per_image = tf.shape(x)[:1]
    start = (tf.constant(0), tf.fill(per_image, np.float32(np.inf)), tf.zeros_like(x), tf.fill(per_image, False))
    shapes = (tf.TensorShape([]), tf.TensorShape([None]), x.shape, tf.TensorShape([None]))
    _, distance, direction, broken = tf.while_loop(
        lambda rival, *_: rival < rivals, consider, start, shape_invariants=shapes, parallel_iterations=1
    )
    return distance, direction, broken
