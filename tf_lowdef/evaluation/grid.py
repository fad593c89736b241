"""Attack once, defend many: images made on one model, every defence tried on them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.evaluation.draws import REPORT_DRAWS
from tf_lowdef.evaluation.outcomes import Made, Outcome
from tf_lowdef.evaluation.results import CLEAN
from tf_lowdef.evaluation.site import JUDGED, Batch, Site
from tf_lowdef.evaluation.spool import Spool
from tf_lowdef.jobs import LocalRunner, Record, Runner, SplitWork, Unit, cut

Indices = npt.NDArray[np.int64]

IMAGES = "adversarial"
"""The folder in a run's folder that holds adversarial images."""

OBLIVIOUS, TRANSFER, ADAPTIVE = "oblivious", "transfer", "adaptive"
THREATS = (OBLIVIOUS, TRANSFER, ADAPTIVE)

KNOWLEDGE = {
    OBLIVIOUS: "none: the bare model is attacked",
    TRANSFER: "none, nor of the model: another model is attacked",
    ADAPTIVE: "full: the defended model is attacked",
}


CLEAN_UNITS = "clean"
"""The name of the units that judge clean images."""


class Grid:
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
        site: Site,
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

    def clean(self, threat: str) -> list[Outcome]:
        """Count clean images; `threat` names the rows only."""
        outcomes = self._empty(threat, CLEAN, None)
        for _ in self._defended(CLEAN_UNITS, outcomes, Site.judge_clean):
            self._progress()
        return outcomes

    def attacked(self, threat: str, attacks: Mapping[str, Attack]) -> list[Outcome]:
        """Attack the model with each attack, the surrogate for the transfer threat; count what every defence makes.

        Where the model gives no gradient, attacks that need one are not tried: their images are the clean ones.
        """
        outcomes, surrogate = [], threat == TRANSFER
        for name, attack in attacks.items():
            made = Made(len(self._images), {**attack.describe(), "knowledge": KNOWLEDGE[threat]}, attack.needs_gradient)
            made.missing = attack.needs_gradient and not self._has_gradient(threat)
            cells = self._empty(threat, name, made)
            folder = image_folder(threat, name) if self._keep else None
            step = partial(Site.attack_bare, name=name, attack=attack, folder=folder, surrogate=surrogate)
            for places, record in self._defended(f"{threat}/{name}", cells, Site.judge_clean if made.missing else step):
                if not made.missing:
                    made.put(places, record.arrays, float(record["attack_seconds"]))
                self._progress()
            outcomes += cells
        return outcomes

    def _defended(
        self, name: str, outcomes: list[Outcome], step: Callable[[Site, Batch], Record]
    ) -> Iterator[tuple[Indices, Record]]:
        """Do the units of all images; put what the defences make of them into the outcomes; yield each record."""
        units = cut(name, np.arange(len(self._images)), self._site.batch_size)
        work = SplitWork(self._images.batch, step, self._site)
        for unit, record in zip(units, self._runner.run(units, work), strict=True):
            places = np.array(unit.task["places"], np.int64)
            for number, outcome in enumerate(outcomes):
                shares, chosen_by, seconds = (record[array][number] for array in JUDGED)
                outcome.put(places, shares, chosen_by, float(seconds))
            yield places, record

    def _has_gradient(self, threat: str) -> bool:
        step = partial(Site.probe_bare, surrogate=threat == TRANSFER)
        probe = SplitWork(lambda _: self._images.first(), step, self._site)
        return bool(next(self._runner.run([Unit(f"{threat}/gradient")], probe)).facts["gradient"])

    def _empty(self, threat: str, attack: str, made: Made | None) -> list[Outcome]:
        draws = self._site.predictor.draws
        return [
            Outcome.empty(threat, attack, defence, made, len(self._images), REPORT_DRAWS if draws(layers) else 1)
            for defence, layers in self._site.defences.items()
        ]


def image_folder(threat: str, attack: str, defence: str = "") -> str:
    """Return where in a run's folder adversarial images lie.

    ``adversarial/bim-4``, ``adversarial/transfer/bim-4``, ``adversarial/adaptive/webp-60-flip/bim-4``.
    """
    parts = [threat] if threat != OBLIVIOUS else []
    return "/".join([IMAGES, *(folder_name(part) for part in (*parts, defence, attack) if part)])


def folder_name(attack: str) -> str:
    """Return an attack's name as a folder's: ``"bim:4,steps=20"`` becomes ``"bim-4-steps-20"``."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", attack)
