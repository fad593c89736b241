"""The thresholds of gates, chosen on clean images that take no other part."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.defences import Calibration, Defence, Gate
from tf_lowdef.defences.calibration import Rightness, calibrate, calibration_doubts
from tf_lowdef.evaluation.images.selection import image_digest, stack
from tf_lowdef.evaluation.models.predict import NonFiniteOutputError, Predictor
from tf_lowdef.validation import Labels

Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SetAside:
    """The gates of a run with their thresholds, and the images that are left to judge them on.

    Attributes:
        defences: By name; what is no gate is as it was.
        images: What may be attacked.
        limit: How many of them at most.
        source: Where the clean images are from that the thresholds were chosen on; None without gates.
        count: How many of the run's own images were set aside for that.
        digests: A hash of the pixels of each image that the thresholds were chosen on, in order.
        doubts: What to know of the thresholds.
    """

    defences: dict[str, Defence]
    images: ImageData
    limit: int | None
    source: str | None = None
    count: int = 0
    digests: tuple[bytes, ...] = ()
    doubts: list[str] = field(default_factory=list)

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """The thresholds of the gates, by name."""
        gates = {name: each for name, each in self.defences.items() if isinstance(each, Gate)}
        return {name: each.calibration for name, each in gates.items() if each.calibration is not None}

    def describe(self) -> dict[str, Any]:
        """Return how the thresholds were chosen, in plain values; nothing without gates."""
        found = {name: each.as_dict() for name, each in self.calibrations.items()}
        return {"gates": {"clean_images": self.source, "set_aside": self.count, "thresholds": found}} if found else {}

    @property
    def identity(self) -> dict[str, str]:
        """What decides the thresholds beside arguments and listings: a hash of all those pixels; nothing without gates.

        Thresholds are chosen anew whenever a run goes on, so that other pixels would be another run's.
        """
        return {"calibration_pixels_sha256": hashlib.sha256(b"".join(self.digests)).hexdigest()} if self.digests else {}

    def check(self, digests: Iterable[bytes]) -> None:
        """Raise ValueError where an image that is judged is one of those that a threshold was chosen on.

        Args:
            digests: Of the images that are judged.
        """
        shared = len(set(self.digests).intersection(digests))
        if shared and not self.count:
            raise ValueError(f"`calibration` must hold other images than those that are judged: {shared} are in both")
        if shared:
            self.doubts.append(f"{shared} images are the same as some that the gates' thresholds were chosen on")


def set_thresholds(
    defences: dict[str, Defence],
    model: Any,
    images: ImageData,
    calibration: ImageData | None,
    limit: int | None,
    batch_size: int,
    seed: int,
    progress: Callable[[int, int], object] | None = None,
) -> SetAside:
    """Choose the thresholds of the gates among some defences, on clean images that take no other part.

    Args:
        defences: By name.
        model: The bare classifier.
        images: Of the run; half of those that it would use are set aside, drawn by the seed, where there is no
            `calibration`.
        calibration: Clean images for the thresholds; None for none.
        limit: How many images the run uses at most, those set aside included.
        batch_size: Images in a forward pass.
        seed: For all chance.
        progress: Called with how many images were asked about, and of how many.

    Raises:
        ValueError: There are too few images; or `calibration` is given and there is no gate.
    """
    gates = {name: each for name, each in defences.items() if isinstance(each, Gate)}
    if not gates:
        if calibration is not None:
            raise ValueError("`calibration` is for gates, and none is among the defences, such as 'gate(webp:60+flip)'")
        return SetAside(defences, images, limit)
    held, count = calibration, 0
    if held is None:
        used = len(images) if limit is None else min(limit, len(images))
        order, count = np.random.default_rng(seed).permutation(len(images)), used // 2
        held, images = images.take(np.sort(order[:count]).tolist()), images.take(np.sort(order[count:]).tolist())
        limit = None if limit is None else max(limit - count, 1)
    predict, doubts, digests = Predictor(model, batch_size, seed), list[str](), tuple[bytes, ...]()
    made = dict(defences)
    for number, (name, each) in enumerate(gates.items()):
        _check_count(each, len(held), count)
        tell = None if progress is None else partial(_tell, progress, number, len(gates))
        scored = score_images(predict, each, held, progress=tell)
        made[name] = found = with_threshold(each, scored)
        doubts += [f"{name}: {doubt}" for doubt in calibration_doubts(found.calibration, each.rule)]  # type: ignore[arg-type]
        doubts += [f"{name}: {reason}" for reason in scored.failed.values()]
        digests = scored.digests
    return SetAside(made, images, limit, held.source, count, digests, doubts)


def _tell(progress: Callable[[int, int], object], number: int, gates: int, done: int, total: int) -> None:
    progress(number * total + done, gates * total)


def _check_count(gate: Gate, given: int, count: int) -> None:
    if given < gate.rule.fewest:
        whose = f"half of the run's images, {count}, are set aside for that" if count else f"`calibration` has {given}"
        raise ValueError(
            f"{gate.name}: its threshold takes {gate.rule.fewest} clean images or more that are not judged, and "
            f"{whose}. Give more images, `calibration`, or a gate that may suspect more, such as gate:0.2(webp:60+flip)"
        )


@dataclass(frozen=True)
class Scored:
    """What a gate makes of clean images, before it has a threshold.

    Attributes:
        scores: float64, (n,): how suspicious each looks.
        right: Which answers to them are.
        digests: A hash of each image's pixels, in order.
        answers: int64, (n,): what the bare classifier takes them for.
        labels: int64, (n,): what they are.
        failed: The reason for each image that could not be read, by its name.
    """

    scores: Scores
    right: Rightness
    digests: tuple[bytes, ...]
    answers: Labels
    labels: Labels
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
    found: list[tuple[Scores, Rightness, Labels]] = []
    used = list[int]()
    digests, failed = list[bytes](), dict[str, str]()
    for start in range(0, len(chosen), predict.batch_size):
        batch = chosen[start : start + predict.batch_size]
        pixels, wrong = images.read_batch(batch)
        failed |= {images.names[index]: reason for index, reason in wrong.items()}
        readable = [index for index in batch if index not in wrong]
        if pixels:
            digests += map(image_digest, pixels)
            used += readable
            found.append(_ask(predict, gate, images, readable, stack(pixels, images.source)))
        if progress is not None:
            progress(start + len(batch), len(chosen))
    if not found:
        reason = f" The first: {next(iter(failed.values()))}" if failed else ""
        raise ValueError(f"{images.source}: none of {len(chosen)} images could be read.{reason}")
    scores, rights, answers = zip(*found, strict=True)
    right = Rightness(*map(np.concatenate, zip(*rights, strict=True)))
    labels = np.asarray(images.labels, np.int64)[used]
    return Scored(np.concatenate(scores), right, tuple(digests), np.concatenate(answers), labels, failed)


def with_threshold(gate: Gate, scored: Scored, labelled: bool = True) -> Gate:
    """Return a gate with the threshold that its rule chooses on some images.

    Args:
        gate: Without one, or with another.
        scored: What it makes of them.
        labelled: Whether their labels are known.

    Raises:
        ValueError: They are too few, or the rule needs labels.
    """
    right = scored.right if labelled else None
    return dataclasses.replace(gate, calibration=calibrate(gate.rule, scored.scores, right))


def _ask(
    predict: Predictor, gate: Gate, images: ImageData, indices: list[int], pixels: npt.NDArray[np.uint8]
) -> tuple[Scores, Rightness, Labels]:
    try:
        outputs = predict.outputs(pixels, gate)
    except NonFiniteOutputError as error:
        name = images.names[indices[error.image]]
        raise ValueError(f"The model's output is NaN or infinite for the clean image {name!r}") from error
    suspicion = np.asarray(gate.suspicion(outputs), np.float64)
    return suspicion, gate.rightness(outputs, images.labels[indices]), gate.own_answers(outputs)
