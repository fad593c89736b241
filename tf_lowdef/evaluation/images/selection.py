"""Which images an evaluation uses: readable ones, drawn with a seed, only the correctly classified if so wished."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tf_lowdef.data.image_data import ImageData, Pixels
from tf_lowdef.evaluation.models.predict import Logits, NonFiniteOutputError
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import LocalRunner, Record, Runner, SplitWork, Unit, cut

Labels = npt.NDArray[np.int64]
Check = Callable[[Logits], list[str]]


@dataclass
class Selection:
    """The images that an evaluation uses, and what was found on the way.

    Attributes:
        indices: Into the data, ascending.
        skipped: The name of each image that could not be read, with the reason.
        left_out: Images passed over because the bare model misclassifies them.
        seen_labels: The labels of every image up to the last one that is used; int64.
        seen_predictions: What the bare model says of them; int64.
        warnings: What `check` had to say of the first batch.
        digests: For each image that was classified, by index, a hash of its pixels.
    """

    indices: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0
    seen_labels: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    seen_predictions: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    warnings: list[str] = field(default_factory=list)
    digests: dict[int, bytes] = field(default_factory=dict)


def select_images(
    data: ImageData,
    site: RunModels,
    *,
    limit: int | None = None,
    only_correct: bool = False,
    seed: int = 0,
    runner: Runner | None = None,
    check: Check | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Selection:
    """Classify clean images until `limit` of them qualify; a unit of this work is a batch.

    With a `limit` the images are drawn in an order that `seed` decides, because the first images of a sorted data set
    are all of a few classes.

    Args:
        data: The images.
        site: The bare classifier.
        limit: How many are wanted; None for all.
        only_correct: Whether those that are misclassified do not qualify.
        seed: Decides the order.
        runner: Does the units.
        check: Called with the logits of the first batch before anything is kept; returns warnings, or raises.
        progress: Called with how many images qualify, and how many are wanted.

    Raises:
        ValueError: No image qualifies.
    """
    order = np.arange(len(data)) if limit is None else np.random.default_rng(seed).permutation(len(data))
    wanted = len(data) if limit is None else min(limit, len(data))
    selection = Selection()
    units = cut("selection", order, site.batch_size)
    work = SplitWork(lambda unit: _read(data, unit, check if unit == units[0] else None), classify, site)
    for record in (runner or LocalRunner()).run(units, work):
        _select_from(selection, data, record, only_correct, wanted)
        if progress is not None:
            progress(min(len(selection.indices), wanted), wanted)
        if len(selection.indices) >= wanted:
            break
    selection.indices.sort()
    if not selection.indices:
        raise ValueError(_nothing_left(data, selection))
    return selection


def stack(images: Sequence[Pixels], source: str) -> Pixels:
    """Return images as one batch.

    Raises:
        ValueError: Their sizes differ, which happens where the model's input has no fixed size to resize them to.
    """
    sizes = sorted({image.shape[:2] for image in images})
    if len(sizes) > 1:
        raise ValueError(
            f"{source}: the model has no fixed input size, so all images must have one size. "
            f"Received: {sizes[0][0]} x {sizes[0][1]} and {sizes[1][0]} x {sizes[1][1]} among others"
        )
    return np.stack(images)


def image_digest(pixels: Pixels) -> bytes:
    """Return a hash of an image's pixels: 16 bytes."""
    return hashlib.blake2b(pixels.tobytes(), digest_size=16).digest()


@dataclass(frozen=True)
class _Reading:
    """A batch as it was read.

    The readable images' indices, their pixels, why others are not, what to check, and their names.
    """

    readable: list[int]
    pixels: Pixels | None
    failed: dict[int, str]
    check: Check | None
    names: list[str] = field(default_factory=list)


def _read(data: ImageData, unit: Unit, check: Check | None) -> _Reading:
    batch: list[int] = unit.task["places"]
    images, failed = data.read_batch(batch)
    pixels = stack(images, data.source) if images else None
    readable = [index for index in batch if index not in failed]
    return _Reading(readable, pixels, failed, check, [data.names[index] for index in readable])


def classify(site: RunModels, reading: _Reading) -> Record:
    """Classify a batch."""
    facts = {"failed": list(reading.failed.items()), "warnings": list[str]()}
    readable = np.array(reading.readable, np.int64)
    if reading.pixels is None:
        return Record({"readable": readable}, facts)
    try:
        logits = site.predictor(reading.pixels)
    except NonFiniteOutputError as error:
        name = reading.names[error.image]
        raise ValueError(f"The model's output is NaN or infinite for the clean image {name!r}") from error
    if reading.check is not None:
        facts["warnings"] = reading.check(logits)
    digests = np.frombuffer(b"".join(map(image_digest, reading.pixels)), np.uint8).reshape(len(readable), -1)
    return Record({"readable": readable, "predictions": logits.argmax(axis=1), "digests": digests}, facts)


def _select_from(selection: Selection, data: ImageData, record: Record, only_correct: bool, wanted: int) -> None:
    """Take in a batch that was classified."""
    selection.skipped += [(data.names[index], reason) for index, reason in record.facts["failed"]]
    selection.warnings += record.facts["warnings"]
    readable: list[int] = record["readable"].tolist()
    if not readable:
        return
    labels, predictions = data.labels[readable], record["predictions"]
    selection.digests.update(zip(readable, (digest.tobytes() for digest in record["digests"]), strict=True))
    correct = dict(zip(readable, (predictions == labels).tolist(), strict=True))
    chosen = [index for index in readable if correct[index] or not only_correct][: wanted - len(selection.indices)]
    selection.indices += chosen
    # what a batch holds beyond the last image that is wanted has no part in the run, and none in what is said of it
    seen = readable.index(chosen[-1]) + 1 if len(selection.indices) >= wanted else len(readable)
    selection.left_out += seen - len(chosen)
    selection.seen_labels = np.concatenate([selection.seen_labels, labels[:seen]])
    selection.seen_predictions = np.concatenate([selection.seen_predictions, predictions[:seen]])


def _nothing_left(data: ImageData, selection: Selection) -> str:
    if selection.left_out:
        return f"{data.source}: the model classifies none of {selection.left_out} images correctly"
    reason = f" The first: {selection.skipped[0][1]}" if selection.skipped else ""
    return f"{data.source}: none of {len(data)} images could be read.{reason}"
