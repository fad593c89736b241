"""Losses and metrics of a classifier that gives logits: those that take probabilities are refused."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

_LOGARITHMS = (keras.losses.kl_divergence, keras.losses.poisson)
"""What takes a logarithm of what it gets, and cannot be told that it is one already."""
_CROSS_ENTROPIES = ("crossentropy", "ce")
"""Keras' names of metrics that it makes by the labels, of probabilities."""

INDICES, ONE_HOT = "indices", "one-hot"
"""What labels a loss takes."""

_OF_INDICES = (keras.losses.sparse_categorical_crossentropy,)
_OF_ONE_HOT = (
    keras.losses.categorical_crossentropy,
    keras.losses.categorical_focal_crossentropy,
    keras.losses.categorical_hinge,
)


def check_loss(loss: Any, classes: int) -> Any:
    """Return a loss that takes logits.

    Args:
        loss: What ``compile`` takes; of a list or a dict of one loss that one.
        classes: How many the classifier tells apart.

    Raises:
        ValueError: It takes probabilities; trained on logits it gives numbers that mean nothing.
    """
    several = _leaves(loss)
    if len(several) != 1:
        raise ValueError(f"The classifier has one output; `loss` must be one loss. Received: loss={loss!r}")
    (only,) = several
    found = keras.losses.get(only) if isinstance(only, str) else only
    if _takes_probabilities(found) or (_unsaid(found) and _seems_to_take_probabilities(found, classes)):
        raise ValueError(
            "The classifier gives logits; the loss must be told so, such as "
            f"keras.losses.SparseCategoricalCrossentropy(from_logits=True). Received: loss={loss!r}"
        )
    return only


def check_metrics(name: str, metrics: Any) -> None:
    """Raise ValueError where a metric takes probabilities, or has a threshold of one.

    Args:
        name: Of the argument of ``compile``.
        metrics: What it takes.
    """
    for each in _leaves(metrics):
        named = isinstance(each, str)
        known = named and each.lower() in _CROSS_ENTROPIES
        found = keras.metrics.get(each) if named and not known and each.lower() not in ("accuracy", "acc") else each
        if known or _takes_probabilities(found) or _has_threshold(_options(found)):
            told = repr(each if named else getattr(each, "name", getattr(each, "__name__", each)))
            raise ValueError(
                f"`{name}` must take logits, which the classifier gives; {told} takes probabilities. Make it with "
                'from_logits=True where it has that, or take "accuracy", which asks for neither. '
                f"Received: {name}={metrics!r}"
            )


def label_form(loss: Any) -> str | None:
    """Return what labels one of Keras' losses takes, `INDICES` or `ONE_HOT`; None where that is not known."""
    found = keras.losses.get(loss) if isinstance(loss, str) else loss
    if _is_one_of(found, _OF_INDICES):
        return INDICES
    return ONE_HOT if _is_one_of(found, _OF_ONE_HOT) else None


def _leaves(nested: Any) -> list[Any]:
    """Return what lists and dicts of any depth hold, without None."""
    if isinstance(nested, dict):
        nested = list(nested.values())
    if isinstance(nested, list | tuple):
        return [leaf for each in nested for leaf in _leaves(each)]
    return [] if nested is None else [nested]


def _takes_probabilities(found: Any) -> bool:
    """Return whether a loss or a metric says so."""
    return _options(found).get("from_logits") is False or _is_one_of(found, _LOGARITHMS)


def _is_one_of(found: Any, functions: Sequence[Any]) -> bool:
    """Return whether a loss or a metric computes one of some functions of Keras'."""
    function = getattr(found, "fn", getattr(found, "_fn", found))
    return any(function is each for each in functions)


def _unsaid(loss: Any) -> bool:
    return callable(loss) and "from_logits" not in _options(loss)


def _options(found: Any) -> dict[str, Any]:
    """Return what a loss or a metric is set to, by name; of a function its defaults."""
    if isinstance(found, keras.losses.Loss | keras.metrics.Metric):
        try:
            return dict(found.get_config())
        except (NotImplementedError, TypeError):
            return {}  # a user's own, which need not be saved
    return {name: each.default for name, each in inspect.signature(found).parameters.items()} if callable(found) else {}


def _has_threshold(options: dict[str, Any]) -> bool:
    """Return whether a metric compares what it gets with a share: of logits it is 0 that stands for a half."""
    if options.get("from_logits"):
        return False
    if "num_thresholds" in options or options.get("threshold"):
        return True
    if "thresholds" not in options or options.get("top_k") is not None:
        return False
    return options["thresholds"] is None or bool(np.any(options["thresholds"]))


def _seems_to_take_probabilities(loss: Any, classes: int) -> bool:
    """Return whether a loss falls as the right class' probability rises, and not as its logit does, below zero.

    There a logarithm of what is no probability is no number, or clipped to one and the same, or of a share of a sum
    whose sign is the other. What fits neither, or takes its labels otherwise, is let through.
    """
    low = np.full((2, classes), -2, np.float32)
    low[:, 1] = -3
    high = low.copy()
    high[:, 1] = -1
    right = np.ones(2, np.int64)
    forms: list[npt.NDArray[Any]] = [right, right[:, None], np.eye(classes, dtype=np.float32)[right]]
    if any(_falls(loss, labels, low, high) for labels in forms):
        return False
    shares = [np.exp(each) / np.exp(each).sum(axis=1, keepdims=True) for each in (low, high)]
    return any(_falls(loss, labels, *shares) for labels in forms)


def _falls(loss: Any, labels: npt.NDArray[Any], before: Any, after: Any) -> bool:
    try:
        first, second = (
            float(np.mean(keras.ops.convert_to_numpy(loss(keras.ops.convert_to_tensor(labels), each))))
            for each in (keras.ops.convert_to_tensor(before), keras.ops.convert_to_tensor(after))
        )
    except Exception:
        return False
    return second < first
