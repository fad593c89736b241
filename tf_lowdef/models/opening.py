"""A classifier by what a person types: an application's name, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf_lowdef.models.applications import load_application
from tf_lowdef.models.loading import load_model


def open_model(name: str, weights: str | None = None) -> Any:
    """Return the classifier that `name` and `weights` mean.

    Args:
        name: One of ``keras.applications``' classifiers, or a ``.keras`` file from pixels in [0, 255] to logits.
        weights: For an application: ``"imagenet"`` (the default), ``"none"`` (random), or a file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There is no such application, the file does not fit, or weights are given for a ``.keras`` file.
    """
    if Path(name).suffix == ".keras":
        if weights is not None:
            raise ValueError(f"{name} holds its own weights. Received: weights={weights!r}")
        return load_model(name)
    return load_application(name, weights=None if weights == "none" else weights or "imagenet")
