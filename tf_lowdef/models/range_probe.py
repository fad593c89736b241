"""Finding out by labelled images that a classifier takes another range than is assumed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from tf_lowdef.models.adapter import as_classifier
from tf_lowdef.models.alike import alike
from tf_lowdef.models.cutting import split_defence
from tf_lowdef.models.input_range import PIXELS, USUAL_RANGES, InputRange, declared_range
from tf_lowdef.models.networks import as_network
from tf_lowdef.results.statistics import mcnemar

Pixels = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

LEVEL = 0.001
"""A better range is believed where chance would give it less often than this (exact McNemar test)."""

PROBED = 200
"""Images that are classified in each range; fewer where it is hopeless after the first batch."""

_ABOVE_CHANCE = 0.1
"""By how much a range must beat the classifier that always says the most frequent class: one that was not trained says
one class or another, whatever it is given."""

_BATCH = 50

_DRAWS = (
    ". But it answers the same image otherwise from call to call: something in it draws or remembers, which may be "
    "why. Dropout or noise that should rest when it predicts is called with training=True"
)


class RangeError(ValueError):
    """A classifier seems to take another range than was assumed; the text names the option that says which."""


class Better(NamedTuple):
    """A range in which more images are classified correctly than in the assumed one.

    Attributes:
        found: The better range.
        assumed: The one that nobody said.
        n: Images that were classified in both.
        found_correct: How many were correct in `found`.
        assumed_correct: How many were correct in `assumed`.
        p: Of the exact McNemar test.
        behind: Names of this package's layers in front of what takes `found`.
        draws: The classifier answers the same image otherwise from call to call, which alone may make one range better.
    """

    found: InputRange
    assumed: InputRange
    n: int
    found_correct: int
    assumed_correct: int
    p: float
    behind: tuple[str, ...]
    draws: bool = False


def images_to_probe(labels: Labels, count: int = PROBED) -> list[int]:
    """Return the indices of the first images of every class, in turn, in ascending order.

    Data are often sorted by class, and of one class alone a classifier that always says it looks best.
    """
    order: dict[int, int] = {}
    ranks = []
    for label in labels.tolist():
        ranks.append(order.get(label, 0))
        order[label] = ranks[-1] + 1
    return sorted(np.argsort(ranks, kind="stable")[:count].tolist())


def check_range(model: Any, images: Pixels, labels: Labels, outputs: str | None = None) -> None:
    """Raise RangeError where a model whose range nobody said does better, beyond chance, in another usual one.

    Args:
        model: As its user has it: what `as_classifier` takes.
        images: uint8, shape (n, height, width, channels), of several classes; see `images_to_probe`.
        labels: int64, shape (n,).
        outputs: See `as_classifier`.
    """
    better = find_better_range(model, images, labels, outputs)
    if better is None:
        return
    found, n = better.found, better.n
    first, second = better.found_correct / n, better.assumed_correct / n
    if better.behind:
        cure = (
            f"What it takes comes out of {', '.join(better.behind)}. Set value_range={_python(found)} there, or put "
            f"them in front of as_classifier(base, input_range={_python(found)})"
        )
    else:
        cure = (
            f"Pass input_range={_python(found)}, on the command line --input-range {found}; or "
            f"input_range={_python(better.assumed)}, --input-range {better.assumed}, if that is what it takes"
        )
    raise RangeError(
        f"{model.name!r} seems to take another range than ({better.assumed}), which is assumed where none is said: of "
        f"{n} images it classifies {first:.1%} correctly in ({found}) and {second:.1%} in ({better.assumed}) (exact "
        f"McNemar test, p = {better.p:.1g}). {cure}{_DRAWS if better.draws else ''}"
    )


def find_better_range(model: Any, images: Pixels, labels: Labels, outputs: str | None = None) -> Better | None:
    """Return the best usual range that beats the assumed one beyond chance, or None; see `check_range`."""
    if len(np.unique(labels)) < 2:
        return None
    network = as_network(model, images.shape[1:])
    assumed = declared_range(network) or PIXELS
    front, rest = split_defence(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is said when the model is adapted
        scores = tf.function(as_classifier(rest, outputs=outputs), autograph=False)
    seen = _through(front, assumed, images)
    parts = [slice(start, start + _BATCH) for start in range(0, len(seen), _BATCH)]

    def judge(within: InputRange, some: slice) -> Bools:
        right: Bools = np.asarray(scores(within.of(seen[some]), training=False)).argmax(axis=1) == labels[some]
        return right

    base = [judge(assumed, part) for part in parts]
    best, chance = None, (np.bincount(labels).max() / len(labels) + _ABOVE_CHANCE) * len(labels)
    for other in USUAL_RANGES:
        if other == assumed or (isinstance(other.said, str) and images.shape[-1] != 3):
            continue
        tried = [judge(other, parts[0])]
        if tried[0].sum() <= base[0].sum():
            continue
        tried += [judge(other, part) for part in parts[1:]]
        found = _compare(other, assumed, np.concatenate(tried), np.concatenate(base), front)
        if (
            found.p < LEVEL
            and found.found_correct > chance
            and (best is None or found.found_correct > best.found_correct)
        ):
            best = found
    return None if best is None else best._replace(draws=_draws(rest, scores, best.found.of(seen[parts[0]])))


def _draws(model: Any, scores: Callable[..., Any], values: Any) -> bool:
    """Return whether the same images are given other scores from call to call, by more than rounding."""
    return not alike(model, *(scores(values, training=False) for _ in range(2)))


def _compare(found: InputRange, assumed: InputRange, theirs: Bools, ours: Bools, front: Sequence[Any]) -> Better:
    p = mcnemar(int((theirs & ~ours).sum()), int((ours & ~theirs).sum()))
    better = theirs.sum() > ours.sum()
    names = tuple(f"{type(layer).__name__} {layer.name!r}" for layer in front)
    return Better(found, assumed, len(ours), int(theirs.sum()), int(ours.sum()), p if better else 1.0, names)


def _through(front: Sequence[Any], assumed: InputRange, images: Pixels) -> npt.NDArray[np.float32]:
    """Return what layers make of images, in [0, 255]."""
    out = []
    for start in range(0, len(images), _BATCH):
        values: Any = assumed.of(images[start : start + _BATCH])
        for layer in front:
            values = layer(values)
        out.append(np.asarray(values, np.float32))
    if not front:
        return images.astype(np.float32)
    # layers of this package have ranges, never a preprocessing
    values = np.concatenate(out)
    offset, scale = (np.asarray(each, np.float32) for each in (assumed.offset, assumed.scale))
    pixels: npt.NDArray[np.float32] = (values - offset) / scale
    return pixels


def _python(within: InputRange) -> str:
    return repr(within.said) if isinstance(within.said, str) else f"({', '.join(f'{each:g}' for each in within.said)})"
