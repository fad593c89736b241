"""What is asked of a defended model besides attacking it: whether what attacks rely on is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.attackers.budgets import Budget
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.judging.outcomes import Made, Outcome
from tf_lowdef.evaluation.judging.probes import FEWEST, Probe
from tf_lowdef.evaluation.models.planted import reaches_a_level
from tf_lowdef.evaluation.models.probe import PROBE_IMAGES
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import Record, Runner, SplitWork, Unit
from tf_lowdef.threats import Threat

Indices = npt.NDArray[np.int64]
Step = Callable[..., Record]


@dataclass(frozen=True)
class Target:
    """A defence under attack: which of its site's models have gradients, and what it makes of the clean images."""

    defence: str
    differentiable: list[int]
    clean: Outcome

    def attackable_by(self, attack: Attack) -> list[int]:
        """Return the models that an attack is tried on; all of them classify alike."""
        return self.differentiable if attack.needs_gradient else [0]

    def right(self, most: int) -> Indices:
        """Return the first images that it classifies correctly in most draws, at most so many."""
        return np.flatnonzero(self.clean.shares > 0.5)[:most]


def ask(runner: Runner, site: RunModels, images: Spool, name: str, places: Indices, step: Step) -> Record:
    """Return the record of one unit: what a step of a run finds in some of its images.

    Args:
        runner: Does the unit.
        site: The classifier and the defences.
        images: Of the run.
        name: Of the unit.
        places: Which images.
        step: From the site and a batch of these.
    """
    unit = Unit(name, {"places": places.tolist()})
    return next(runner.run([unit], SplitWork(images.batch, step, site)))


class Questions:
    """Asks a few images about a defended model, a unit each.

    Args:
        threat: Whose attacker asks.
        site: The classifier and the defences.
        images: What is attacked.
        budget: How many images a self-test takes.
        runner: Does the units.
    """

    def __init__(self, threat: Threat, site: RunModels, images: Spool, budget: Budget, runner: Runner) -> None:
        self._threat, self._site, self._images = threat, site, images
        self._budget, self._runner = budget, runner

    def differentiable(self, defence: str) -> list[int]:
        """Return which of a defence's models have a gradient."""
        step = partial(RunModels.probe_defended, defence=defence)
        probe = SplitWork(lambda _: self._images.first(), step, self._site)
        flags = next(self._runner.run([Unit(f"{self._threat.name}/{defence}/gradient")], probe)).facts["gradients"]
        return [number for number, flag in enumerate(flags) if flag]

    def probe(self, target: Target) -> list[Probe]:
        """Return what a few images that a defended model classifies correctly tell of each of its gradients."""
        places = target.right(PROBE_IMAGES)
        if not target.differentiable or not len(places):
            return []
        return self._of_each(target, "probe", places, partial(RunModels.probe_gradient, defence=target.defence))

    def probe_ends(self, target: Target, bound: Bound, left: Indices) -> list[Probe]:
        """Return what each gradient is worth where an attack within a bound stops, asked of images that it left."""
        if not target.differentiable or len(left) < FEWEST or bound.levels < 1:
            return []
        step = partial(RunModels.probe_ends, defence=target.defence, bound=bound)
        return self._of_each(target, f"ends/{bound}", left[:PROBE_IMAGES], step)

    def self_test(self, target: Target, name: str, attack: Attack, made: Made) -> None:
        """Let an attack with gradients find examples that were planted, and note how it did; not where draws decide."""
        places = target.right(self._budget.planted_images)
        draws = self._site.predictor.draws(self._site.defences[target.defence])
        if draws or not attack.needs_gradient or not reaches_a_level(attack) or not len(places):
            return
        step = partial(RunModels.self_test, defence=target.defence, attack=attack, number=target.differentiable[0])
        record = self._asked(f"{target.defence}/{name}/self-test", places, step)
        made.planted, made.found = int(record.facts["planted"]), int(record.facts["found"])
        if made.planted:
            verdict = "failed" if made.failed_self_test else "passed"
            made.setting["self_test"] = f"{verdict}: {made.found} of {made.planted} planted examples found"

    def _of_each(self, target: Target, name: str, places: Indices, step: Step) -> list[Probe]:
        """Ask about each gradient of a defence, each a unit, so that workers share them."""
        units = [
            Unit(
                f"{self._threat.name}/{target.defence}/{name}-{number}",
                {"places": places.tolist(), "through": number},
            )
            for number in target.differentiable
        ]
        work = SplitWork(lambda unit: (self._images.batch(unit), unit.task["through"]), step, self._site)
        return [Probe(**record.facts["probe"]) for record in self._runner.run(units, work)]

    def _asked(self, name: str, places: Indices, step: Step) -> Record:
        return ask(self._runner, self._site, self._images, f"{self._threat.name}/{name}", places, step)
