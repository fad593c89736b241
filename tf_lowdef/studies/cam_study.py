"""The paper's argument as a number: what the defence does to the parts of an image that a classifier looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import Attack, parse_attack
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.models.draws import image_keys
from tf_lowdef.results.statistics import bootstrap_interval
from tf_lowdef.results.table import Table
from tf_lowdef.studies.cam import Maps, grad_cam

RESAMPLES = 2000
"""Bootstrap samples."""
TOP_SHARE = 0.2
"""The part of a map's places that intersection over union compares: its highest fifth."""


@dataclass(frozen=True)
class CamRow:
    """How alike the maps of one kind of image are to those of the clean, undefended images.

    Attributes:
        images: ``"clean"`` or the attack's specification.
        defence: Such as ``"webp:60+flip"``; ``"none"`` for the bare model.
        correlation: Mean of Pearson's correlation of two maps; 0 where one has no evidence for the class at all.
        ci95: Its bootstrap percentile interval.
        iou: Mean intersection over union of the maps' highest fifths; 0 in the same cases.
        empty: Images whose map here has no evidence for the class at all.
        n: Images.

    Example:
        >>> from tf_lowdef.studies import CamRow
        >>> row = CamRow("bim:4", "flip", correlation=0.5, ci95=(0.25, 0.75), iou=0.4, empty=0, n=20)
        >>> row.ci95[0] > 0  # more alike than by chance
        True
    """

    images: str
    defence: str
    correlation: float
    ci95: tuple[float, float]
    iou: float
    empty: int
    n: int


@dataclass(frozen=True)
class CamStudy:
    """The rows, the adversarial images, and every map by (images, defence).

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import cam_study
        >>> model, images, labels = load_demo()
        >>> study = cam_study(model, images[:4], labels[:4], "bim:4", ["none", "flip"])
        >>> study.adversarial.shape, study.maps["bim:4", "flip"].shape
        ((4, 96, 96, 3), (4, 96, 96))
    """

    rows: Sequence[CamRow]
    adversarial: npt.NDArray[np.uint8]
    maps: dict[tuple[str, str], Maps]


def cam_study(
    model: Any,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    attack: str | Attack = "bim:4",
    defences: Sequence[Any] = ("none", "flip", "webp:60+flip"),
    seed: int = 0,
) -> CamStudy:
    """Compare the Grad-CAM maps of the true class with those of the clean images, over a whole set.

    The attack is oblivious: the bare model is attacked, and every defence sees the same images. Where a defence moves
    pixels, maps are brought back (`align` of `grad_cam`). The rows of the clean images behind a defence are the
    baseline: what the defence alone changes.

    Args:
        model: A Keras classifier from pixels in [0, 255] to logits, flat, such as ``load_application`` gives.
        images: uint8, shape (n, height, width, 3).
        labels: int64, shape (n,): the true classes, whose scores are explained.
        attack: A specification such as ``"bim:4"``, or an attack.
        defences: As :func:`tf_lowdef.defences.make_defence` takes them.
        seed: For the attack, the bootstrap and what defences draw.

    Returns:
        Rows for clean and adversarial images behind every defence, except the bare model's clean images, which are
        what all others are compared with.

    Raises:
        ValueError: There are no images, or an argument is wrong.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.studies import cam_study
        >>> model, images, labels = load_demo()
        >>> study = cam_study(model, images[:4], labels[:4], "bim:4", ["none", "flip"])
        >>> [(row.images, row.defence) for row in study.rows]
        [('bim:4', 'none'), ('clean', 'flip'), ('bim:4', 'flip')]
    """
    if not len(images):
        raise ValueError("`images` must hold at least one image. Received: none")
    attack = parse_attack(attack) if isinstance(attack, str) else attack
    adversarial = attack(model, images, labels, seed=seed).images
    sets = {"clean": images, attack.spec: adversarial}
    maps = {
        (name, defence.name): grad_cam(defended, pixels, labels, keys=image_keys(pixels, seed, 0))
        for defence, defended in ((each, each.in_front_of(model)) for each in map(make_defence, defences))
        for name, pixels in sets.items()
    }
    clean = maps.get(("clean", "none"))
    if clean is None:
        clean = grad_cam(model, images, labels)
    rows = [_row(*key, clean, found, seed) for key, found in maps.items() if key != ("clean", "none")]
    return CamStudy(rows, adversarial, maps)


def correlations(first: Maps, second: Maps) -> npt.NDArray[np.float64]:
    """Return Pearson's correlation of each pair of maps, shape (n,); 0 where one does not vary.

    Example:
        >>> import numpy as np
        >>> from tf_lowdef.studies.cam_study import correlations
        >>> maps = np.random.default_rng(0).random((2, 8, 8), np.float32)
        >>> correlations(maps, np.stack([maps[0], 1 - maps[1]])).round(3).tolist()
        [1.0, -1.0]
    """
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (first, second))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    norms = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found: npt.NDArray[np.float64] = np.divide((a * b).sum(axis=1), norms, out=np.zeros(len(a)), where=norms > 0)
    return found


def overlaps(first: Maps, second: Maps) -> npt.NDArray[np.float64]:
    """Return the intersection over union of the highest fifths of each pair of maps, shape (n,); 0 for an empty map."""
    a, b = (maps.reshape(len(maps), -1) for maps in (first, second))
    high_a, high_b = ((maps > 0) & (maps >= np.quantile(maps, 1 - TOP_SHARE, axis=1, keepdims=True)) for maps in (a, b))
    either = (high_a | high_b).sum(axis=1)
    found: npt.NDArray[np.float64] = (high_a & high_b).sum(axis=1) / np.maximum(either, 1)
    return found


def _row(images: str, defence: str, clean: Maps, maps: Maps, seed: int) -> CamRow:
    both = correlations(clean, maps)
    interval = bootstrap_interval(both, seed, RESAMPLES)
    empty = int((maps.reshape(len(maps), -1).max(axis=1) == 0).sum())
    return CamRow(images, defence, float(both.mean()), interval, float(overlaps(clean, maps).mean()), empty, len(both))


def cam_table(rows: Sequence[CamRow]) -> Table:
    """Return the rows as a table: correlation with its 95 % interval, overlap, and maps without any evidence.

    Example:
        >>> from tf_lowdef.studies import CamRow, cam_table
        >>> row = CamRow("bim:4", "flip", correlation=0.5, ci95=(0.25, 0.75), iou=0.4, empty=0, n=20)
        >>> cam_table([row]).rows
        [['bim:4', 'flip', '0.50 (0.25 to 0.75)', '0.40', '0 of 20']]
    """
    return Table(
        ["images", "defence", "correlation", "overlap", "empty maps"],
        [
            [
                row.images,
                row.defence,
                f"{row.correlation:.2f} ({row.ci95[0]:.2f} to {row.ci95[1]:.2f})",
                f"{row.iou:.2f}",
                f"{row.empty} of {row.n}",
            ]
            for row in rows
        ],
    )
