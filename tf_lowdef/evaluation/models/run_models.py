"""The models of an evaluation in one process, and all that is done to a batch with them."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack, Square
from tf_lowdef.bounds import Bound
from tf_lowdef.defences import Defence
from tf_lowdef.evaluation.judging.outcomes import observe
from tf_lowdef.evaluation.models.attempts import probe_ends, run_attack, run_probe, sanity_attack
from tf_lowdef.evaluation.models.draws import ExpectedModel, attackable
from tf_lowdef.evaluation.models.judge import Batch, Found, Pixels, judge_named, worst_example
from tf_lowdef.evaluation.models.planted import self_test
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.evaluation.models.probe import gives_gradient
from tf_lowdef.evaluation.models.variants import defended_models
from tf_lowdef.files import encode_png
from tf_lowdef.jobs import Record
from tf_lowdef.models.adapter import say_range
from tf_lowdef.results import CLEAN
from tf_lowdef.threats import Threat

JUDGED = ("shares", "chosen_by", "suspicion", "seconds")
"""The arrays of a record that say what each defence made of its batch."""

SHORT_SQUARE = 100
"""Queries of the attack without gradients that a victim is tried with."""


class RunModels:
    """A classifier, what it is attacked by, and the defences in front of it.

    The methods that return a record are the steps of the units of an evaluation. What they return follows from their
    arguments alone, so that it does not matter in which process there is a site for them.

    Args:
        model: The bare classifier.
        defences: By name.
        surrogate: The model that the transfer attacker attacks.
        batch_size: Images in a forward pass.
        seed: For everything random.
        draws: Draws that an attack on a randomised model averages over.
    """

    def __init__(
        self,
        model: Any,
        defences: Mapping[str, Defence],
        *,
        surrogate: Any = None,
        batch_size: int = 32,
        seed: int = 0,
        draws: int = 1,
    ) -> None:
        for each in (model, surrogate):
            if each is not None:
                say_range(each)  # so that attacks need not try it
        self.model, self.surrogate, self.defences = model, surrogate, defences
        self.batch_size, self.seed, self.draws = batch_size, seed, draws
        self.predictor = Predictor(model, batch_size, seed)
        self._victims: dict[str, Any] = {}
        self._defended: tuple[str, list[Any]] = ("", [])
        self._behind: dict[str, Any] = {}

    def victim(self, threat: Threat) -> Any:
        """Return the one model that a threat's attacker attacks, as an attack should see it."""
        if threat.name not in self._victims:
            self._victims[threat.name] = attackable(threat.victim(self), self.draws, self.batch_size)
        return self._victims[threat.name]

    def defended(self, defence: str) -> list[Any]:
        """Return the models through whose gradients a defence is attacked; only the latest defence's are kept."""
        if self._defended[0] != defence or not self._defended[1]:
            models = defended_models(self.model, self.defences[defence], self.draws)
            models = [say_range(model) for model in models]
            self._defended = defence, [attackable(model, self.draws, self.batch_size) for model in models]
        return self._defended[1]

    def behind(self, defence: str) -> Any:
        """Return the classifier with a defence in front of it, made once."""
        if defence not in self._behind:
            self._behind[defence] = self.defences[defence].in_front_of(self.model)
        return self._behind[defence]

    def probe_victim(self, batch: Batch, *, threat: Threat) -> Record:
        """Return whether a threat's victim has a gradient."""
        return Record(facts={"gradient": gives_gradient(self.victim(threat), *batch[:2])})

    def probe_defended(self, batch: Batch, *, defence: str) -> Record:
        """Return which of a defence's models have a gradient."""
        return Record(facts={"gradients": [gives_gradient(model, *batch[:2]) for model in self.defended(defence)]})

    def probe_gradient(self, asked: tuple[Batch, int], *, defence: str) -> Record:
        """Return what some images tell of one gradient of a defended model; see `probe`."""
        batch, number = asked
        found = run_probe(self.defended(defence)[number], *batch[:2], self.batch_size, self.seed)
        return Record(facts={"probe": found._asdict()})

    def probe_ends(self, asked: tuple[Batch, int], *, defence: str, bound: Bound) -> Record:
        """Return what one gradient of a defended model is worth where an attack stops; see `probe_ends`."""
        batch, number = asked
        found = probe_ends(self.defended(defence)[number], bound, *batch[:2], self.batch_size, self.seed)
        return Record(facts={"probe": found._asdict()})

    def probe_victim_ends(self, batch: Batch, *, threat: Threat, bound: Bound) -> Record:
        """Return what the gradient of a threat's victim is worth where an attack stops; see `probe_ends`."""
        found = probe_ends(self.victim(threat), bound, *batch[:2], self.batch_size, self.seed)
        return Record(facts={"probe": found._asdict()})

    def self_test(self, batch: Batch, *, defence: str, attack: Attack, number: int) -> Record:
        """Return how many planted examples an attack finds through one gradient of a defended model."""
        return Record(facts=self_test(self.defended(defence)[number], attack, *batch[:2], self.seed)._asdict())

    def check_victim(self, batch: Batch, *, threat: Threat, bound: Bound | None) -> Record:
        """Return what some images tell of a threat's victim: its gradient, and attacks that need or need not trust it.

        Args:
            batch: The images.
            threat: Whose victim.
            bound: Of a short Square attack; None leaves it out.

        Returns:
            ``probe``; ``sanity``, how many images were attacked at `SANITY_EPSILON` and how many of them were left; and
            bool ``square``, which images the Square attack fooled, none where the victim draws.
        """
        victim = self.victim(threat)
        found = run_probe(victim, *batch[:2], self.batch_size, self.seed)
        sanity = run_attack("sanity", sanity_attack(), victim, *batch[:2], self.batch_size, self.seed)
        right = sanity.clean_predictions == batch.labels
        fooled = np.zeros(len(batch.labels), bool)
        if bound is not None and not isinstance(victim, ExpectedModel):
            square = Square(bound.epsilon, SHORT_SQUARE, norm=bound.norm)
            fooled = run_attack("square", square, victim, *batch[:2], self.batch_size, self.seed).success & right
        facts = {"probe": found._asdict(), "sanity": [int(right.sum()), int((right & ~sanity.success).sum())]}
        return Record({"square": fooled}, facts=facts)

    def judge_clean(self, batch: Batch) -> Record:
        """Return what every defence makes of clean images."""
        return Record(self._judge_all(batch, batch.pixels, CLEAN))

    def attack_victim(self, batch: Batch, *, name: str, attack: Attack, folder: str | None, threat: Threat) -> Record:
        """Attack a threat's victim, and return what every defence makes of the images.

        Args:
            batch: What to attack.
            name: The attack's.
            attack: The attack.
            folder: Where in the run's folder the images go, None for nowhere.
            threat: Whose attacker attacks.
        """
        started = time.perf_counter()
        result = run_attack(name, attack, self.victim(threat), *batch[:2], self.batch_size, self.seed)
        seconds = np.array(time.perf_counter() - started)
        arrays = {
            **observe(batch.pixels, result, batch.labels),
            **self._judge_all(batch, result.images, name),
            "attack_seconds": seconds,
        }
        return Record(arrays, contents=as_files(folder, result.images, batch.names))

    def attack_defended(
        self,
        batch: Batch,
        *,
        defence: str,
        name: str,
        attack: Attack,
        through: Sequence[int],
        folder: str | None,
    ) -> Record:
        """Attack a defended model through some of its gradients in turn; keep each image's worst example.

        Args:
            batch: What to attack.
            defence: What stands in front of the model.
            name: What the draws of a randomised model depend on.
            attack: The attack.
            through: Which of `defended` are attacked.
            folder: Where in the run's folder the images go that fool the defence in most draws, None for nowhere.
        """
        started = time.perf_counter()
        worst, judging = self._attack_through(batch, defence, name, attack, through)
        result, shares = worst.result, worst.shares
        seconds = time.perf_counter() - started - judging
        arrays = {
            **observe(batch.pixels, result, batch.labels),
            "shares": shares,
            "chosen_by": worst.chosen_by,
            "suspicion": worst.suspicion,
            "attack_seconds": np.array(seconds),
            "seconds": np.array(judging),
        }
        fooling = shares < 0.5
        names = [name for name, fools in zip(batch.names, fooling, strict=True) if fools] if folder else []
        return Record(arrays, contents=as_files(folder, result.images[fooling], names))

    def _attack_through(
        self, batch: Batch, defence: str, name: str, attack: Attack, through: Sequence[int]
    ) -> tuple[Found, float]:
        """Attack through one gradient after the other, each time what is still classified correctly in some draw.

        Returns:
            Each image's worst example, what `judge` makes of it, and the seconds that the judging took.
        """
        models = self.defended(defence)
        found: list[Found] = []
        left, judging = np.arange(len(batch.pixels)), 0.0
        for number in through:
            size = padded_size(len(left), self.batch_size)
            part = batch.take(left)
            result = run_attack(name, attack, models[number], *part[:2], size, self.seed)
            started = time.perf_counter()
            judged = judge_named(self.predictor, self.defences[defence], part, result.images, attack.spec)
            found.append(Found(left, result, *judged))
            judging += time.perf_counter() - started
            left = left[found[-1].chosen_by > 0]
            if not len(left):
                break
        return worst_example(found), judging

    def _judge_all(self, batch: Batch, pixels: Pixels, attack: str) -> dict[str, npt.NDArray[Any]]:
        """Return what `judge` makes of a batch behind every defence, (defences, batch), and seconds, (defences,)."""
        found = []
        for defence in self.defences.values():
            started = time.perf_counter()
            judged = judge_named(self.predictor, defence, batch, pixels, attack)
            found.append((*judged, np.array(time.perf_counter() - started)))
        return {name: np.stack(arrays) for name, arrays in zip(JUDGED, zip(*found, strict=True), strict=True)}


def padded_size(count: int, batch_size: int) -> int:
    """Return the least power of two that holds `count` images, at most the batch size: a batch is padded to it."""
    return min(batch_size, 1 << max(count - 1, 0).bit_length())


def as_files(folder: str | None, images: Pixels, names: Sequence[str]) -> dict[str, bytes]:
    """Return images as PNG files in a folder, by name; none if `folder` is None."""
    if folder is None:
        return {}
    return {f"{folder}/{name}.png": encode_png(image) for image, name in zip(images, names, strict=True)}
