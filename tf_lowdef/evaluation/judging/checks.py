"""Traps that ruin an evaluation without an error, caught before it begins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack
from tf_lowdef.attacks.model_fn import are_probabilities
from tf_lowdef.evaluation.judging.outcomes import Outcome
from tf_lowdef.evaluation.judging.probes import FEWEST
from tf_lowdef.results import CLEAN
from tf_lowdef.results.statistics import wilson_interval
from tf_lowdef.threats import knows_defence

NEAR_CHANCE = 0.05
"""A model that covers less than this share of the way from guessing to perfection counts as guessing."""

SHIFT_GAIN = 0.2
"""How much better top-1 accuracy must become with shifted labels before the shift is suspected."""

FEWEST_DISCORDANT = 7
"""Images that one of two attackers alone has to fool for the exact, one-sided test to reach .01: 2 ** -7 < .01."""

Labels = npt.NDArray[np.int64]

PROBABILITIES = (
    "The model's outputs are probabilities (they sum to one), not logits: gradients through a saturated softmax "
    "vanish, so attacks look weaker than they are. Build the model with classifier_activation=None"
)


def check_labels(labels: Labels, names: list[str], classes: int) -> None:
    """Raise ValueError for a label that the model has no class for; the text names the image."""
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if wrong.size:
        first = int(wrong[0])
        raise ValueError(
            f"Label {labels[first]} of {names[first]!r} is out of range: the model has {classes} classes, so labels "
            f"are 0 to {classes - 1} ({wrong.size} of {len(labels)} labels are out of range)"
        )


def clean_accuracy_warnings(predictions: Labels, labels: Labels, classes: int) -> list[str]:
    """Return warnings about clean predictions that suggest wrong labels, weights or preprocessing.

    Args:
        predictions: int64, shape (n,), of the bare model on clean images.
        labels: int64, shape (n,).
        classes: How many the model tells apart.
    """
    near, unknown = chance_warnings(predictions, labels, classes)
    return near + unknown + shift_warnings(predictions, labels)


def label_doubts(predictions: Labels, labels: Labels, classes: int) -> tuple[list[str], list[str]]:
    """Return what says that labels are not the model's, and what says that images are too few to tell.

    Args:
        predictions: See `clean_accuracy_warnings`.
        labels: See there.
        classes: See there.
    """
    near, unknown = chance_warnings(predictions, labels, classes)
    return near + shift_warnings(predictions, labels), unknown


def is_near_chance(top1: float, classes: int) -> bool:
    """Return whether a top-1 accuracy, 0 to 1, is hardly better than guessing."""
    return top1 < 1 / classes + NEAR_CHANCE * (1 - 1 / classes)


def chance_warnings(predictions: Labels, labels: Labels, classes: int) -> tuple[list[str], list[str]]:
    """Return a warning of a model that is near chance, and one of images that are too few to tell.

    Args:
        predictions: See `clean_accuracy_warnings`.
        labels: See there.
        classes: See there.
    """
    if not len(labels):
        return [], []
    correct, n, chance = int((predictions == labels).sum()), len(labels), 1 / classes
    mistaken = "labels, weights or preprocessing may not belong together"
    if is_near_chance(correct / n, classes):
        return [f"Clean top-1 accuracy is {correct / n:.1%}, near chance ({chance:.1%}): {mistaken}"], []
    if wilson_interval(correct, n)[0] <= chance:
        said = f"Clean top-1 accuracy is {correct / n:.1%} of {n} images, too few to tell it from chance ({chance:.1%})"
        return [], [f"{said}: {mistaken}"]
    return [], []


def shift_warnings(predictions: Labels, labels: Labels) -> list[str]:
    """Return a warning for labels that would fit better one higher or lower."""
    if not len(labels):
        return []
    correct, n, warnings = int((predictions == labels).sum()), len(labels), []
    _, high = wilson_interval(correct, n)
    for shift in (1, -1):
        shifted = int((predictions == labels + shift).sum())
        if shifted / n > correct / n + SHIFT_GAIN and wilson_interval(shifted, n)[0] > high:
            warnings.append(
                f"With every label changed by {shift:+d}, clean top-1 accuracy would be {shifted / n:.1%} "
                f"instead of {correct / n:.1%}: labels must be the model's 0-based class indices"
            )
    return warnings


def few_images_warnings(n: int, adaptive: bool) -> list[str]:
    """Return a warning where images are so few that comparisons of attackers cannot show anything.

    Args:
        n: Images.
        adaptive: Whether an attacker who knows of the defences is among them: his rows are compared.
    """
    if not adaptive or n >= FEWEST_DISCORDANT:
        return []
    return [
        f"{n} images are too few to compare attackers with one another: the exact test can refuse nothing below "
        f"{FEWEST_DISCORDANT}, so that worst cases are checked less than they should be"
    ]


def few_probed_warnings(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a warning where too few images were right for gradients to be asked about, and something was left.

    Args:
        outcomes: Of clean and attacked images.
    """
    right = {each.defence: int((each.shares > 0.5).sum()) for each in outcomes if each.attack == CLEAN}
    few: dict[str, int] = {}
    for each in outcomes:
        if each.threat is None or each.made is None or not each.made.gradient or each.made.missing:
            continue
        adaptive = knows_defence(each.threat)
        count = right[each.defence] if adaptive else int((each.made.tried & each.made.attackable).sum())
        if each.shares.any() and count < FEWEST:
            few[f"{each.threat} against {each.defence}" if adaptive else each.threat] = count
    return [
        f"{who}: the attacked model classifies {count} of the clean images correctly, and {FEWEST} are the fewest that "
        "tell anything of its gradients: what hides them would not be seen"
        for who, count in few.items()
    ]


def probability_warnings(logits: npt.NDArray[np.float32] | None, attacks: Sequence[Attack]) -> list[str]:
    """Return a warning for outputs that are probabilities instead of logits.

    Raises:
        ValueError: An attack among `attacks` cannot work with them.
    """
    if logits is None or not are_probabilities(logits):
        return []
    for attack in attacks:
        if attack.needs_logits:
            raise ValueError(f"{attack.spec} needs logits. {PROBABILITIES}")
    return [PROBABILITIES]
