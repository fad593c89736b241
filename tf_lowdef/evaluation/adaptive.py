"""The attacker who knows of the defence: each defended model is attacked through its own gradient."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import PGD, Attack, AttackResult
from tf_lowdef.evaluation.budgets import Budget
from tf_lowdef.evaluation.draws import REPORT_DRAWS, attackable
from tf_lowdef.evaluation.grid import ADAPTIVE, KNOWLEDGE, image_folder, judge, run_attack, write_images
from tf_lowdef.evaluation.outcomes import Made, Outcome, observe, survivors
from tf_lowdef.evaluation.predict import Predictor
from tf_lowdef.evaluation.probe import gives_gradient
from tf_lowdef.evaluation.spool import Spool
from tf_lowdef.evaluation.variants import defended_models
from tf_lowdef.jobs import LocalRunner, Record, Unit, cut

Indices = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]
Shares = npt.NDArray[np.float64]

SANITY_EPSILON = 64.0
"""Grey levels at which no image may hold: enough distortion must reach 0 % (Carlini et al. 2019, section 5.2)."""


SANITY = "sanity"
"""The name of the units that try `SANITY_EPSILON`; their images are not kept."""


@dataclass
class Attacked:
    """What the adaptive attacker did to one defence.

    Attributes:
        outcomes: One for each attack, in the order in which they were tried.
        doubled: For each epsilon, the outcome of the doubled steps, where they were tried.
        sanity_images: How many images were attacked at `SANITY_EPSILON`.
        sanity_left: Of these, how many were still classified correctly.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    doubled: dict[float, Outcome] = field(default_factory=dict)
    sanity_images: int = 0
    sanity_left: int = 0


@dataclass(frozen=True)
class _Target:
    """A defence under attack: its models, which of them have gradients, and what it makes of the clean images."""

    defence: str
    layers: tuple[Any, ...]
    models: list[Any]
    differentiable: list[Any]
    clean: Outcome

    def attackable_by(self, attack: Attack) -> list[Any]:
        """Return the models that an attack is tried on; all of them classify alike."""
        return self.differentiable if attack.needs_gradient else self.models[:1]


