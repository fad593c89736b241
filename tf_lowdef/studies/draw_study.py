"""What randomness buys against an attacker who averages over draws, and against one who does not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import parse_attack
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models.draws import REPORT_DRAWS, attackable
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.results.statistics import accuracy_interval
from tf_lowdef.results.table import Table


def draw_study(
    model: Any,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    defences: Sequence[Any],
    attack: str = "bim:4",
    draws: Sequence[int] = (1, 10),
    seed: int = 0,
) -> Table:
    """Return what randomised defences keep when each gradient is the mean over some draws (Athalye et al. 2018, EOT).

    The attacker knows of the defence and goes through its own gradient, but not the numbers that it will draw.

    Args:
        model: The bare classifier, from pixels in [0, 255] to logits.
        images: uint8, shape (n, height, width, 3).
        labels: int64, shape (n,).
        defences: As :func:`tf_lowdef.defences.make_defence` takes them, such as ``"webp:40-80"``.
        attack: With a gradient.
        draws: How many the attacker averages over; a column each.
        seed: For attack and draws.

    Returns:
        A row a defence: top-1 accuracy in percent on the clean and on the attacked images, the mean over ten draws that
        the attack never saw, with an interval over images.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import draw_study
        >>> model, images, labels = load_demo()
        >>> table = draw_study(model, images[:2], labels[:2], ["flip:random"], "fgsm:4", draws=[1])
        >>> len(table.rows), table.rows[0][0]
        (1, 'flip:random')
    """
    predict, rows = Predictor(model, seed=seed), []
    fresh = tuple(range(REPORT_DRAWS))
    for defence in map(make_defence, defences):
        defended = defence.in_front_of(model)
        counts = draws if predict.draws(defence) else draws[:1]  # nothing to average over
        made = [parse_attack(attack)(attackable(defended, each), images, labels, seed=seed).images for each in counts]
        made *= len(draws) // len(counts)
        shares = [predict.correct_shares(pixels, labels, defence, fresh) for pixels in (images, *made)]
        rows.append([defence.name, *(_text(each) for each in shares)])
    return Table(["defence", "clean", *(f"{attack}, {count} draw{'s' * (count > 1)}" for count in draws)], rows)


def _text(shares: npt.NDArray[np.float64]) -> str:
    low, high = accuracy_interval(shares)
    return f"{100 * shares.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"
