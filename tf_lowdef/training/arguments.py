"""The optimizer and the data of a training, checked before the first step."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.attacks.result import WHITE

WARMUP = 0.1
"""Share of the steps in which the learning rate rises; then it falls to nothing as half a cosine."""
WEIGHT_DECAY = 1e-4


def choose_optimizer(optimizer: Any, rate: float, steps: int) -> tuple[Any, dict[str, Any]]:
    """Return the optimizer of a training, and its settings in plain JSON values.

    Args:
        optimizer: What ``keras.optimizers.get`` takes; None takes AdamW.
        rate: The highest learning rate of that.
        steps: Of the whole training.

    Raises:
        ValueError: There is no such optimizer, or it averages weights: those that the best epoch is chosen by are not
            the averages.
    """
    if optimizer is None:
        rising = max(1, round(WARMUP * steps))
        schedule = keras.optimizers.schedules.CosineDecay(
            rate / 20, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
        )
        return keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY), {"learning_rate": rate}
    chosen = keras.optimizers.get(optimizer)
    if getattr(chosen, "use_ema", False):
        raise ValueError(
            "The best epoch is chosen by the weights themselves, not by their averages. "
            "Received: an optimizer with use_ema=True"
        )
    told = {
        name: value for name, value in keras.saving.serialize_keras_object(chosen)["config"].items() if name != "name"
    }
    return chosen, {"optimizer": {"class_name": type(chosen).__name__, **told}}  # its name is a number of this process


def check_data(x: Any, y: Any, classes: int) -> None:
    """Raise ValueError where the first images are no pixels in [0, 255], or a label has no class.

    Generators are left alone: a look would use up what they give.

    Args:
        x: What ``fit`` takes.
        y: The same.
        classes: How many the classifier tells apart.
    """
    images, labels = _first(x, y)
    if images is not None:
        _check_images(np.asarray(images))
    if labels is not None:
        _check_labels(np.asarray(labels), classes)


def _first(x: Any, y: Any) -> tuple[Any, Any]:
    """Return images and labels to look at, None where nothing can be looked at without using it up."""
    if isinstance(x, tf.data.Dataset):
        for element in x.take(1):
            return element[:2] if isinstance(element, tuple) and len(element) > 1 else (None, None)
        return None, None
    if isinstance(x, keras.utils.PyDataset):
        element = x[0] if len(x) else None
        return element[:2] if isinstance(element, tuple) and len(element) > 1 else (None, None)
    if y is not None and isinstance(x, np.ndarray | tf.Tensor | list):
        return x[:256], y
    return None, None


def _check_images(images: Any) -> None:
    if not images.size or images.dtype.kind not in "fiu":
        return
    low, high = float(images.min()), float(images.max())
    if np.isnan(images).any() if images.dtype.kind == "f" else False:
        raise ValueError("Images must be pixels in [0, 255]. Received: NaN")
    if images.dtype.kind == "f" and (low < 0 or high > WHITE or (high <= 1 and len(images) > 1)):
        raise ValueError(
            "Images must be pixels in [0, 255], whatever range the model takes: it is what `input_range` is for. "
            f"Received: values from {low:.3g} to {high:.3g}"
        )


def _check_labels(labels: Any, classes: int) -> None:
    if labels.ndim == 2 and labels.shape[1] != 1:
        if labels.shape[1] != classes:
            raise ValueError(f"The classifier has {classes} classes. Received: labels of {labels.shape[1]}")
        return
    if labels.size and (labels.min() < 0 or labels.max() >= classes or (labels != np.floor(labels)).any()):
        raise ValueError(
            f"Labels must be whole numbers from 0 to {classes - 1}. "
            f"Received: values from {labels.min()} to {labels.max()}"
        )
