"""Attack once, defend many: images made on one model, every defence tried on them."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack, AttackResult
from tf_lowdef.evaluation.draws import REPORT_DRAWS, ExpectedModel, attackable
from tf_lowdef.evaluation.outcomes import Made, Outcome, observe
from tf_lowdef.evaluation.predict import Predictor
from tf_lowdef.evaluation.probe import gives_gradient
from tf_lowdef.evaluation.results import CLEAN
from tf_lowdef.evaluation.spool import Spool
from tf_lowdef.files import write_png
from tf_lowdef.jobs import LocalRunner, Record, Unit, Work, cut

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


CLEAN_UNITS = "clean"
"""The name of the units that judge clean images."""

JUDGED = ("shares", "chosen_by", "seconds")
"""The arrays of a record that say what each defence made of its batch."""


class Grid:
    """Counts what each defence makes of clean images and of images that were made on one model.

    A unit of its work is one attack on one batch, with what every defence makes of it.

    Args:
        predictor: The bare classifier.
        defences: The layers of each defence, by name.
        images: What is attacked.
        seed: For attacks that draw random numbers.
        eot_draws: Draws that an attack on a randomised model averages over.
        folder: Where adversarial images are written, None for nowhere.
        runner: Does the units.
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
        runner: LocalRunner | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._predictor = predictor
        self._defences = defences
        self._images = images
        self._seed = seed
        self._eot_draws = eot_draws
        self._folder = folder
        self._runner = runner or LocalRunner()
        self._progress = progress or (lambda: None)

    def clean(self, threat: str) -> list[Outcome]:
        """Count clean images; `threat` names the rows only."""
        outcomes = self._empty(threat, CLEAN, None)
        for _ in self._defended(CLEAN_UNITS, outcomes, self._judge_clean):
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
            made.missing = attack.needs_gradient and not self._has_gradient(threat, target)
            cells = self._empty(threat, name, made)
            work = self._judge_clean if made.missing else partial(self._attack, threat, name, attack, target)
            for places, record in self._defended(f"{threat}/{name}", cells, work):
                if not made.missing:
                    made.put(places, record.arrays, float(record["attack_seconds"]))
                self._progress()
            outcomes += cells
        return outcomes

    def _defended(self, name: str, outcomes: list[Outcome], work: Work) -> Iterator[tuple[Indices, Record]]:
        """Do the units of all images; put what the defences make of them into the outcomes; yield each record."""
        units = cut(name, np.arange(len(self._images)), self._predictor.batch_size)
        for unit, record in zip(units, self._runner.run(units, work), strict=True):
            places = np.array(unit.task["places"], np.int64)
            for number, outcome in enumerate(outcomes):
                shares, chosen_by, seconds = (record[array][number] for array in JUDGED)
                outcome.put(places, shares, chosen_by, float(seconds))
            yield places, record

    def _has_gradient(self, threat: str, target: Any) -> bool:
        def probe(_: Unit) -> Record:
            first = self._images.read(np.arange(1))
            return Record(facts={"gradient": gives_gradient(target, first, self._images.labels[:1])})

        return bool(next(self._runner.run([Unit(f"{threat}/gradient")], probe)).facts["gradient"])

    def _judge_clean(self, unit: Unit) -> Record:
        pixels, labels = self._images.take(unit.task["places"])
        return Record(self._judge(pixels, labels))

    def _attack(self, threat: str, name: str, attack: Attack, target: Any, unit: Unit) -> Record:
        pixels, labels = self._images.take(unit.task["places"])
        started = time.perf_counter()
        result = run_attack(name, attack, target, pixels, labels, self._predictor.batch_size, self._seed)
        seconds = np.array(time.perf_counter() - started)
        folder = None if self._folder is None else image_folder(self._folder, threat, name)
        files = write_images(folder, result.images, [self._images.names[place] for place in unit.task["places"]])
        observed = observe(pixels, result, labels)
        return Record({**observed, **self._judge(result.images, labels), "attack_seconds": seconds}, files=files)

    def _empty(self, threat: str, attack: str, made: Made | None) -> list[Outcome]:
        return [
            Outcome.empty(
                threat, attack, defence, made, len(self._images), REPORT_DRAWS if self._predictor.draws(layers) else 1
            )
            for defence, layers in self._defences.items()
        ]

    def _judge(self, pixels: Pixels, labels: Labels) -> dict[str, npt.NDArray[Any]]:
        """Return shares to report and to choose by, both (defences, batch), and seconds, (defences,)."""
        found = []
        for layers in self._defences.values():
            started = time.perf_counter()
            shares, chosen_by = judge(self._predictor, layers, pixels, labels)
            found.append((shares, chosen_by, np.array(time.perf_counter() - started)))
        return {name: np.stack(arrays) for name, arrays in zip(JUDGED, zip(*found, strict=True), strict=True)}


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


def write_images(folder: Path | None, images: Pixels, names: list[str]) -> tuple[Path, ...]:
    """Write images as PNG, nowhere if `folder` is None, and return the files."""
    if folder is None:
        return ()
    files = tuple(folder / f"{name}.png" for name in names)
    for image, file in zip(images, files, strict=True):
        write_png(file, image)
    return files


def image_folder(folder: Path, threat: str, attack: str, defence: str = "") -> Path:
    """Return where adversarial images lie: ``bim-4``, ``transfer/bim-4``, ``adaptive/webp-60-flip/bim-4``."""
    parts = [threat] if threat != OBLIVIOUS else []
    return folder.joinpath(*(folder_name(part) for part in (*parts, defence, attack) if part))


def folder_name(attack: str) -> str:
    """Return an attack's name as a folder's: ``"bim:4,steps=20"`` becomes ``"bim-4-steps-20"``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", attack)