class AdaptiveAttacker:
    """Attacks defended models.

    An image that the defended model misclassifies clean is not attacked: the attacker has what he wants. Where layers
    offer several gradients each attack is tried through all of them, and the worst example of an image counts.

    Args:
        base: The bare classifier.
        predictor: The same, for predictions.
        images: What is attacked.
        explicit: Attacks tried on every image, by name.
        budget: What is tried besides.
        epsilons: At which the budget's attacks are tried.
        seed: For attacks that draw random numbers.
        folder: Where the images are written that fool their defence, None for nowhere.
        runner: Does the units, one attack on one batch each.
        progress: Called with how many images an attack is done with, those included that it need not be tried on.
    """

    def __init__(
        self,
        base: Any,
        predictor: Predictor,
        images: Spool,
        explicit: Mapping[str, Attack],
        budget: Budget,
        epsilons: Sequence[float],
        *,
        seed: int = 0,
        folder: Path | None = None,
        runner: LocalRunner | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._base = base
        self._predictor = predictor
        self._images = images
        self._explicit = explicit
        self._budget = budget
        self._epsilons = epsilons
        self._seed = seed
        self._folder = folder
        self._runner = runner or LocalRunner()
        self._progress = progress or (lambda _: None)

    @property
    def stages(self) -> int:
        """How many attacks one defence goes through."""
        return len(self._explicit) + sum(len(self._cascade(epsilon)) for epsilon in self._epsilons)

    def attack(self, defence: str, layers: tuple[Any, ...], clean: Outcome) -> Attacked:
        """Attack one defence with everything; `clean` is what it makes of the clean images."""
        models = [attackable(model, self._budget.draws) for model in defended_models(self._base, layers)]
        target, attacked = _Target(defence, layers, models, self._differentiable(defence, models), clean), Attacked()
        everything = np.flatnonzero((clean.shares > 0) | (clean.chosen_by > 0))
        for name, attack in self._explicit.items():
            attacked.outcomes.append(self._stage(target, name, attack, everything, conditional=False))
        for epsilon in self._epsilons:
            self._run_cascade(target, epsilon, everything, attacked)
        if any(len(survivors(target.clean, attacked.outcomes, epsilon)) for epsilon in self._epsilons):
            self._check_sanity(target, attacked)
        return attacked

    def _run_cascade(self, target: _Target, epsilon: float, everything: Indices, attacked: Attacked) -> None:
        """Try the budget's attacks at one epsilon, each on what those before have left."""
        doubled = self._budget.twice(epsilon)
        for attack in self._cascade(epsilon):
            before = any(outcome.made and outcome.made.epsilon == epsilon for outcome in attacked.outcomes)
            places = survivors(target.clean, attacked.outcomes, epsilon) if before else everything
            if before and not len(places):
                self._progress(len(self._images))
                continue
            attacked.outcomes.append(self._stage(target, attack.spec, attack, places, conditional=before))
            if attack == doubled:
                attacked.doubled[epsilon] = attacked.outcomes[-1]

    def _cascade(self, epsilon: float) -> list[Attack]:
        """Return the budget's attacks at one epsilon, the doubled steps last, without those that were asked for."""
        cascade = self._budget.cascade(epsilon, int(self._base.output_shape[-1]))
        doubled = self._budget.twice(epsilon)
        cascade += [] if doubled is None else [doubled]
        return [attack for attack in cascade if attack.spec not in self._explicit]

    def _stage(self, target: _Target, name: str, attack: Attack, places: Indices, conditional: bool) -> Outcome:
        """Try one attack on some images of one defence."""
        strong = strengthen(attack)
        setting = {**strong.describe(), "knowledge": KNOWLEDGE[ADAPTIVE], "budget": self._budget.name}
        made = Made(len(self._images), setting, attack.needs_gradient)
        draws = REPORT_DRAWS if self._predictor.draws(target.layers) else 1
        outcome = Outcome.empty(ADAPTIVE, name, target.defence, made, len(self._images), draws)
        outcome.conditional = conditional
        if not conditional:  # what is wrong clean counts as wrong
            outcome.put(np.arange(len(self._images)), target.clean.shares, target.clean.chosen_by)
        made.missing = not target.attackable_by(attack)
        self._progress(len(self._images) - len(places))
        if made.missing:
            outcome.put(places, target.clean.shares[places], target.clean.chosen_by[places])
            self._progress(len(places))
            return outcome
        for part, record in self._attacked(target, name, strong, places):
            made.put(part, record.arrays, float(record["attack_seconds"]))
            outcome.put(part, record["shares"], record["chosen_by"], float(record["seconds"]))
            self._progress(len(part))
        return outcome

    def _attacked(
        self, target: _Target, name: str, attack: Attack, places: Indices
    ) -> Iterator[tuple[Indices, Record]]:
        """Do the units of one attack on some images of one defence; yield the places and the record of each."""
        units = cut(f"{ADAPTIVE}/{target.defence}/{name}", places, self._batch_size(len(places)))
        work = partial(self._attack_batch, target, name, attack)
        for unit, record in zip(units, self._runner.run(units, work), strict=True):
            yield np.array(unit.task["places"], np.int64), record

    def _attack_batch(self, target: _Target, name: str, attack: Attack, unit: Unit) -> Record:
        """Attack one batch through every gradient; keep each image's worst example, and write what fools."""
        started = time.perf_counter()
        places = unit.task["places"]
        pixels, labels = self._images.take(places)
        size, models = self._batch_size(len(pixels)), target.attackable_by(attack)
        draws = attack.spec if name == SANITY else name
        results = [run_attack(draws, attack, model, pixels, labels, size, self._seed) for model in models]
        seconds = time.perf_counter() - started
        judged = [judge(self._predictor, target.layers, result.images, labels) for result in results]
        best = np.argmin([chosen_by for _, chosen_by in judged], axis=0)
        result, each = _pick(results, best), np.arange(len(pixels))
        shares, chosen_by = (np.stack(arrays)[best, each] for arrays in zip(*judged, strict=True))
        arrays = {
            **observe(pixels, result, labels),
            "shares": shares,
            "chosen_by": chosen_by,
            "attack_seconds": np.array(seconds),
            "seconds": np.array(time.perf_counter() - started - seconds),
        }
        files = () if name == SANITY else self._write(target, name, places, result.images, shares)
        return Record(arrays, files=files)

    def _check_sanity(self, target: _Target, attacked: Attacked) -> None:
        """Attack a few images with a perturbation that nothing can withstand."""
        places = np.flatnonzero(target.clean.shares > 0.5)[: self._budget.sanity_images]
        if not target.differentiable or not len(places):
            return
        attack = strengthen(PGD(SANITY_EPSILON, steps=self._budget.sanity_steps))
        records = [record for _, record in self._attacked(target, SANITY, attack, places)]
        attacked.sanity_images = len(places)
        attacked.sanity_left = int(sum((record["shares"] >= 0.5).sum() for record in records))

    def _differentiable(self, defence: str, models: list[Any]) -> list[Any]:
        """Return the models that have a gradient."""

        def probe(_: Unit) -> Record:
            pixels, labels = self._images.take([0])
            return Record(facts={"gradients": [gives_gradient(model, pixels, labels) for model in models]})

        flags = next(self._runner.run([Unit(f"{ADAPTIVE}/{defence}/gradient")], probe)).facts["gradients"]
        return [model for model, flag in zip(models, flags, strict=True) if flag]

    def _batch_size(self, count: int) -> int:
        """Return the least power of two that holds `count` images, at most the batch size: a batch is padded to it."""
        return min(self._predictor.batch_size, 1 << max(count - 1, 0).bit_length())

    def _write(
        self, target: _Target, name: str, places: Sequence[int], images: Pixels, shares: Shares
    ) -> tuple[Path, ...]:
        """Write the images that fool the defence in most draws."""
        if self._folder is None:
            return ()
        fooling = shares < 0.5
        folder = image_folder(self._folder, ADAPTIVE, name, target.defence)
        names = [self._images.names[place] for place, fools in zip(places, fooling, strict=True) if fools]
        return write_images(folder, images[fooling], names)


def strengthen(attack: Attack) -> Attack:
    """Return the attack keeping its best rounded point instead of its last, where it has several."""
    if "keep" not in {field.name for field in dataclasses.fields(attack)}:  # type: ignore[arg-type]  # a dataclass
        return attack
    return dataclasses.replace(attack, keep="best")  # type: ignore[type-var]


def _pick(results: Sequence[AttackResult], choice: npt.NDArray[np.intp]) -> AttackResult:
    """Return for each image the result that `choice` numbers."""
    each = np.arange(len(choice))
    arrays = {
        field.name: np.stack([getattr(result, field.name) for result in results])[choice, each]
        for field in dataclasses.fields(AttackResult)
        if getattr(results[0], field.name) is not None
    }
    return AttackResult(**arrays)
