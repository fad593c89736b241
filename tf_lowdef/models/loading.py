"""Loading a saved model with this package's layers registered."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras

_REGISTERING = ("tf_lowdef.layers", "tf_lowdef.certification")
"""Packages whose classes a file may hold."""
MODEL_FILES = (".keras", ".h5", ".hdf5")


def load_model(path: str | os.PathLike[str]) -> Any:
    """Load a saved Keras model, defended or not, without running code from the file (``safe_mode=True``).

    Args:
        path: A ``.keras`` file, or an ``.h5`` or ``.hdf5`` file of a whole model.

    Returns:
        The ``keras.Model``.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not the file of a whole model, or holds what cannot be loaded safely.

    Example:
        >>> from tf_lowdef import defend, load_demo, load_model
        >>> base, images, labels = load_demo()
        >>> defend(base).save("defended.keras")
        >>> model = load_model("defended.keras")
        >>> model.predict(images[:4], verbose=0).shape
        (4, 10)
    """
    file = check_model_file(path)
    for module in _REGISTERING:  # loading a file does not import what registered its classes
        import_module(module)
    try:
        return keras.models.load_model(file, safe_mode=True)
    except (ValueError, TypeError, KeyError, OSError, BadZipFile) as error:
        raise ValueError(f"Not a model that Keras can load. Received: path={os.fspath(path)!r} ({error})") from error


def load_saved_model(path: str | os.PathLike[str], endpoint: str | None = None) -> Any:
    """Load a SavedModel as a Keras model, through ``keras.layers.TFSMLayer``.

    A SavedModel is a program: take it from those alone whom you would let run one.

    Args:
        path: Its folder, with ``saved_model.pb`` in it.
        endpoint: The function to call; None takes ``serve``, as ``Model.export`` names it, or ``serving_default``.

    Raises:
        ValueError: It is no SavedModel, or has no such function.
    """
    folder = os.fspath(path)
    if not (Path(folder) / "saved_model.pb").is_file():
        raise ValueError(f"Not the folder of a SavedModel: it has no saved_model.pb. Received: path={folder!r}")
    reasons = []
    for name in ("serve", "serving_default") if endpoint is None else (endpoint,):
        try:
            return keras.Sequential([keras.layers.TFSMLayer(folder, call_endpoint=name)])
        except (ValueError, OSError) as error:
            reasons.append(str(error))
    raise ValueError(f"Not a SavedModel that Keras can call. Received: path={folder!r} ({reasons[-1]})")


def check_model_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a saved model.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not the file of a whole model by its name.
    """
    file = Path(path)
    if file.name.endswith(".weights.h5"):
        raise ValueError(
            "A file of weights holds no model; pass it to load_application as `weights`. "
            f"Received: path={os.fspath(path)!r}"
        )
    if not file.name.endswith(MODEL_FILES):
        raise ValueError(f"`path` must end in {', '.join(MODEL_FILES)}. Received: path={os.fspath(path)!r}")
    if not file.is_file():
        raise FileNotFoundError(f"No such model. Received: path={os.fspath(path)!r}")
    return file
