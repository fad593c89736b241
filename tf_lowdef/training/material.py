"""The images of a training: those that can be read, those trained on, and those held back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from tf_lowdef.data.image_data import ImageData, Pixels
from tf_lowdef.evaluation.images.selection import image_digest, stack
from tf_lowdef.evaluation.judging.checks import label_doubts
from tf_lowdef.evaluation.models.opening import open_labelled
from tf_lowdef.jobs.progress import Progress, Steps
from tf_lowdef.models.range_probe import images_to_probe
from tf_lowdef.training.feeding import Labels, draw, split

MOST_VALIDATED = 500
"""Held-back images, their copies not counted, that are attacked after every epoch."""
_AT_ONCE = 256


@dataclass(frozen=True)
class Material:
    """What is trained on, and what is held back.

    Attributes:
        images: All of the data.
        used: Indices of those to train on, in ascending order.
        held_back: Images, uint8 (n, height, width, channels), and their labels, int64.
        sha256: Of pixels and labels of those to train on, and of those held back.
        failed: Why an image could not be read, by name.
    """

    images: ImageData
    used: list[int]
    held_back: tuple[Pixels, Labels]
    sha256: tuple[str, str]
    failed: dict[str, str]

    @property
    def facts(self) -> dict[str, Any]:
        """How many images, and which, in plain JSON values."""
        counts = {"trained_on": len(self.used), "validated_on": len(self.held_back[1])}
        return counts | dict(zip(("trained_on_sha256", "validated_on_sha256"), self.sha256, strict=True))

    @property
    def least_side(self) -> int:
        """Height or width of the images, whichever is less."""
        return int(min(self.held_back[0].shape[1:3]))


@dataclass(frozen=True)
class Opened:
    """Data that were opened and not yet read.

    Attributes:
        images: To train on.
        validation: To hold back; or the share of `images` that is.
    """

    images: ImageData
    validation: ImageData | float

    def check_knows(self, classifier: Any) -> list[str]:
        """Return warnings where so few images cannot tell whether a model knows its classes.

        Raises:
            ValueError: It is near chance, or its labels seem shifted.
        """
        both = [self.images] if isinstance(self.validation, float) else [self.images, self.validation]
        return [doubt for images in both for doubt in _check_knows(classifier, images)]

    def read(self, seed: int, report: Progress) -> Material:
        """Read every image, those that are held back once more.

        A damaged one is found before the first epoch, so that every batch has images and all epochs have equal steps;
        and whether a training that was stopped is the same, the pixels decide.

        Args:
            seed: Decides what is held back.
            report: Called as it goes on.

        Raises:
            ValueError: Fewer than two images can be read, none of the validation, their sizes differ, or the validation
                holds images that are trained on.
        """
        images, failed = self.images, dict[str, str]()
        steps = Steps(report, "Reading", len(images))
        digests: dict[int, bytes] = {}
        for good, batch in _read(images, range(len(images)), failed, steps):
            digests |= zip(good, map(image_digest, batch), strict=True)
        if len(digests) < 2:
            raise ValueError(f"{images.source}: fewer than two images could be read: {next(iter(failed.values()), '')}")
        if isinstance(self.validation, float):
            others, (used, back) = images, _divide(digests, self.validation, seed, images.source)
        else:
            others, used = self.validation, list(digests)
            _, back = draw(len(others), MOST_VALIDATED, seed)
        kept = list(_read(others, back, failed))
        if not kept:
            raise ValueError(f"{others.source}: no image could be read: {next(iter(failed.values()), '')}")
        pixels = np.concatenate([batch for _, batch in kept])
        labels = others.labels[[index for good, _ in kept for index in good]]
        trained_on, held_back = [digests[index] for index in used], [image_digest(each) for each in pixels]
        _check_apart(trained_on, held_back)
        told = _digest(trained_on, images.labels[used]), _digest(held_back, labels)
        return Material(images, used, (pixels, labels), told, failed)


def open_material(classifier: Any, data: Any, validation: Any, labels: Any, input_range: Any) -> Opened:
    """Return data and validation, opened for a classifier.

    Args:
        classifier: What `open_classifier` returns.
        data: See `harden`.
        validation: See there.
        labels: See there.
        input_range: See there.

    Raises:
        ValueError: A share is not between 0 and 1, a label has no class, or there are fewer than two images.
    """
    images = open_labelled(classifier, data, labels, input_range)
    if len(images) < 2:
        raise ValueError(f"A training needs two images or more. Received: {len(images)}")
    if not isinstance(validation, Real):
        return Opened(images, open_labelled(classifier, validation, labels, input_range))
    if isinstance(validation, bool) or not 0 < float(validation) < 1:
        raise ValueError(
            f"`validation` must be a share above 0 and below 1, or images. Received: validation={validation!r}"
        )
    return Opened(images, float(validation))


def _read(
    images: ImageData, indices: Sequence[int], failed: dict[str, str], steps: Steps | None = None
) -> Iterator[tuple[list[int], Pixels]]:
    """Yield images, some at a time, with their indices; note in `failed` what cannot be read."""
    one: list[Pixels] = []
    for start in range(0, len(indices), _AT_ONCE):
        chosen = list(indices[start : start + _AT_ONCE])
        pixels, reasons = images.read_batch(chosen)
        failed |= {images.names[index]: reason for index, reason in reasons.items()}
        if pixels:
            batch = stack([*one, *pixels], images.source)[len(one) :]
            one = pixels[:1]
            yield [index for index in chosen if index not in reasons], batch
        if steps is not None:
            steps.add(len(chosen))


def _divide(digests: dict[int, bytes], share: float, seed: int, source: str) -> list[list[int]]:
    """Return the indices to train on and those held back; all copies of an image are on one side."""
    copies: dict[bytes, list[int]] = {}
    for index, digest in digests.items():
        copies.setdefault(digest, []).append(index)
    if len(copies) < 2:
        raise ValueError(f"{source}: a training needs two different images or more. Received: copies of one image")
    groups = list(copies.values())
    sides = split(len(groups), share, seed, MOST_VALIDATED)
    return [sorted(index for place in some for index in groups[place]) for some in sides]


def _check_apart(trained_on: Iterable[bytes], held_back: Iterable[bytes]) -> None:
    """Raise ValueError where images that choose the epoch are trained on: they praise what knows them by heart."""
    known = set(trained_on)
    shared = sum(digest in known for digest in held_back)
    if shared:
        raise ValueError(f"`validation` must hold other images than those trained on: {shared} of it are in `data` too")


def _digest(images: Iterable[bytes], labels: Labels) -> str:
    """Return a SHA-256 of images, by their digests, and labels."""
    return hashlib.sha256(b"".join(images) + labels.astype("<i8").tobytes()).hexdigest()


def _check_knows(classifier: Any, images: ImageData) -> list[str]:
    chosen = images_to_probe(images.labels)
    pixels, failed = images.read_batch(chosen)
    if not pixels:
        return []  # reading them all will say so
    labels = images.labels[[index for index in chosen if index not in failed]]
    logits = classifier.predict(stack(pixels, images.source).astype(np.float32), batch_size=64, verbose=0)
    predictions = logits.argmax(axis=1)
    wrong, unknown = label_doubts(predictions, labels, logits.shape[1])
    for found in wrong:
        raise ValueError(
            f"{found}. Of a model that knows nothing yet, say from_scratch=True, on the command line --from-scratch"
        )
    return unknown
