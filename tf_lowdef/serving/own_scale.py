"""Whether what is served says what its user's model says on its own scale."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers.compiled import infer
from tf_lowdef.models.heads import LOGITS, OF_SIGMOIDS
from tf_lowdef.models.input_range import PIXELS, declared_range, parse_input_range
from tf_lowdef.models.networks import as_network, knows_shape

TOLERANCE = 0.01
"""How far the probabilities may lie apart: what is fused in a graph is rounded otherwise, in float16 by some 0.001."""
SUM_TOLERANCE = 1e-3
"""How far from one a softmax may sum."""


def check_own_scale(
    model: Any,
    input_range: Any,
    images: npt.NDArray[np.uint8],
    scores: npt.NDArray[np.float32],
    *,
    said: str | None = None,
    sigmoids: bool = False,
) -> None:
    """Raise ValueError where the adapted classifier says something else than the model that its user gave.

    The model is called as its user calls it, on values in its own range, apart from everything that adapts it.

    Args:
        model: The user's.
        input_range: What he said of it; None for nothing.
        images: uint8, shape (n, height, width, channels).
        scores: The adapted classifier's logits for them, shape (n, classes).
        said: What he said of its outputs; None for nothing.
        sigmoids: Whether each logit is one class' against the rest.
    """
    network = as_network(model, None if knows_shape(model) else (*images.shape[1:3], None))
    if network.inputs[0].shape[-1] == 1:
        images = np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images])
    within = declared_range(network) or PIXELS if input_range is None else parse_input_range(input_range)
    called = model if getattr(model, "built", True) else network  # a call would build it
    theirs = infer(called, tf.constant(within.of(images)))
    outputs = np.asarray(keras.tree.flatten(theirs)[0], np.float32).reshape(len(images), -1)
    if outputs.shape[1] == 1 and scores.shape[1] == 2:
        given = said != LOGITS and ((outputs >= 0) & (outputs <= 1)).all()
        one = outputs if given else 1 / (1 + np.exp(-outputs))
        outputs = np.concatenate([1 - one, one], axis=1)
    if outputs.shape != scores.shape:
        raise ValueError(f"{model.name!r} gives {outputs.shape[1]} scores an image, and {scores.shape[1]} are served")
    inside = bool((outputs >= 0).all() and (outputs <= 1 + SUM_TOLERANCE).all())
    sums_to_one = bool((abs(outputs.sum(axis=1) - 1) < SUM_TOLERANCE).all())
    ready = inside and (sums_to_one if not sigmoids else not has_sigmoids(model))
    expected = outputs if ready else to_probabilities(outputs, sigmoids)
    distance = float(np.abs(to_probabilities(scores, sigmoids) - expected).max())
    if not distance <= TOLERANCE:
        raise ValueError(
            f"{model.name!r} says something else on its own scale ({within}) than what would be served: probabilities "
            f"are up to {distance:.2g} apart"
        )


def has_sigmoids(classifier: Any) -> bool:
    """Return whether each logit of an adapted classifier is one class' against the rest."""
    return any(layer.name == OF_SIGMOIDS for layer in all_layers(classifier))


def to_probabilities(logits: npt.NDArray[np.float32], sigmoids: bool) -> npt.NDArray[np.float32]:
    """Return the softmax of each row of logits, or where each is one class' against the rest their sigmoids."""
    exact: npt.NDArray[np.float64] = logits.astype(np.float64)
    if sigmoids:
        found = 1 / (1 + np.exp(-exact))
    else:
        raised = np.exp(exact - exact.max(axis=1, keepdims=True))
        found = raised / raised.sum(axis=1, keepdims=True)
    probabilities: npt.NDArray[np.float32] = found.astype(np.float32)
    return probabilities
