"""What a gate's suspicion is worth as a detector, row by row."""

from __future__ import annotations

from typing import Any

import numpy as np

from tf_lowdef.defences import Calibration
from tf_lowdef.evaluation.judging.outcomes import Flags, Outcome
from tf_lowdef.results import CLEAN
from tf_lowdef.results.detection import detection


def detection_columns(outcome: Outcome, clean: Outcome, calibration: Calibration | None) -> dict[str, Any]:
    """Return the columns of a row that say how well a gate tells attacked images from clean ones.

    Attacked images are those that fooled the model that they were made on; what fools nobody need not be found. All
    thresholds were chosen on other images.

    Args:
        outcome: What the gate makes of some images.
        clean: What it makes of the clean ones.
        calibration: Its thresholds; None for a defence that is no gate, which has no such columns.
    """
    if calibration is None:
        return {}
    if outcome.attack == CLEAN:
        return {"suspected": float(np.mean(~(clean.suspicion <= calibration.threshold)))}
    scores = outcome.suspicion[_fooling(outcome, clean)]
    found = detection(clean.suspicion, scores, calibration.thresholds)
    if found is None:
        return {"detection_n": 0}
    return {
        "detection_n": found.n,
        "auc": found.auc,
        "auc_ci95": found.auc_ci95,
        "caught_1": found.caught[0],
        "caught_5": found.caught[1],
        "suspected": float(np.mean(~(scores <= calibration.threshold))),
    }


def _fooling(outcome: Outcome, clean: Outcome) -> Flags:
    """Return which of an outcome's images are attacked ones; of a worst case, those that fool the gate."""
    if outcome.made is None:
        fooled: Flags = (clean.shares >= 0.5) & (outcome.shares < 0.5)
        return fooled & outcome.tried
    return outcome.tried & outcome.made.tried & outcome.made.attackable & outcome.made.success
