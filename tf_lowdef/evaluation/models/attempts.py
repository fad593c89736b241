"""Single attacks on single models, and what a few images tell of a gradient, before an attack and where one stops."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import MPGD, Attack, AttackResult
from tf_lowdef.bounds import Bound
from tf_lowdef.evaluation.judging.outcomes import SANITY_EPSILON
from tf_lowdef.evaluation.judging.probes import Probe
from tf_lowdef.evaluation.models.draws import ExpectedModel
from tf_lowdef.evaluation.models.probe import probe
from tf_lowdef.models.changes import unchanged

Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]

END_STEPS = 20
"""Steps after which it is asked what the gradient is worth where they have led."""


def sanity_attack(steps: int = 20) -> MPGD:
    """Return what nothing must withstand; it has two losses, because one may have no gradient."""
    return MPGD(SANITY_EPSILON, steps=steps, restarts=2)


def run_attack(
    name: str, attack: Attack, target: Any, pixels: Pixels, labels: Labels, batch_size: int, seed: int
) -> AttackResult:
    """Attack one batch; where the target draws, its draws begin anew."""
    if isinstance(target, ExpectedModel):
        target.begin(name, seed)
    with warnings.catch_warnings(), unchanged():
        # once for the whole run it stands among the results' warnings
        warnings.filterwarnings("ignore", "The model's outputs are nonnegative", UserWarning)
        return attack(target, pixels, labels, batch_size=batch_size, seed=seed)


def run_probe(target: Any, pixels: Pixels, labels: Labels, batch_size: int, seed: int) -> Probe:
    """Ask what the gradient of a model is worth; where it draws, its draws begin anew. See `probe`."""
    if isinstance(target, ExpectedModel):
        target.begin("probe", seed)
    return probe(target, pixels, labels, seed, batch_size)


def probe_ends(target: Any, bound: Bound, pixels: Pixels, labels: Labels, batch_size: int, seed: int) -> Probe:
    """Ask what the gradient of a model is worth where a short walk within a bound stops, of images that withstand it.

    A gradient that leads uphill from every clean image may turn round just before the class changes.
    """
    walk = MPGD(bound.epsilon, steps=END_STEPS, norm=bound.norm)
    result = run_attack("ends", walk, target, pixels, labels, batch_size, seed)
    left = (result.clean_predictions == labels) & ~result.success
    return run_probe(target, result.images[left], labels[left], batch_size, seed)
