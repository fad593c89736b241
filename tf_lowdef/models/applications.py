"""The classifiers of ``keras.applications`` as flat models from pixels in [0, 255] to logits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np

from tf_lowdef.application_table import Application, find_application
from tf_lowdef.models.adapter import say_range
from tf_lowdef.models.input_range import CAFFE_MEAN_BGR, IMAGENET_MEAN, IMAGENET_STDDEV

IMAGENET_CLASSES = 1000
WEIGHT_FILES = (".weights.h5", ".h5", ".keras")

_SET_HERE = ("classifier_activation", "include_preprocessing", "include_top", "input_tensor", "pooling")


def load_application(
    name: str,
    weights: str | os.PathLike[str] | None = "imagenet",
    input_shape: tuple[int, int, int] | None = None,
    classes: int | None = None,
    **options: Any,
) -> Any:
    """Build a classifier of ``keras.applications`` from pixels in [0, 255] to logits.

    Preprocessing is inside, as stock Keras layers, so the model saves and loads with ``safe_mode=True``. The model is
    flat: its layers are the application's own, and weights go back and forth between it and the plain application. It
    does not resize: images are resized before the defence.

    Args:
        name: The application's name in ``keras.applications``, such as ``"MobileNetV2"``.
        weights: ``"imagenet"`` (Keras downloads them once), a file of weights (``.weights.h5``, ``.h5`` or ``.keras``)
            of this application, or None for weights drawn at random.
        input_shape: (height, width, 3) in pixels; None means the application's own.
        classes: Number of classes; None means ImageNet's 1000.
        **options: What else the application takes, such as ``alpha``.

    Returns:
        A ``keras.Model`` from float32 RGB pixels in [0, 255], shape (batch, height, width, 3), to logits of shape
        (batch, classes). uint8 pixels are cast.

    Raises:
        TypeError: An option is unknown, or is one that this function sets.
        ValueError: There is no such application, `input_shape` does not suit it, or the weights do not fit it.
        FileNotFoundError: There is no such file of weights.
        OSError: The ImageNet weights cannot be had, or the file of weights cannot be read.

    Example:
        >>> from tf_lowdef import load_application
        >>> model = load_application("MobileNet", weights=None, input_shape=(32, 32, 3), classes=5, alpha=0.25)
        >>> model.input_shape, model.output_shape
        ((None, 32, 32, 3), (None, 5))

        With ``weights="imagenet"``, the default, Keras downloads them at the first call.
    """
    application = find_application(name)
    shape = _check_shape(application, input_shape)
    number = _check_classes(classes)
    for option in _SET_HERE:
        if option in options:
            raise TypeError(f"load_application sets `{option}` itself. Received: {option}={options[option]!r}")
    file = None if weights is None or weights == "imagenet" else check_weights_file(weights)
    if weights == "imagenet":
        model = _build_with_imagenet(application, shape, number, options)
    else:
        model = _build(application, shape, number, options, weights=None)
    if file is not None:
        _load_weights(application, model, file, options)
    return say_range(model)


def check_weights_file(weights: str | os.PathLike[str]) -> Path:
    """Return the path of a file of weights.

    Raises:
        ValueError: Its name does not end as a file of weights does.
        FileNotFoundError: It does not exist.
    """
    path = Path(weights)
    if not path.name.endswith(WEIGHT_FILES):
        raise ValueError(
            f"`weights` must be 'imagenet', None or a file that ends in {', '.join(WEIGHT_FILES)}. "
            f"Received: weights={os.fspath(weights)!r}"
        )
    if not path.is_file():
        raise FileNotFoundError(f"No such file of weights. Received: weights={os.fspath(weights)!r}")
    return path


def _check_shape(application: Application, input_shape: tuple[int, int, int] | None) -> tuple[int, int, int]:
    if input_shape is None:
        return application.size, application.size, 3
    shape = tuple(input_shape)
    whole = all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) and side > 0 for side in shape)
    if len(shape) != 3 or not whole or shape[2] != 3:
        raise ValueError(
            f"`input_shape` must be (height, width, 3) in pixels, or None. Received: input_shape={input_shape!r}"
        )
    return int(shape[0]), int(shape[1]), 3


def _check_classes(classes: int | None) -> int:
    if classes is None:
        return IMAGENET_CLASSES
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 2:
        raise ValueError(f"`classes` must be an integer of at least 2, or None. Received: classes={classes!r}")
    return int(classes)


def _build(
    application: Application, shape: tuple[int, int, int], classes: int, options: dict[str, Any], weights: str | None
) -> Any:
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            "Images are (height, width, channels) here; call keras.config.set_image_data_format('channels_last'). "
            f"Received: image_data_format={keras.config.image_data_format()!r}"
        )
    pixels = keras.Input(shape, dtype="float32", name="pixels")
    return getattr(keras.applications, application.name)(
        include_top=True,
        weights=weights,
        input_tensor=_preprocess(pixels, application.preprocessing),
        input_shape=shape,
        classes=classes,
        classifier_activation=None,
        **options,
    )


def _build_with_imagenet(
    application: Application, shape: tuple[int, int, int], classes: int, options: dict[str, Any]
) -> Any:
    try:
        return _build(application, shape, classes, options, weights="imagenet")
    except (ValueError, TypeError):
        raise
    except Exception as error:  # keras.utils.get_file raises a bare Exception where a download fails
        raise OSError(
            f"The ImageNet weights of {application.name} could not be downloaded; pass the path of a file as "
            f"`weights`. {error}"
        ) from error


def _preprocess(pixels: Any, preprocessing: str) -> Any:
    """Return what ``preprocess_input`` makes of pixels, in float32 whatever the policy, as layers without weights."""
    if preprocessing == "tf":
        return keras.layers.Rescaling(1 / 127.5, -1.0, dtype="float32", name="preprocess")(pixels)
    if preprocessing == "torch":
        scale = [1 / (255 * deviation) for deviation in IMAGENET_STDDEV]
        offset = [-mean / deviation for mean, deviation in zip(IMAGENET_MEAN, IMAGENET_STDDEV, strict=True)]
        return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocess")(pixels)
    if preprocessing == "caffe":
        offset = [-mean for mean in CAFFE_MEAN_BGR]
        bgr = keras.ops.flip(pixels, axis=-1)
        return keras.layers.Rescaling(1.0, offset, dtype="float32", name="preprocess")(bgr)
    return pixels


def _load_weights(application: Application, model: Any, path: Path, options: dict[str, Any]) -> None:
    try:
        model.load_weights(path)
    except (ValueError, KeyError, AttributeError, BadZipFile) as error:
        said = "".join(f", {name}={value!r}" for name, value in options.items())
        others = [name for name in application.options if name not in options]
        hint = f". Weights of another {' or '.join(others)} need it said: `{others[0]}=...`" if others else ""
        raise ValueError(
            f"The weights do not fit {application.name} with input_shape={model.input_shape[1:]}, "
            f"classes={model.output_shape[-1]}{said}. "
            f"Received: weights={os.fspath(path)!r} ({_first_line(error)}){hint}"
        ) from error
    except OSError as error:
        raise OSError(f"Not a readable file of weights. Received: weights={os.fspath(path)!r} ({error})") from error
    if application.module == "efficientnet":
        _divide_by_variance(model)


def _divide_by_variance(model: Any) -> None:
    """Make an EfficientNet with Keras' ImageNet weights compute what it computes with ``weights="imagenet"``.

    There Keras puts a layer without weights behind the normalisation, which divides by the square root of the standard
    deviation once more; a model built with ``weights=None`` lacks it, and loads the same file without a word
    (``keras/src/applications/efficientnet.py``; tensorflow/tensorflow#49930). The file shows where it came from by its
    variance, which is ImageNet's standard deviation; its square does the work of both layers.
    """
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Normalization))
    mean, variance, count = layer.get_weights()
    if np.allclose(variance, IMAGENET_STDDEV, rtol=1e-3, atol=0):
        layer.set_weights([mean, variance**2, count])
        layer.finalize_state()


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
