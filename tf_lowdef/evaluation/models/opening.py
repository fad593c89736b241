"""The one place of an evaluation where a user's model becomes a pixel classifier, and his data images for it."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np

from tf_lowdef.data.arrays import INPUT_RANGE, PREPROCESSING
from tf_lowdef.data.image_data import RGB, ImageData
from tf_lowdef.data.load import image_shape_of, load_data
from tf_lowdef.evaluation.judging.checks import check_labels
from tf_lowdef.evaluation.models.predict import class_count, input_size
from tf_lowdef.models.adapter import as_classifier, range_is_said, say_range
from tf_lowdef.models.doubts import head_doubts, range_doubt
from tf_lowdef.models.input_range import parse_input_range
from tf_lowdef.models.networks import knows_shape
from tf_lowdef.models.range_probe import check_range, images_to_probe


def open_classifier(model: Any, data: Any = None, input_range: Any = None, outputs: str | None = None) -> Any:
    """Return a user's model as a pixel classifier; one that was never called takes images of the data's shape.

    Args:
        model: What `as_classifier` takes.
        data: What `load_data` takes; None for none.
        input_range: See `as_classifier`.
        outputs: See `as_classifier`.

    Raises:
        TypeError: As `as_classifier`.
        ValueError: As `as_classifier`.
    """
    told = data is None or not isinstance(model, keras.layers.Layer) or knows_shape(model)
    shape = None if told else image_shape_of(data)
    return as_classifier(model, input_range, outputs, shape)


def open_data(
    classifier: Any, data: Any, labels: str | os.PathLike[str] | None = None, input_range: Any = None
) -> ImageData:
    """Return a user's data as images for a pixel classifier.

    Args:
        classifier: What `open_classifier` returns.
        data: What `load_data` takes.
        labels: A file with the names of the classes; see there.
        input_range: Of float images, where it is two numbers: they are taken to be in the model's range.

    Raises:
        FileNotFoundError: There is no such file or folder.
        ValueError: It holds no labelled images for this classifier.
    """
    within = None if input_range is None else parse_input_range(input_range)
    value_range = None if within is None or isinstance(within.said, str) else within.said
    return load_data(
        data,
        input_size(classifier),
        channel_count(classifier),
        class_count(classifier),
        labels,
        value_range,
        range_option=INPUT_RANGE if within is None or value_range is not None else PREPROCESSING,
    )


def open_labelled(
    classifier: Any, data: Any, labels: str | os.PathLike[str] | None = None, input_range: Any = None
) -> ImageData:
    """Return what `open_data` does, once every label has a class in the classifier.

    Raises:
        ValueError: As `open_data`; or a label has none.
    """
    images = open_data(classifier, data, labels, input_range)
    check_labels(images.labels, list(images.names), class_count(classifier))
    return images


def channel_count(classifier: Any) -> int:
    """Return how many channels a classifier takes: 1 for grey, 3 for RGB and where it is open."""
    return int(classifier.input_shape[-1] or RGB)


def find_doubts(classifier: Any, images: ImageData | None) -> list[str]:
    """Return what is not certain of a classifier, after trying its range where nobody said it.

    Args:
        classifier: What `open_classifier` returns.
        images: Labelled ones; None where there are no labels.

    Raises:
        RangeError: A ValueError: another usual range is better beyond chance, see `check_range`.
    """
    found = head_doubts(classifier)
    if range_is_said(classifier):
        return found
    chosen = [] if images is None else images_to_probe(images.labels)
    pixels, failed = ([], {}) if images is None else images.read_batch(chosen)
    if images is not None and pixels and len({each.shape for each in pixels}) == 1:
        labels = images.labels[[index for index in chosen if index not in failed]]
        if len(np.unique(labels)) > 1:
            check_range(classifier, np.stack(pixels), labels)
            say_range(classifier)
            return found
    doubt = range_doubt(classifier)
    return found if doubt is None else [*found, doubt]
