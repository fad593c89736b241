"""A classifier by what a person types: an application's name, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf_lowdef.application_table import parse_application
from tf_lowdef.models.applications import load_application
from tf_lowdef.models.loading import MODEL_FILES, load_model, load_saved_model


def open_model(name: str, weights: str | None = None) -> Any:
    """Return the classifier that `name` and `weights` mean.

    Args:
        name: One of ``keras.applications``' classifiers, with its options behind a colon, such as
            ``"MobileNet:alpha=0.75,size=192"``; a ``.keras`` or ``.h5`` file, or the folder of a SavedModel,
            which is a program: take it from those alone whom you would let run one.
        weights: For an application: ``"imagenet"`` (the default), ``"none"`` (random), or a file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: There is no such application, the file does not fit, or weights are given for a whole model.

    Example:
        >>> from tf_lowdef.models import open_model
        >>> open_model("MobileNet:alpha=0.25,size=32,classes=5", weights="none").output_shape
        (None, 5)
    """
    if Path(name).suffix in MODEL_FILES or Path(name).is_dir():
        if weights is not None:
            raise ValueError(f"{name} holds its own weights. Received: weights={weights!r}")
        return load_saved_model(name) if Path(name).is_dir() else load_model(name)
    application, options = parse_application(name)
    return load_application(application, None if weights == "none" else weights or "imagenet", **options)
