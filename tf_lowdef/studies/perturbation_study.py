"""What is left of an adversarial perturbation when it is moved: mirrored, shifted, shuffled or turned around."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import parse_attack
from tf_lowdef.evaluation.models.predict import Predictor
from tf_lowdef.results.statistics import accuracy_interval
from tf_lowdef.results.table import Table

Pixels = npt.NDArray[np.uint8]
Changes = npt.NDArray[np.int16]


def perturbation_study(
    model: Any, images: Pixels, labels: npt.NDArray[np.int64], attack: str = "bim:4", seed: int = 0
) -> Table:
    """Return the accuracy on clean images to which a perturbation was added that is no longer where it was made.

    The images stay as they are; only what the attack added is mirrored, shifted (what leaves on the right comes back on
    the left), shuffled (whole pixels, at random) or subtracted instead. So it keeps its size, but not its structure.

    Args:
        model: A classifier from pixels in [0, 255] to logits.
        images: uint8, shape (n, height, width, 3).
        labels: int64, shape (n,).
        attack: On the bare classifier.
        seed: For the attack and the shuffling.

    Returns:
        A row a change, with top-1 accuracy in percent and its 95 % interval.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import perturbation_study
        >>> model, images, labels = load_demo()
        >>> table = perturbation_study(model, images[:4], labels[:4], "fgsm:4")
        >>> len(table.columns), len({row[0] for row in table.rows}) == len(table.rows)
        (2, True)
    """
    added = parse_attack(attack)(model, images, labels, seed=seed).images.astype(np.int16) - images
    rng, predict = np.random.default_rng(seed), Predictor(model, seed=seed)
    changes: dict[str, Callable[[Changes], Changes]] = {
        "as the attack made it": lambda each: each,
        "mirrored left-right": lambda each: each[:, :, ::-1],
        "mirrored upside down": lambda each: each[:, ::-1],
        **{f"shifted by {by}": partial(np.roll, shift=by, axis=2) for by in (1, 2, 8)},
        "shuffled": lambda each: np.stack([_shuffled(one, rng) for one in each]),
        "subtracted": lambda each: -each,
    }
    rows = []
    for name, change in changes.items():
        pixels = np.clip(images + change(added), 0, 255).astype(np.uint8)
        right = predict(pixels).argmax(axis=1) == labels
        low, high = accuracy_interval(right.astype(np.float64))
        rows.append([name, f"{100 * right.mean():.1f} ({100 * low:.1f} to {100 * high:.1f})"])
    return Table(["perturbation", "top-1 accuracy in %"], rows)


def _shuffled(change: Changes, rng: np.random.Generator) -> Changes:
    return rng.permutation(change.reshape(-1, 3)).reshape(change.shape)
