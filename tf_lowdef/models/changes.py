"""Models with code of the user's own: an attribute that is set after the first call must not leave an old trace in use.

Graphs read weights anew in every call, and everything else when they are traced.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import draw_scope
from tf_lowdef.layers.compiled import forget, infer, remembered
from tf_lowdef.models.alike import alike
from tf_lowdef.models.identity import hash_weights
from tf_lowdef.models.networks import sample_images

_TRUSTED: ContextVar[bool] = ContextVar("models are taken as they are traced", default=False)

_KNOWN = ("keras", "keras_hub", "tf_lowdef")


def has_own_code(model: Any) -> bool:
    """Return whether a model has layers that are neither Keras' nor this package's; a `Lambda` is his own."""
    return any(
        type(each).__module__.partition(".")[0] not in _KNOWN or isinstance(each, keras.layers.Lambda)
        for each in (model, *all_layers(model))
    )


@contextmanager
def unchanged() -> Iterator[None]:
    """Within the block take every model as it is traced: a run has looked when it began."""
    token = _TRUSTED.set(True)
    try:
        yield
    finally:
        _TRUSTED.reset(token)


def drop_stale_traces(classifier: Any) -> None:
    """Forget what was traced of a classifier that answers a few images otherwise than when it was last asked.

    Only models with code of the user's own are asked, eagerly, which traces nothing. What answers otherwise with other
    weights has been trained, and one that answers otherwise from call to call draws; both are left as they are, and so
    is one that cannot be asked.

    Args:
        classifier: From pixels in [0, 255], shape (batch, height, width, channels), to logits.
    """
    shape = getattr(classifier, "input_shape", None)
    if _TRUSTED.get() or not has_own_code(classifier) or not isinstance(shape, tuple) or len(shape) != 4:
        return
    images = tf.constant(sample_images(shape[1:]))
    weights = hash_weights(classifier)
    before = _seen(classifier).get("last")
    try:
        now = _eager(classifier, images)
        changed = before is not None and before[0] == weights and not alike(classifier, before[1], now)
        if changed and alike(classifier, now, _eager(classifier, images)):
            forget(classifier)
    except Exception:
        return
    _seen(classifier)["last"] = (weights, now)


def _seen(classifier: Any) -> dict[str, Any]:
    found: dict[str, Any] = remembered(classifier, _seen, lambda _: {})
    return found


def _eager(classifier: Any, images: tf.Tensor) -> Any:
    with draw_scope(np.zeros((len(images), 2), np.int64)):
        return np.asarray(infer(classifier, images), np.float32)
