"""Which images an evaluation uses: readable ones, drawn with a seed, only the correctly classified if so wished."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from tf_lowdef.evaluation.dataset import ImageData, Pixels
from tf_lowdef.evaluation.predict import Predictor

Labels = npt.NDArray[np.int64]


@dataclass
class Selection:
    """The images that an evaluation uses, and what was found on the way.

    Attributes:
        indices: Into the data, ascending.
        skipped: The name of each image that could not be read, with the reason.
        left_out: Images passed over because the bare model misclassifies them.
        correct: For each index, whether the bare model classifies the image correctly.
        seen_labels: The labels of every image that was classified, chosen or not; int64.
        seen_predictions: What the bare model says of them; int64.
        first_logits: Logits of the first batch, float32 of shape (batch, classes).
    """

    indices: list[int] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    correct: dict[int, bool] = field(default_factory=dict)
    left_out: int = 0
    seen_labels: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    seen_predictions: Labels = field(default_factory=lambda: np.zeros(0, np.int64))
    first_logits: npt.NDArray[np.float32] | None = None


def select_images(
    data: ImageData,
    predictor: Predictor,
    *,
    limit: int | None = None,
    only_correct: bool = False,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Selection:
    """Classify clean images until `limit` of them qualify.

    With a `limit` the images are drawn in an order that `seed` decides, because the first images of a sorted data set
    are all of a few classes.

    Raises:
        ValueError: No image qualifies.
    """
    order = np.arange(len(data)) if limit is None else np.random.default_rng(seed).permutation(len(data))
    wanted = len(data) if limit is None else min(limit, len(data))
    selection = Selection()
    for start in range(0, len(order), predictor.batch_size):
        if len(selection.indices) >= wanted:
            break
        batch = [int(index) for index in order[start : start + predictor.batch_size]]
        _select_from(selection, data, batch, predictor, only_correct, wanted)
        if progress is not None:
            progress(min(len(selection.indices), wanted), wanted)
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


def _select_from(
    selection: Selection, data: ImageData, batch: list[int], predictor: Predictor, only_correct: bool, wanted: int
) -> None:
    images, failed = data.read_batch(batch)
    selection.skipped += [(data.names[index], reason) for index, reason in failed.items()]
    readable = [index for index in batch if index not in failed]
    if not readable:
        return
    logits = predictor(stack(images, data.source))
    if selection.first_logits is None:
        selection.first_logits = logits
    labels, predictions = data.labels[readable], logits.argmax(axis=1)
    selection.seen_labels = np.concatenate([selection.seen_labels, labels])
    selection.seen_predictions = np.concatenate([selection.seen_predictions, predictions])
    correct = dict(zip(readable, (predictions == labels).tolist(), strict=True))
    selection.correct.update(correct)
    chosen = [index for index in readable if correct[index] or not only_correct]
    selection.left_out += len(readable) - len(chosen)
    selection.indices += chosen[: wanted - len(selection.indices)]


def _nothing_left(data: ImageData, selection: Selection) -> str:
    if selection.left_out:
        return f"{data.source}: the model classifies none of {selection.left_out} images correctly"
    reason = f" The first: {selection.skipped[0][1]}" if selection.skipped else ""
    return f"{data.source}: none of {len(data)} images could be read.{reason}"
