"""Answers against the expected ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tf_lowdef.layers.gate_head import DEFENDED as TAKEN
from tf_lowdef.layers.gate_head import SUSPICION
from tf_lowdef.serving.exchange import Answer, Arrays
from tf_lowdef.serving.expected import tolerance_of
from tf_lowdef.serving.signatures import DEFENDED, LOGITS, PROBABILITIES, TOP_CLASSES, TOP_NAMES, VALID


def compare(answer: Answer | None, expected: Arrays, lost: str) -> tuple[str, str]:
    """Compare an answer with the expected outputs.

    Args:
        answer: None where there was none.
        expected: Outputs by name.
        lost: What to say where there was none.

    Returns:
        What is wrong, or an empty string; and what agrees.
    """
    if answer is None:
        return lost, ""
    if answer.error is not None:
        return answer.error, ""
    outputs = answer.outputs
    for name, array in expected.items():
        if name not in outputs or outputs[name].shape != array.shape:
            shape = outputs[name].shape if name in outputs else None
            return f"{name} has the shape {shape} instead of {array.shape}", ""
    if VALID in expected and not np.array_equal(outputs[VALID], expected[VALID]):
        return f"{VALID} is {outputs[VALID].tolist()} instead of {expected[VALID].tolist()}", ""
    if DEFENDED in expected and not np.array_equal(outputs[DEFENDED], expected[DEFENDED]):
        differ = int((outputs[DEFENDED] != expected[DEFENDED]).sum())
        return f"{differ} of {expected[DEFENDED].size} values of {DEFENDED} differ", ""
    allowed = tolerance_of(expected[LOGITS])
    apart = {name: _distance(outputs, expected, name) for name in (LOGITS, PROBABILITIES)}
    for name, distance in apart.items():
        if not distance <= allowed:
            return f"{name} are up to {distance:.2g} apart (allowed: {allowed:.2g})", ""
    if SUSPICION in expected:
        distance = _distance(outputs, expected, SUSPICION)
        if not distance <= allowed:
            return f"{SUSPICION} is up to {distance:.2g} apart (allowed: {allowed:.2g})", ""
        if not np.array_equal(outputs[TAKEN], expected[TAKEN]):
            return f"{TAKEN} is {outputs[TAKEN].tolist()} instead of {expected[TAKEN].tolist()}", ""
    for name in (TOP_CLASSES, TOP_NAMES):
        if not np.array_equal(outputs[name][_clear(expected), 0], expected[name][_clear(expected), 0]):
            return f"{name}: another first", ""
    pixels = "pixels identical, " if DEFENDED in expected else ""
    return "", f"{len(expected[LOGITS])} images, {pixels}logits within {apart[LOGITS]:.2g}, same top-1"


def _clear(expected: Arrays) -> npt.NDArray[np.bool_]:
    """Return which images have a first class that no rounding could make the second; shape (n,)."""
    best = np.sort(expected[LOGITS], axis=1)[:, -2:]
    clear: npt.NDArray[np.bool_] = best[:, -1] - best[:, 0] > 2 * tolerance_of(expected[LOGITS])
    return clear


def _distance(outputs: Arrays, expected: Arrays, name: str) -> float:
    return float(np.abs(outputs[name] - expected[name]).max(initial=0))
