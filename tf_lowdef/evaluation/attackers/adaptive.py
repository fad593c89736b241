"""The attacker who knows of the defence: each defended model is attacked through its own gradient."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.attackers.budgets import Budget
from tf_lowdef.evaluation.attackers.questions import Questions, Target
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.judging.outcomes import Attacked, Made, Outcome, survivors
from tf_lowdef.evaluation.judging.probes import end_reasons, probe_reasons
from tf_lowdef.evaluation.models.attempts import sanity_attack
from tf_lowdef.evaluation.models.draws import REPORT_DRAWS
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.evaluation.models.run_models import RunModels, padded_size
from tf_lowdef.jobs import LocalRunner, Record, Runner, SplitWork, cut
from tf_lowdef.results.paths import image_folder
from tf_lowdef.threats import Threat

Indices = npt.NDArray[np.int64]

SANITY = "sanity"
"""The name of the units that try `SANITY_EPSILON`; their images are not kept."""


class AdaptiveAttacker:
    """Attacks defended models.

    An image that the defended model misclassifies clean is not attacked: the attacker has what he wants. Where layers
    offer several gradients each attack is tried through all of them, and the worst example of an image counts.

    Args:
        threat: Whose attacker this is.
        site: The classifier and the defences.
        images: What is attacked.
        explicit: Attacks tried on every image, by name.
        budget: What is tried besides.
        bounds: Within which the budget's attacks are tried.
        keep: Whether the images that fool their defence are kept.
        runner: Does the units, one attack on one batch each.
        progress: Called with how many images an attack is done with, those included that it need not be tried on.
    """

    def __init__(
        self,
        threat: Threat,
        site: RunModels,
        images: Spool,
        explicit: Mapping[str, Attack],
        budget: Budget,
        bounds: Sequence[Bound],
        *,
        keep: bool = False,
        runner: Runner | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._threat = threat
        self._site = site
        self._images = images
        self._explicit = explicit
        self._budget = budget
        self._bounds = bounds
        self._keep = keep
        self._runner = runner or LocalRunner()
        self._progress = progress or (lambda _: None)
        self._ask = Questions(threat, site, images, budget, self._runner)

    @property
    def stages(self) -> int:
        """How many attacks one defence goes through."""
        return len(self._explicit) + sum(len(self._cascade(bound)) for bound in self._bounds)

    def attack(self, defence: str, clean: Outcome) -> Attacked:
        """Attack one defence with everything; `clean` is what it makes of the clean images."""
        target, attacked = Target(defence, self._ask.differentiable(defence), clean), Attacked()
        attacked.reasons = probe_reasons(self._ask.probe(target))
        everything = np.flatnonzero((clean.shares > 0) | (clean.chosen_by > 0))
        for name, attack in self._explicit.items():
            attacked.outcomes.append(self._stage(target, name, attack, everything, conditional=False))
        for bound in self._bounds:
            self._run_cascade(target, bound, everything, attacked)
        left = {bound: survivors(clean, attacked.outcomes, bound) for bound in self._bounds}
        largest = {bound.norm: (bound, places) for bound, places in left.items() if len(places)}
        for bound, places in largest.values():
            attacked.reasons += end_reasons(self._ask.probe_ends(target, bound, places))
        if largest or (not left and any(outcome.shares.any() for outcome in attacked.outcomes)):
            self._check_sanity(target, attacked)
        return attacked

    def _run_cascade(self, target: Target, bound: Bound, everything: Indices, attacked: Attacked) -> None:
        """Try the budget's attacks within one bound, each on what those before have left.

        What attacks without gradients have fooled is still tried by those with them: otherwise nothing would show that
        the gradients lead nowhere. Likewise what the attack of another kind has fooled, where it was asked for and so
        came first: otherwise nothing would show what the others leave to it.
        """
        another = self._budget.check(bound, class_count(self._site.model))
        asked = next((each for each in attacked.outcomes if another and each.attack == another.spec), None)
        if asked is not None:
            attacked.another[bound] = asked
        for attack in self._cascade(bound):
            earlier = [
                outcome
                for outcome in attacked.outcomes
                if outcome.made and outcome is not asked and (outcome.made.gradient or not attack.needs_gradient)
            ]
            before = any(outcome.made and outcome.made.bound == bound for outcome in earlier)
            places = survivors(target.clean, earlier, bound) if before else everything
            if before and not len(places):
                self._progress(len(self._images))
                continue
            attacked.outcomes.append(self._stage(target, attack.spec, attack, places, conditional=before))
            if attack == another:
                attacked.another[bound] = attacked.outcomes[-1]

    def _cascade(self, bound: Bound) -> list[Attack]:
        """Return the budget's attacks within one bound, that of another kind last, without what was asked for."""
        classes = class_count(self._site.model)
        cascade, another = self._budget.cascade(bound, classes), self._budget.check(bound, classes)
        cascade += [] if another is None else [another]
        return [attack for attack in cascade if attack.spec not in self._explicit]

    def _stage(self, target: Target, name: str, attack: Attack, places: Indices, conditional: bool) -> Outcome:
        """Try one attack on some images of one defence."""
        strong = strengthen(attack)
        setting = {**strong.describe(), "knowledge": self._threat.knowledge, "budget": self._budget.name}
        made = Made(len(self._images), setting, attack.needs_gradient)
        draws = REPORT_DRAWS if self._site.predictor.draws(self._site.defences[target.defence]) else 1
        outcome = Outcome.empty(self._threat.name, name, target.defence, made, len(self._images), draws)
        outcome.conditional = conditional
        if not conditional:  # what is wrong clean counts as wrong
            outcome.put(np.arange(len(self._images)), target.clean.shares, target.clean.chosen_by)
        made.missing = not target.attackable_by(attack)
        self._progress(len(self._images) - len(places))
        if made.missing:
            outcome.put(places, target.clean.shares[places], target.clean.chosen_by[places])
            self._progress(len(places))
            return outcome
        self._ask.self_test(target, name, strong, made)
        for part, record in self._attacked(target, name, strong, places):
            made.put(part, record.arrays, float(record["attack_seconds"]))
            outcome.put(part, record["shares"], record["chosen_by"], float(record["seconds"]), record["suspicion"])
            self._progress(len(part))
        return outcome

    def _attacked(self, target: Target, name: str, attack: Attack, places: Indices) -> Iterator[tuple[Indices, Record]]:
        """Do the units of one attack on some images of one defence; yield the places and the record of each."""
        units = cut(
            f"{self._threat.name}/{target.defence}/{name}", places, padded_size(len(places), self._site.batch_size)
        )
        step = partial(
            RunModels.attack_defended,
            defence=target.defence,
            name=attack.spec if name == SANITY else name,
            attack=attack,
            through=target.attackable_by(attack),
            folder=image_folder(self._threat.name, name, target.defence) if self._keep and name != SANITY else None,
        )
        work = SplitWork(self._images.batch, step, self._site)
        for unit, record in zip(units, self._runner.run(units, work), strict=True):
            yield np.array(unit.task["places"], np.int64), record

    def _check_sanity(self, target: Target, attacked: Attacked) -> None:
        """Attack a few images with a perturbation that nothing can withstand."""
        places = target.right(self._budget.sanity_images)
        if not target.differentiable or not len(places):
            return
        attack = sanity_attack(self._budget.sanity_steps)
        records = [record for _, record in self._attacked(target, SANITY, attack, places)]
        attacked.sanity_images = len(places)
        attacked.sanity_left = int(sum((record["shares"] >= 0.5).sum() for record in records))


def strengthen(attack: Attack) -> Attack:
    """Return the attack keeping its best rounded point instead of its last, where it has several."""
    if "keep" not in {field.name for field in dataclasses.fields(attack)}:  # type: ignore[arg-type]  # a dataclass
        return attack
    return dataclasses.replace(attack, keep="best")  # type: ignore[type-var]
