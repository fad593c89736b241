"""What an attack returns."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tf_lowdef.files import csv_text, write_png, write_text

Floats = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

TABLE = "attack.csv"
WHITE = 255.0
"""The highest grey level of 8 bits; L2 norms are those of images divided by it."""


@dataclass(frozen=True, repr=False)
class AttackResult:
    """The adversarial images of `n` clean ones, and what they cost.

    Attributes:
        images: uint8, (n, height, width, 3), what gets saved, sent and classified.
        success: bool, (n,): the model's class for `images` is not the true label. Images that were misclassified
            before the attack count as successes; `clean_predictions` tells them apart.
        predictions: int64, (n,): the model's class for `images`.
        clean_predictions: int64, (n,): the model's class for the clean images.
        l2: float32, (n,): L2 norm of the perturbation of `images`, with pixels in [0, 1].
        linf: float32, (n,): its largest absolute value, in grey levels.
        steps: int64, (n,): steps taken.
        queries: int64, (n,): forward passes that the attack made to find the image, without those that judge it.
        zero_gradient: bool, (n,): the attack met nothing but gradients of zero or NaN, so that its failure
            says nothing of robustness.
        float_success: bool, (n,): success before rounding to 8 bits; None unless the attack seeks the smallest norm.
        float_l2: float32, (n,): L2 norm before rounding, with pixels in [0, 1]; None where `float_success` is.
        targets: int64, (n,): the classes that a targeted attack aimed at, and then `success` is that `predictions` are
            these; None for an untargeted one.
        loss_start: float32, (n,): the cross-entropy of the true label, in nats, at the clean image; for a targeted
            attack minus that of the target. The attack wants it high.
        loss_end: float32, (n,): the same at `images`. Where it is not above `loss_start`, the attack got nowhere.
        margin_start: float32, (n,): how far the best wrong logit stands above the true one at the clean image (for a
            targeted attack, the target's above the best other). Unlike the cross-entropy it never saturates.
        margin_end: float32, (n,): the same at `images`.
        nonfinite_gradient: bool, (n,): the attack met a gradient with NaN or infinity in it.

    Example:
        >>> from pathlib import Path
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import FGSM
        >>> model, images, labels = load_demo()
        >>> result = FGSM(epsilon=4)(model, images[:2], labels[:2])
        >>> result.images.shape, result.linf.tolist()
        ((2, 96, 96, 3), [4.0, 4.0])
        >>> result.save("attacked")
        >>> sorted(path.name for path in Path("attacked").iterdir())
        ['0000.png', '0001.png', 'attack.csv']
    """

    images: npt.NDArray[np.uint8]
    success: Bools
    predictions: Ints
    clean_predictions: Ints
    l2: Floats
    linf: Floats
    steps: Ints
    queries: Ints
    zero_gradient: Bools
    float_success: Bools | None = None
    float_l2: Floats | None = None
    targets: Ints | None = None
    loss_start: Floats | None = None
    loss_end: Floats | None = None
    margin_start: Floats | None = None
    margin_end: Floats | None = None
    nonfinite_gradient: Bools | None = None

    @property
    def moved(self) -> Bools:
        """bool, (n,): whether any pixel of the image was changed. An attack that moves none says nothing."""
        moved: Bools = self.linf > 0
        return moved

    def __repr__(self) -> str:
        """Return how many images there are, how many attacks succeeded, and how far they moved the images."""
        count = len(self.images)
        if not count:
            return "AttackResult(no images)"
        aim = "" if self.targets is None else ", targeted"
        return (
            f"AttackResult({count} images of {' x '.join(map(str, self.images.shape[1:]))}, "
            f"{int(self.success.sum())} successes{aim}, median L2 {np.median(self.l2):.3g}, "
            f"Linf at most {self.linf.max():.3g} grey levels)"
        )

    def save(self, folder: str | os.PathLike[str], names: Sequence[str] | None = None) -> None:
        """Write the images as PNGs, and ``attack.csv`` with a line for each: what became of it, and how far it moved.

        Args:
            folder: Made where it is not there; files in it that have the same names are an error.
            names: Of the files, without suffix; ``0000`` and so on without.

        Raises:
            FileExistsError: One of the files is there already; nothing is written then.
            ValueError: There are not as many different names as images, or a name is a path that leaves the folder.
        """
        count = len(self.images)
        names = [f"{number:04d}" for number in range(count)] if names is None else list(names)
        if len(set(names)) != count:
            raise ValueError(f"`names` must be {count} different names, one an image. Received: {len(set(names))}")
        root = Path(folder)
        paths = [root / f"{name}.png" for name in names]
        outside = [name for name in names if name != Path(name).name]
        if outside:
            raise ValueError(f"`names` must be of files inside the folder. Received: {outside[0]!r}")
        there = next((path for path in [*paths, root / TABLE] if path.exists()), None)
        if there is not None:
            raise FileExistsError(f"{there} is there already; nothing was written. Give another folder")
        for path, image in zip(paths, self.images, strict=True):
            write_png(path, image)
        columns = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name != "images" and getattr(self, each.name) is not None
        }
        rows = [[name, *(values[place].item() for values in columns.values())] for place, name in enumerate(names)]
        write_text(root / TABLE, csv_text([["image", *columns], *rows]))


@dataclass(frozen=True)
class Perturbed:
    """What an attack's `run` gives back for one batch.

    Attributes:
        images: float32, (batch, height, width, 3), in [0, 255], not yet rounded.
        steps: int64, (batch,): steps taken.
        queries: int64, (batch,): forward passes made.
        zero_gradient: bool, (batch,): as in `AttackResult`.
        nonfinite_gradient: bool, (batch,): as in `AttackResult`; None means nowhere.
    """

    images: Floats
    steps: Ints
    queries: Ints
    zero_gradient: Bools
    nonfinite_gradient: Bools | None = None


def join(parts: Sequence[AttackResult]) -> AttackResult:
    """Return the results of some batches, one or more, as one."""
    names = [field.name for field in fields(AttackResult) if getattr(parts[0], field.name) is not None]
    return AttackResult(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def of_no_images(pixels: npt.NDArray[np.uint8], minimal_norm: bool, aims: bool) -> AttackResult:
    """Return the result of no images, of an attack that seeks the smallest norm or not, and aims at targets or not."""
    ints, floats, bools = np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, bool)
    extra: dict[str, Any] = {"float_success": bools, "float_l2": floats} if minimal_norm else {}
    extra |= {"targets": ints} if aims else {}
    extra |= dict.fromkeys(("loss_start", "loss_end", "margin_start", "margin_end"), floats)
    extra |= {"nonfinite_gradient": bools}
    return AttackResult(pixels, bools, ints, ints, floats, floats, ints, ints, bools, **extra)


def l2_norms(difference: Floats) -> Floats:
    """Return the L2 norm of each image of `difference`, given in grey levels, with pixels in [0, 1]."""
    flat = difference.reshape(len(difference), -1).astype(np.float64) / WHITE
    norms: Floats = np.sqrt(np.square(flat).sum(axis=1)).astype(np.float32)
    return norms


def linf_norms(difference: Floats) -> Floats:
    """Return the largest absolute value of each image of `difference`."""
    norms: Floats = abs(difference).reshape(len(difference), -1).max(axis=1, initial=0).astype(np.float32)
    return norms
