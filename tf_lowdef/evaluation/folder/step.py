"""One batch of ``tf-lowdef attack``: read where the files are, attacked wherever there is a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from tf_lowdef.attacks import Attack
from tf_lowdef.data.files import SourceFile
from tf_lowdef.data.image_data import Pixels, Wanted, like
from tf_lowdef.evaluation.images.selection import stack
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.files import ImageReadError, encode_png, read_rgb, to_rgb
from tf_lowdef.jobs import Record, Unit

_UNKNOWN = -1
"""The label of an image that has none: the model's own prediction takes its place."""


@dataclass(frozen=True)
class Reading:
    """What was read of a batch.

    Attributes:
        places: Of the images that could be read, in the list of all.
        pixels: uint8, shape (n, height, width, channels); None where none could be read.
        labels: int64, shape (n,), with `_UNKNOWN` among them.
        failed: Place and reason of each other image.
    """

    places: Sequence[int]
    pixels: Pixels | None
    labels: npt.NDArray[np.int64]
    failed: Sequence[tuple[int, str]]


def read(images: Sequence[SourceFile], wanted: Wanted, unit: Unit) -> Reading:
    """Read the images at a unit's places, as the model takes them.

    Raises:
        ValueError: The model has no fixed size, and the images differ in theirs.
    """
    places, pixels, failed = [], [], []
    for place in unit.task["places"]:
        try:
            image = read_rgb(images[place].path)
        except ImageReadError as error:
            failed.append((place, error.reason))
            continue
        places.append(place)
        pixels.append(wanted.fit(image))
    known = [images[place].label for place in places]
    labels = np.array([_UNKNOWN if label is None else label for label in known], np.int64)
    batch = stack(pixels, os.fspath(Path(images[places[0]].path).parent)) if places else None
    return Reading(places, batch, labels, failed)


def attack_images(site: RunModels, reading: Reading, *, attack: Attack) -> Record:
    """Attack a batch, and classify each image again as its PNG file gives it back.

    Returns:
        Of the images that were read: their places, labels, classes before and after the attack and of the PNG file,
        norms, steps, and whether the attack succeeded before rounding; the PNG files under their places.
    """
    facts = {"failed": list(reading.failed)}
    places = np.array(reading.places, np.int64)
    if reading.pixels is None:
        return Record({"places": places}, facts)
    own = site.predictor(reading.pixels).argmax(axis=1)
    labels = np.where(reading.labels == _UNKNOWN, own, reading.labels)
    result = attack(site.model, reading.pixels, labels, batch_size=site.batch_size, seed=site.seed)
    files = [encode_png(image) for image in result.images]
    colours = [to_rgb(Image.open(BytesIO(file), formats=("PNG",))) for file in files]
    again = np.stack([like(reading.pixels[0], each) for each in colours])
    arrays = {
        "places": places,
        "labels": labels,
        "before": result.clean_predictions,
        "after": result.predictions,
        "reread": site.predictor(again).argmax(axis=1),
        "l2": result.l2,
        "linf": result.linf,
        "steps": result.steps,
        "fooled": np.zeros(len(labels), bool) if result.float_success is None else result.float_success,
    }
    return Record(arrays, facts, contents={str(place): file for place, file in zip(reading.places, files, strict=True)})
