"""Whether what is served says what its user's model says on its own scale."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from PIL import Image

from tf_lowdef.layers.compiled import infer
from tf_lowdef.models.heads import LOGITS
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
    said: str | None = None,
) -> None:
    """Raise ValueError where the adapted classifier says something else than the model that its user gave.

    The model is called as its user calls it, on values in its own range, apart from everything that adapts it.

    Args:
        model: The user's.
        input_range: What he said of it; None for nothing.
        images: uint8, shape (n, height, width, channels).
        scores: The adapted classifier's logits for them, shape (n, classes).
        said: What he said of its outputs; None for nothing.
    """
    network = as_network(model, None if knows_shape(model) else (*images.shape[1:3], None))
    if network.inputs[0].shape[-1] == 1:
        images = np.stack([np.asarray(Image.fromarray(image).convert("L"))[..., None] for image in images])
    within = declared_range(network) or PIXELS if input_range is None else parse_input_range(input_range)
    called = model if getattr(model, "built", True) else network  # a call would build it
    theirs = infer(called, tf.constant(within.of(images)))
    outputs = np.asarray(keras.tree.flatten(theirs)[0], np.float32).reshape(len(images), -1)
    if outputs.shape[1] == 1 and scores.shape[1] == 2:
        inside = said != LOGITS and ((outputs >= 0) & (outputs <= 1)).all()
        one = outputs if inside else 1 / (1 + np.exp(-outputs))
        outputs = np.concatenate([1 - one, one], axis=1)
    if outputs.shape != scores.shape:
        raise ValueError(f"{model.name!r} gives {outputs.shape[1]} scores an image, and {scores.shape[1]} are served")
    if ((outputs >= 0) & (outputs <= 1)).all() and not _sum_to_one(outputs):  # each sigmoid is against the rest
        distance = float((outputs.argmax(axis=1) != scores.argmax(axis=1)).any())
    else:
        expected = outputs if _sum_to_one(outputs) else _softmax(outputs)
        distance = float(np.abs(_softmax(scores) - expected).max())
    if not distance <= TOLERANCE:
        raise ValueError(
            f"{model.name!r} says something else on its own scale ({within}) than what would be served: probabilities "
            f"are up to {distance:.2g} apart"
        )


def _sum_to_one(outputs: npt.NDArray[np.float32]) -> bool:
    return bool((outputs >= 0).all() and (abs(outputs.sum(axis=1) - 1) < SUM_TOLERANCE).all())


def _softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: npt.NDArray[np.float32] = raised / raised.sum(axis=1, keepdims=True)
    return probabilities
