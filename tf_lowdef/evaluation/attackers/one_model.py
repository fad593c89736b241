"""Attack once, defend many: images made on one model, every defence tried on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.bounds import in_order
from tf_lowdef.evaluation.attackers.questions import ask
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.judging.outcomes import Made, Outcome
from tf_lowdef.evaluation.judging.probes import FEWEST, Probe, victim_reasons
from tf_lowdef.evaluation.judging.refusals import mark
from tf_lowdef.evaluation.models.draws import REPORT_DRAWS
from tf_lowdef.evaluation.models.judge import Batch
from tf_lowdef.evaluation.models.probe import PROBE_IMAGES
from tf_lowdef.evaluation.models.run_models import JUDGED, RunModels
from tf_lowdef.jobs import LocalRunner, Record, Runner, SplitWork, Unit, cut
from tf_lowdef.results import CLEAN
from tf_lowdef.results.paths import image_folder
from tf_lowdef.threats import Threat

Indices = npt.NDArray[np.int64]

CLEAN_UNITS = "clean"
"""The name of the units that judge clean images."""


class OneModelAttacker:
    """Counts what each defence makes of clean images and of images that were made on one model.

    A unit of its work is one attack on one batch, with what every defence makes of it.

    Args:
        site: The bare classifier, the defences, and what is attacked in the transfer setting.
        images: What is attacked.
        keep: Whether adversarial images are kept.
        runner: Does the units.
        progress: Called after every attack on a batch, and after the clean images of one.
    """

    def __init__(
        self,
        site: RunModels,
        images: Spool,
        *,
        keep: bool = False,
        runner: Runner | None = None,
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._site = site
        self._images = images
        self._keep = keep
        self._runner = runner or LocalRunner()
        self._progress = progress or (lambda: None)

    def clean(self) -> list[Outcome]:
        """Count clean images."""
        outcomes = self._empty(None, CLEAN, None)
        for _ in self._defended(CLEAN_UNITS, outcomes, RunModels.judge_clean):
            self._progress()
        return outcomes

    def attacked(self, threat: Threat, attacks: Mapping[str, Attack]) -> list[Outcome]:
        """Attack the threat's victim with each attack; count what every defence makes of the images.

        Where the model gives no gradient, attacks that need one are not tried: their images are the clean ones.
        """
        outcomes = []
        for name, attack in attacks.items():
            setting = {**attack.describe(), "knowledge": threat.knowledge}
            made = Made(len(self._images), setting, attack.needs_gradient)
            made.missing = attack.needs_gradient and not self._has_gradient(threat)
            cells = self._empty(threat.name, name, made)
            folder = image_folder(threat.name, name) if self._keep else None
            step = partial(RunModels.attack_victim, name=name, attack=attack, folder=folder, threat=threat)
            units = self._defended(f"{threat.name}/{name}", cells, RunModels.judge_clean if made.missing else step)
            for places, record in units:
                if not made.missing:
                    made.put(places, record.arrays, float(record["attack_seconds"]))
                self._progress()
            outcomes += cells
        mark(outcomes)
        reasons = self._doubts(threat, [outcome.made for outcome in outcomes if outcome.made is not None])
        for outcome in outcomes:
            if outcome.made is not None and outcome.made.gradient and not outcome.made.missing and outcome.shares.any():
                outcome.unreliable += reasons
        return outcomes

    def _doubts(self, threat: Threat, made: Sequence[Made]) -> list[str]:
        """Return why gradients through the threat's victim are not to be trusted, asked of images that it gets right.

        Where an attack stops is asked of images that all of them left.
        """
        trusting = [each for each in made if each.gradient and not each.missing]
        attackable = np.any([each.tried & each.attackable for each in trusting], axis=0) if trusting else np.zeros(0)
        places = np.flatnonzero(attackable)[:PROBE_IMAGES]
        if not len(places):
            return []
        bounds = in_order(each.bound for each in trusting if each.bound is not None)
        bound = max((each for each in bounds if each.norm == bounds[0].norm and each.levels >= 1), default=None)
        asked = partial(ask, self._runner, self._site, self._images)
        record = asked(f"{threat.name}/check", places, partial(RunModels.check_victim, threat=threat, bound=bound))
        images, left = record.facts["sanity"]
        fooled, ends = np.zeros(len(self._images), bool), list[Probe]()
        if bound is not None:
            fooled = np.any([each.success & each.within(bound) for each in trusting], axis=0)
            withstand = np.flatnonzero(attackable & ~fooled)[:PROBE_IMAGES]
            if len(withstand) >= FEWEST:
                step = partial(RunModels.probe_victim_ends, threat=threat, bound=bound)
                ends.append(Probe(**asked(f"{threat.name}/ends", withstand, step).facts["probe"]))
        only = int((record["square"] & ~fooled[places]).sum())
        return victim_reasons(Probe(**record.facts["probe"]), ends, images, left, only)

    def _defended(
        self, name: str, outcomes: list[Outcome], step: Callable[[RunModels, Batch], Record]
    ) -> Iterator[tuple[Indices, Record]]:
        """Do the units of all images; put what the defences make of them into the outcomes; yield each record."""
        units = cut(name, np.arange(len(self._images)), self._site.batch_size)
        work = SplitWork(self._images.batch, step, self._site)
        for unit, record in zip(units, self._runner.run(units, work), strict=True):
            places = np.array(unit.task["places"], np.int64)
            for number, outcome in enumerate(outcomes):
                shares, chosen_by, suspicion, seconds = (record[array][number] for array in JUDGED)
                outcome.put(places, shares, chosen_by, float(seconds), suspicion)
            yield places, record

    def _has_gradient(self, threat: Threat) -> bool:
        step = partial(RunModels.probe_victim, threat=threat)
        probe = SplitWork(lambda _: self._images.first(), step, self._site)
        return bool(next(self._runner.run([Unit(f"{threat.name}/gradient")], probe)).facts["gradient"])

    def _empty(self, threat: str | None, attack: str, made: Made | None) -> list[Outcome]:
        draws = self._site.predictor.draws
        return [
            Outcome.empty(threat, attack, name, made, len(self._images), REPORT_DRAWS if draws(defence) else 1)
            for name, defence in self._site.defences.items()
        ]
