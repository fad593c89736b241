"""Attack once, defend many: images made on one model, every defence tried on them."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack, AttackResult
from tf_lowdef.evaluation.draws import REPORT_DRAWS, ExpectedModel, attackable
from tf_lowdef.evaluation.outcomes import Made, Outcome
from tf_lowdef.evaluation.predict import Predictor
from tf_lowdef.evaluation.probe import gives_gradient
from tf_lowdef.evaluation.results import CLEAN
from tf_lowdef.evaluation.spool import Spool
from tf_lowdef.files import write_png

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int64]
Shares = npt.NDArray[np.float64]

OBLIVIOUS, TRANSFER, ADAPTIVE = "oblivious", "transfer", "adaptive"
THREATS = (OBLIVIOUS, TRANSFER, ADAPTIVE)

KNOWLEDGE = {
    OBLIVIOUS: "none: the bare model is attacked",
    TRANSFER: "none, nor of the model: another model is attacked",
    ADAPTIVE: "full: the defended model is attacked",
}


class Grid:
    """Counts what each defence makes of clean images and of images that were made on one model.

    Args:
        predictor: The bare classifier.
        defences: The layers of each defence, by name.
        images: What is attacked.
        seed: For attacks that draw random numbers.
        eot_draws: Draws that an attack on a randomised model averages over.
        folder: Where adversarial images are written, None for nowhere.
        progress: Called after every attack on a batch, and after the clean images of one.
    """

    def __init__(
        self,
        predictor: Predictor,
        defences: Mapping[str, tuple[Any, ...]],
        images: Spool,
        *,
        seed: int = 0,
        eot_draws: int = 1,
        folder: Path | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._predictor = predictor
        self._defences = defences
        self._images = images
        self._seed = seed
        self._eot_draws = eot_draws
        self._folder = folder
        self._progress = progress or (lambda: None)

    def clean(self, threat: str) -> list[Outcome]:
        """Count clean images; `threat` names the rows only."""
        outcomes = self._empty(threat, CLEAN, None)
        for places, pixels, labels in self._images.batches(self._predictor.batch_size):
            self._defend(outcomes, places, pixels, labels)
            self._progress()
        return outcomes

    def attacked(self, threat: str, model: Any, attacks: Mapping[str, Attack]) -> list[Outcome]:
        """Attack `model` with each attack and count what every defence makes of its images.

        Where the model gives no gradient, attacks that need one are not tried: their images are the clean ones.
        """
        target = attackable(model, self._eot_draws)
        outcomes = []
        for name, attack in attacks.items():
            made = Made(len(self._images), {**attack.describe(), "knowledge": KNOWLEDGE[threat]}, attack.needs_gradient)
            cells = self._empty(threat, name, made)
            outcomes += cells
            first = self._images.read(np.arange(1))
            made.missing = attack.needs_gradient and not gives_gradient(target, first, self._images.labels[:1])
            for places, pixels, labels in self._images.batches(self._predictor.batch_size):
                shown = pixels
                if not made.missing:
                    shown = self._attack(name, attack, target, made, places, pixels, labels)
                    folder = None if self._folder is None else image_folder(self._folder, threat, name)
                    write_images(folder, shown, [self._images.names[place] for place in places])
                self._defend(cells, places, shown, labels)
                self._progress()
        return outcomes

    def _attack(
        self, name: str, attack: Attack, target: Any, made: Made, places: Indices, pixels: Pixels, labels: Labels
    ) -> Pixels:
        started = time.perf_counter()
        result = run_attack(name, attack, target, pixels, labels, self._predictor.batch_size, self._seed)
        made.add(places, pixels, result, labels, time.perf_counter() - started)
        return result.images

    def _empty(self, threat: str, attack: str, made: Made | None) -> list[Outcome]:
        return [
            Outcome.empty(
                threat, attack, defence, made, len(self._images), REPORT_DRAWS if self._predictor.draws(layers) else 1
            )
            for defence, layers in self._defences.items()
        ]

    def _defend(self, outcomes: list[Outcome], places: Indices, pixels: Pixels, labels: Labels) -> None:
        for outcome in outcomes:
            started = time.perf_counter()
            layers = self._defences[outcome.defence]
            outcome.put(places, *judge(self._predictor, layers, pixels, labels), time.perf_counter() - started)


def judge(predictor: Predictor, layers: tuple[Any, ...], pixels: Pixels, labels: Labels) -> tuple[Shares, Shares]:
    """Return each image's share of correct draws behind a defence: those to report, and others to choose by."""
    shares = predictor.correct_shares(pixels, labels, layers, tuple(range(REPORT_DRAWS)))
    if not predictor.draws(layers):
        return shares, shares
    others = tuple(range(REPORT_DRAWS, 2 * REPORT_DRAWS))
    return shares, predictor.correct_shares(pixels, labels, layers, others)


def run_attack(
    name: str, attack: Attack, target: Any, pixels: Pixels, labels: Labels, batch_size: int, seed: int
) -> AttackResult:
    """Attack one batch; where the target draws, its draws begin anew."""
    if isinstance(target, ExpectedModel):
        target.begin(name, seed)
    with warnings.catch_warnings():
        # once for the whole run it stands among the results' warnings
        warnings.filterwarnings("ignore", "The model's outputs are nonnegative", UserWarning)
        return attack(target, pixels, labels, batch_size=batch_size, seed=seed)


def write_images(folder: Path | None, images: Pixels, names: list[str]) -> None:
    """Write images as PNG, nowhere if `folder` is None."""
    if folder is not None:
        for image, name in zip(images, names, strict=True):
            write_png(folder / f"{name}.png", image)


def image_folder(folder: Path, threat: str, attack: str, defence: str = "") -> Path:
    """Return where adversarial images lie: ``bim-4``, ``transfer/bim-4``, ``adaptive/webp-60-flip/bim-4``."""
    parts = [threat] if threat != OBLIVIOUS else []
    return folder.joinpath(*(folder_name(part) for part in (*parts, defence, attack) if part))


def folder_name(attack: str) -> str:
    """Return an attack's name as a folder's: ``"bim:4,steps=20"`` becomes ``"bim-4-steps-20"``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", attack)
