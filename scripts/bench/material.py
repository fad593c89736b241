"""The images and classifiers that are measured."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.pictures import Pixels, from_folder, made_up
from bench.result import Settings

Labels = npt.NDArray[np.int64]

SIZE = 224
QUICK_SIZE = 96


def size_of(settings: Settings) -> int:
    """Return the side of the images in pixels."""
    return QUICK_SIZE if settings.quick else SIZE


def pictures(settings: Settings, count: int) -> Pixels:
    """Return images, uint8 of shape (count, size, size, 3)."""
    size = size_of(settings)
    return made_up(count, size, 0) if settings.images is None else from_folder(Path(settings.images), count, size)


@functools.cache
def classifier(settings: Settings) -> tuple[Any, str]:
    """Return MobileNetV2 from pixels to logits, and its name; in the quick run the embedded classifier."""
    import tf_lowdef

    if settings.quick:
        return tf_lowdef.load_demo()[0], "embedded classifier"
    weights = "given" if settings.weights else "random"
    return tf_lowdef.load_application("MobileNetV2", settings.weights), f"MobileNetV2 ({weights} weights)"


def task(settings: Settings, count: int) -> tuple[Any, Pixels, Labels, str]:
    """Return a classifier, images, the classes that it predicts for them, and its name."""
    model, name = classifier(settings)
    images = pictures(settings, count)
    return model, images, np.argmax(model.predict(images, verbose=0), axis=1), name


def deepfool_task(settings: Settings, count: int) -> tuple[Any, Pixels, Labels, str]:
    """Return the same with a trained classifier: how many steps DeepFool takes depends on the weights.

    Without weights this is the embedded classifier on its own images.
    """
    import tf_lowdef

    if settings.weights and not settings.quick:
        return task(settings, count)
    model, images, _ = tf_lowdef.load_demo()
    images = images[:: max(1, len(images) // count)][:count]
    return model, images, np.argmax(model.predict(images, verbose=0), axis=1), "embedded classifier"
