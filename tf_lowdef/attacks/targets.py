"""Which classes are likely for an image, and an attack's way through the wrong ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.batch import PaddedBatch
from tf_lowdef.attacks.result import Floats, Ints


def rank_classes(logits: Floats, own: Ints | None, candidates: int) -> npt.NDArray[np.int32]:
    """Return each image's most likely classes, shape (n, at most `candidates`), its own first.

    Args:
        logits: (n, classes).
        own: (n,): the class to be left; None is the most likely one.
        candidates: How many, the own class among them.
    """
    ranked = logits.copy()
    if own is not None:
        ranked[np.arange(len(own)), own] = np.inf
    order: npt.NDArray[np.int32] = np.argsort(-ranked, axis=1, kind="stable")[:, :candidates].astype(np.int32)
    return order


def count_targets(batch: PaddedBatch, most: int) -> int:
    """Return how many wrong classes there are, or `most` if that is less."""
    return min(most, int(batch.logits.shape[1]) - 1)


def aim_at(batch: PaddedBatch, place: int) -> PaddedBatch:
    """Return the batch with each image's likeliest wrong class as its target, or the one `place` behind that."""
    ranked = rank_classes(batch.logits, batch.labels, place + 2)
    return replace(batch, targets=ranked[:, 1 + place].astype(np.int64))
