"""What is not certain of an adapted classifier, in words, so that it can stand beside every number."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from tf_lowdef.keras_compat import all_layers
from tf_lowdef.models.adapter_layers import LogProbabilities
from tf_lowdef.models.heads import is_graph
from tf_lowdef.models.input_range import PIXELS, declared_range
from tf_lowdef.models.preprocessing import makes_usual_of_pixels

_HEADS: weakref.WeakKeyDictionary[Any, tuple[str, ...]] = weakref.WeakKeyDictionary()


def kept_head(name: str, kind: str) -> str:
    """Return what is to be said where a head cannot be taken off."""
    return (
        f"The {kind} of {name!r} cannot be taken off; the logarithm of its clipped probabilities is taken "
        "instead. Where they are rounded to 0 or 1, attacks have no gradient to follow: numbers under attack may "
        "flatter it"
    )


def remember(classifier: Any, doubts: Sequence[str]) -> None:
    """Remember what was said of a classifier's head when it was adapted."""
    _HEADS[classifier] = tuple(doubts)


def head_doubts(classifier: Any) -> list[str]:
    """Return what is not certain of a classifier's outputs; for one that was saved and loaded, as far as it shows."""
    inner = [classifier, *all_layers(classifier)]
    said = [doubt for layer in inner for doubt in _HEADS.get(layer, ())]
    kept = [kept_head(classifier.name, layer.of) for layer in inner if isinstance(layer, LogProbabilities)]
    return list(dict.fromkeys(said or kept))


def range_doubt(classifier: Any) -> str | None:
    """Return that nobody said what a classifier takes pixels as; None where it shows that.

    A layer of this package in front that is set to another range shows it, and so does preprocessing of its own that
    takes [0, 255] to what networks work on: a ``Rescaling``, a ``Normalization``, or arithmetic on the input, as
    ``preprocess_input`` leaves it in a graph. What takes [0, 1] there, such as ``x * 2 - 1``, shows nothing.
    """
    if is_graph(classifier) and (declared_range(classifier) or PIXELS) != PIXELS:
        return None
    if makes_usual_of_pixels(classifier):
        return None
    return (
        "Nobody said what the model takes pixels as, and there is nothing to tell it by: [0, 255] is assumed. Say it: "
        "input_range=(0, 1) or (0, 255), on the command line --input-range 0,1 or 0,255"
    )
