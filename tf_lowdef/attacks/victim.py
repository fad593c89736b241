"""What an attack is given by its user: any Keras model, and images that may be of another scale."""

from __future__ import annotations

import warnings
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.model_fn import Model
from tf_lowdef.attacks.result import WHITE
from tf_lowdef.layers.scale import scale_mistake
from tf_lowdef.models.adapter import as_classifier, range_is_said, say_range
from tf_lowdef.models.networks import knows_shape
from tf_lowdef.models.range_probe import check_range, images_to_probe
from tf_lowdef.validation import Labels, Pixels


def warn_of_images(attack: str, images: npt.ArrayLike) -> None:
    """Warn of images that seem to be of another scale than [0, 255]."""
    array = np.asarray(images)
    mistake = scale_mistake(array.min(), array.max(), (0, WHITE)) if array.size else None
    if mistake is not None:
        cure = "Multiply images in [0, 1] by 255; the model's own range is as_classifier's business"
        warnings.warn(f"{attack}'s `images`: {mistake}. {cure}", UserWarning, stacklevel=3)


def as_victim(model: Model, pixels: Pixels, labels: Labels) -> Model:
    """Return a Keras model as a pixel classifier, after trying, when it is first seen, whether its range is another.

    Any other callable is what it is.
    """
    if not isinstance(model, keras.layers.Layer) or not len(pixels):
        return model
    shape = None if knows_shape(model) else pixels.shape[1:]
    classifier: Any = as_classifier(model, input_shape=shape)
    if not range_is_said(classifier):
        chosen = images_to_probe(labels)
        if (labels < classifier.output_shape[-1]).all():  # otherwise they are refused later, by name
            check_range(classifier, pixels[chosen], labels[chosen])
        say_range(classifier)
    return classifier  # type: ignore[no-any-return]  # a Keras model
