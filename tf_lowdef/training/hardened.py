"""What `harden` returns."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tf_lowdef.defences import Defence
from tf_lowdef.files import atomic_path
from tf_lowdef.training.recipes import Recipe


@dataclass(frozen=True)
class Hardened:
    """What a training came to.

    Attributes:
        model: The user's own model, with the weights of the best epoch.
        classifier: The same from pixels in [0, 255] to logits; the weights are the model's.
        recipe: What it was trained on.
        defence: Behind what.
        curves: ``"loss"``, ``"accuracy"`` (on attacked images), and what `RobustValidation` measures: a number an
            epoch.
        best_epoch: The epoch of the weights, 0-based, by accuracy on held-back images under PGD, or under noise.
        warnings: What went wrong on the way.
        facts: What was asked for, in plain JSON values.
        held_back: Images, uint8 of shape (n, height, width, channels), and labels, int64: they chose the epoch.

    Example:
        >>> import keras, numpy as np
        >>> from tf_lowdef import harden
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
        >>> labels = (images.mean(axis=(1, 2, 3)) > 127.5).astype(int)  # dark or bright
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])

        >>> hardened = harden(model, (images, labels), "flip", epochs=2, from_scratch=True)
        >>> hardened.recipe.spec, hardened.defence.name, len(hardened.curves["loss"])
        ('fgsm-rs:4', 'flip', 2)
        >>> hardened.save("hardened.keras")
    """

    model: Any
    classifier: Any
    recipe: Recipe
    defence: Defence
    curves: dict[str, list[float]]
    best_epoch: int
    warnings: list[str]
    facts: dict[str, Any]
    held_back: tuple[Any, Any] = field(repr=False)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model, bare and taking what it took before, as a ``.keras`` file, whole or not at all.

        Raises:
            ValueError: The name ends in something else.
        """
        check_model_name(path)
        with atomic_path(path) as temporary:
            self.model.save(temporary)


def check_model_name(path: str | os.PathLike[str]) -> Path:
    """Return the path of a ``.keras`` file that is to be written.

    Raises:
        ValueError: Its name ends in something else.
    """
    if Path(path).suffix != ".keras":
        raise ValueError(f"The hardened model is written as a .keras file. Received: {os.fspath(path)!r}")
    return Path(path)
