"""What a defence makes of a batch: which images are still classified correctly, and which example is the worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import AttackResult
from tf_lowdef.defences import Defence
from tf_lowdef.evaluation.models.draws import CHOOSING_DRAWS, REPORT_DRAWS
from tf_lowdef.evaluation.models.predict import NonFiniteOutputError, Predictor
from tf_lowdef.results import CLEAN

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]


class Batch(NamedTuple):
    """Images for one step: uint8 (n, height, width, 3), int64 (n,), and the names of their files without suffix."""

    pixels: Pixels
    labels: Labels
    names: Sequence[str] = ()

    def take(self, places: npt.NDArray[np.int64]) -> Batch:
        """Return some of the images."""
        names = [self.names[place] for place in places] if self.names else ()
        return Batch(self.pixels[places], self.labels[places], names)


class Found(NamedTuple):
    """What an attack through one gradient made of some places of a batch, and what `judge` makes of that."""

    places: npt.NDArray[np.int64]
    result: AttackResult
    shares: Shares
    chosen_by: Shares
    suspicion: Shares


def judge(predictor: Predictor, defence: Defence, pixels: Pixels, labels: Labels) -> tuple[Shares, Shares, Shares]:
    """Return each image's share of correct draws behind a defence: those to report, and others to choose by.

    The third is how suspicious the image looks, in the mean of the first; not a number where nothing is suspected.
    """
    shares, suspicion = predictor.judge(pixels, labels, defence, tuple(range(REPORT_DRAWS)))
    if not predictor.draws(defence):
        return shares, shares, suspicion
    choosing = math.ceil(CHOOSING_DRAWS / defence.copies)
    others = tuple(range(REPORT_DRAWS, REPORT_DRAWS + choosing))
    return shares, predictor.correct_shares(pixels, labels, defence, others), suspicion


def judge_named(
    predictor: Predictor, defence: Defence, batch: Batch, pixels: Pixels, attack: str
) -> tuple[Shares, Shares, Shares]:
    """Return what `judge` does; where the model's output is not finite, name file, attack and defence.

    Args:
        predictor: Of the bare classifier.
        defence: In front of it.
        batch: The clean images, with names and labels.
        pixels: What an attack made of them.
        attack: Its name, ``"none"`` for the clean images themselves.

    Raises:
        ValueError: The model's output is NaN or infinite.
    """
    try:
        return judge(predictor, defence, pixels, batch.labels)
    except NonFiniteOutputError as error:
        name = batch.names[error.image] if error.image < len(batch.names) else f"number {error.image}"
        made = "clean image" if attack == CLEAN else f"image that {attack} made of"
        raise ValueError(
            f"The model's output is NaN or infinite for the {made} {name!r} behind the defence {defence.name!r}"
        ) from error


def worst_example(found: Sequence[Found]) -> Found:
    """Return each image's worst example, the earlier one of two alike; the first attack was on every image."""
    values = {name: value.copy() for name, value in vars(found[0].result).items() if value is not None}
    shares, chosen_by, suspicion = (array.copy() for array in found[0][2:])
    for places, result, its_shares, its_chosen_by, its_suspicion in found[1:]:
        worse = its_chosen_by < chosen_by[places]
        shares[places[worse]], chosen_by[places[worse]] = its_shares[worse], its_chosen_by[worse]
        suspicion[places[worse]] = its_suspicion[worse]
        for name, value in values.items():
            value[places[worse]] = getattr(result, name)[worse]
    return Found(found[0].places, AttackResult(**values), shares, chosen_by, suspicion)
