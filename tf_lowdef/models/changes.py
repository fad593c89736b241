"""Models with code of the user's own: an attribute that is set after the first call must not leave an old trace in use.

Graphs read weights anew in every call, and everything else when they are traced.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.layers import draw_scope
from tf_lowdef.layers.compiled import compiled, forget, infer
from tf_lowdef.models.alike import alike
from tf_lowdef.models.networks import sample_images

_KNOWN = ("keras", "keras_hub", "tf_lowdef")


def has_own_code(model: Any) -> bool:
    """Return whether a model has layers that are neither Keras' nor this package's; a `Lambda` is his own."""
    return any(
        type(each).__module__.partition(".")[0] not in _KNOWN or isinstance(each, keras.layers.Lambda)
        for each in (model, *all_layers(model))
    )


def drop_stale_traces(classifier: Any) -> None:
    """Forget what was traced of a classifier that answers a few images otherwise now than its traces do.

    One that answers otherwise from call to call is left as it is, and so is one that cannot be asked. Asking traces it
    once and calls it eagerly, so that only models with code of the user's own are.

    Args:
        classifier: From pixels in [0, 255], shape (batch, height, width, channels), to logits.
    """
    shape = getattr(classifier, "input_shape", None)
    if not has_own_code(classifier) or not isinstance(shape, tuple) or len(shape) != 4:
        return
    images = tf.constant(sample_images(shape[1:]))
    keys = np.zeros((len(images), 2), np.int64)
    try:
        traced = compiled(classifier, infer, images, keys=keys, state="stale?")
        now, again = (_eager(classifier, images, keys) for _ in range(2))
    except Exception:
        return
    if not alike(classifier, traced, now) and alike(classifier, now, again):
        forget(classifier)


def _eager(classifier: Any, images: tf.Tensor, keys: Any) -> Any:
    with draw_scope(keys):
        return infer(classifier, images)
