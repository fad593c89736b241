"""The oblivious grid: adversarial images are made once an attack, and every defence is tried on them."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack, AttackResult
from tf_lowdef.evaluation.metrics import max_or_none, mean_or_none, median_minimal_norm, ssim, wilson_interval
from tf_lowdef.evaluation.predict import Predictor
from tf_lowdef.evaluation.results import CLEAN, Row
from tf_lowdef.files import write_png

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

OBLIVIOUS = "oblivious"


@dataclass
class _Tally:
    """What one defence made of one attack's images (or of the clean ones), batch by batch."""

    correct: list[Flags] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class _Perturbations:
    """What one attack did, batch by batch; the norms of images that were misclassified already are left out."""

    l2: list[float] = field(default_factory=list)
    linf: list[float] = field(default_factory=list)
    ssim: list[float] = field(default_factory=list)
    success: list[bool] = field(default_factory=list)
    zero_gradient: list[bool] = field(default_factory=list)
    left_out: int = 0
    seconds: float = 0.0

    def add(self, clean: Pixels, result: AttackResult, attackable: Flags) -> None:
        self.l2 += result.l2[attackable].tolist()
        self.linf += result.linf[attackable].tolist()
        self.success += result.success[attackable].tolist()
        self.zero_gradient += result.zero_gradient[attackable].tolist()
        self.left_out += int((~attackable).sum())
        similarity = ssim(clean, result.images)
        if similarity is not None:
            self.ssim += similarity[attackable].tolist()


class Grid:
    """Attacks batches of images and counts what each defence makes of them.

    Args:
        model: The bare classifier, which is what gets attacked.
        predictor: The same, for predictions.
        attacks: By name.
        defences: The layers of each defence, by name.
        seed: For attacks that draw random numbers.
        folder: Where adversarial images are written, None for nowhere.
        progress: Called after every attack on a batch, and after the clean images.
    """

    def __init__(
        self,
        model: Any,
        predictor: Predictor,
        attacks: dict[str, Attack],
        defences: dict[str, tuple[Any, ...]],
        *,
        seed: int = 0,
        folder: Path | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._model = model
        self._predictor = predictor
        self._attacks = attacks
        self._defences = defences
        self._seed = seed
        self._folder = folder
        self._progress = progress or (lambda: None)
        self._perturbations = {name: _Perturbations() for name in attacks}
        self._tallies = {(attack, defence): _Tally() for attack in (CLEAN, *attacks) for defence in defences}
        self._resolution: tuple[int, int] | None = None

    def add(self, images: Pixels, labels: Labels, attackable: Flags, names: Sequence[str]) -> None:
        """Attack and count one batch.

        Args:
            images: uint8, shape (n, height, width, 3).
            labels: int64, shape (n,), the true classes.
            attackable: bool, shape (n,), whether the bare model classifies the clean image correctly.
            names: n unique names.
        """
        self._resolution = (images.shape[1], images.shape[2])
        self._defend(CLEAN, images, labels)
        self._progress()
        for name, attack in self._attacks.items():
            result = self._attack(name, attack, images, labels, attackable)
            self._write(name, result.images, names)
            self._defend(name, result.images, labels)
            self._progress()

    def rows(self) -> list[Row]:
        """Return the counts so far, attack by attack, in the order of the defences."""
        return [self._row(attack, defence) for attack, defence in self._tallies]

    def _attack(self, name: str, attack: Attack, images: Pixels, labels: Labels, attackable: Flags) -> AttackResult:
        started = time.perf_counter()
        with warnings.catch_warnings():
            # once for the whole run it stands among the results' warnings
            warnings.filterwarnings("ignore", "The model's outputs are nonnegative", UserWarning)
            result = attack(self._model, images, labels, batch_size=self._predictor.batch_size, seed=self._seed)
        perturbations = self._perturbations[name]
        perturbations.seconds += time.perf_counter() - started
        perturbations.add(images, result, attackable)
        return result

    def _defend(self, attack: str, images: Pixels, labels: Labels) -> None:
        for name, layers in self._defences.items():
            tally = self._tallies[attack, name]
            started = time.perf_counter()
            tally.correct.append(self._predictor(images, layers).argmax(axis=1) == labels)
            tally.seconds += time.perf_counter() - started

    def _write(self, attack: str, images: Pixels, names: Sequence[str]) -> None:
        if self._folder is not None:
            for image, name in zip(images, names, strict=True):
                write_png(self._folder / folder_name(attack) / f"{name}.png", image)

    def _row(self, attack: str, defence: str) -> Row:
        tally = self._tallies[attack, defence]
        correct = np.concatenate(tally.correct) if tally.correct else np.zeros(0, bool)
        counted, n = int(correct.sum()), len(correct)
        common: dict[str, Any] = {
            "threat": OBLIVIOUS,
            "attack": attack,
            "defence": defence,
            "n": n,
            "correct": counted,
            "top1": counted / n if n else 0.0,
            "ci95": wilson_interval(counted, n),
            "resolution": self._resolution,
            "seconds": round(tally.seconds, 3),
        }
        if attack == CLEAN:
            return Row(**common)
        return Row(**common, **self._attack_columns(attack, defence, correct))

    def _attack_columns(self, attack: str, defence: str, correct: Flags) -> dict[str, Any]:
        perturbations = self._perturbations[attack]
        clean = self._tallies[CLEAN, defence].correct
        right_before = np.concatenate(clean) if clean else np.zeros(0, bool)
        setting = self._attacks[attack].describe()
        minimal_norm = setting.get("epsilon") is None
        return {
            "success_rate": mean_or_none(~correct[right_before]),
            "attacked": len(perturbations.l2),
            "left_out": perturbations.left_out,
            "zero_gradient": sum(perturbations.zero_gradient),
            "l2_mean": mean_or_none(perturbations.l2),
            "linf_max": max_or_none(perturbations.linf),
            "ssim_mean": mean_or_none(perturbations.ssim),
            "median_minimal_l2": median_minimal_norm(perturbations.l2, perturbations.success) if minimal_norm else None,
            "setting": {**setting, "knowledge": "none: the bare model is attacked"},
            "attack_seconds": round(perturbations.seconds, 3),
        }


def folder_name(attack: str) -> str:
    """Return an attack's name as a folder's: ``"bim:4,steps=20"`` becomes ``"bim-4-steps-20"``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", attack)
