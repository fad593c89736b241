"""The thresholds of gates, chosen on clean images that take no other part."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.defences import Gate
from tf_lowdef.defences.calibration import calibrate
from tf_lowdef.evaluation.images.selection import image_digest, stack
from tf_lowdef.evaluation.models.predict import NonFiniteOutputError, Predictor

Flags = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """What a gate makes of clean images, before it has a threshold.

    Attributes:
        scores: float64, (n,): how suspicious each looks.
        bare: bool, (n,): whether the classifier is right as it is.
        defended: bool, (n,): whether it is behind the defence that answers.
        digests: A hash of each image's pixels.
        failed: The reason for each image that could not be read, by its name.
    """

    scores: Scores
    bare: Flags
    defended: Flags
    digests: frozenset[bytes]
    failed: dict[str, str] = field(default_factory=dict)


def score_images(
    predict: Predictor,
    gate: Gate,
    images: ImageData,
    indices: Sequence[int] | None = None,
    progress: Callable[[int, int], object] | None = None,
) -> Scored:
    """Ask a gate about clean images, a batch at a time.

    Args:
        predict: Of the bare classifier.
        gate: With or without a threshold.
        images: They are in.
        indices: Which; None for all.
        progress: Called with how many are done, and how many there are.

    Raises:
        ValueError: None can be read, their sizes differ, or the classifier's output is NaN or infinite for one.
    """
    chosen = list(range(len(images))) if indices is None else [int(index) for index in indices]
    found: list[tuple[Scores, Flags, Flags]] = []
    digests, failed = set[bytes](), dict[str, str]()
    for start in range(0, len(chosen), predict.batch_size):
        batch = chosen[start : start + predict.batch_size]
        pixels, wrong = images.read_batch(batch)
        failed |= {images.names[index]: reason for index, reason in wrong.items()}
        readable = [index for index in batch if index not in wrong]
        if pixels:
            digests |= set(map(image_digest, pixels))
            found.append(_ask(predict, gate, images, readable, stack(pixels, images.source)))
        if progress is not None:
            progress(start + len(batch), len(chosen))
    if not found:
        reason = f" The first: {next(iter(failed.values()))}" if failed else ""
        raise ValueError(f"{images.source}: none of {len(chosen)} images could be read.{reason}")
    scores, bare, defended = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Scored(scores, bare, defended, frozenset(digests), failed)


def with_threshold(gate: Gate, scored: Scored, labelled: bool = True) -> Gate:
    """Return a gate with the threshold that its rule chooses on some images.

    Args:
        gate: Without one, or with another.
        scored: What it makes of them.
        labelled: Whether their labels are known.

    Raises:
        ValueError: They are too few, or the rule needs labels.
    """
    flags = (scored.bare, scored.defended) if labelled else (None, None)
    return dataclasses.replace(gate, calibration=calibrate(gate.rule, scored.scores, *flags))


def _ask(
    predict: Predictor, gate: Gate, images: ImageData, indices: list[int], pixels: npt.NDArray[np.uint8]
) -> tuple[Scores, Flags, Flags]:
    try:
        outputs = predict.outputs(pixels, gate)
    except NonFiniteOutputError as error:
        name = images.names[indices[error.image]]
        raise ValueError(f"The model's output is NaN or infinite for the clean image {name!r}") from error
    bare, defended = (np.asarray(each).argmax(axis=1) == images.labels[indices] for each in gate.answers(outputs))
    return np.asarray(gate.suspicion(outputs), np.float64), bare, defended
