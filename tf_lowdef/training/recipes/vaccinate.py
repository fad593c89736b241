"""Training on compressed images: for clean accuracy behind a codec, and for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.layers import RandomWebPLayer, draw_scope
from tf_lowdef.specs import Range
from tf_lowdef.training.recipes.recipe import Recipe, Step, Views
from tf_lowdef.validation import check_integer

_QUALITY = Range(40, 80)
_SEED = 4_294_967_291
"""Of the layer that compresses, so that it draws other qualities than one of the defence's."""


@dataclass(frozen=True)
class Vaccinate(Recipe):
    """Training on what WebP leaves, each image at a quality of its own (Das et al. 2018, arXiv 1802.06816, 4.2).

    There it is JPEG. It gives back clean accuracy that a codec costs; no attack is trained against.

    Args:
        quality: The lowest and the highest quality, whole numbers from 0 to 100, all alike likely.
    """

    name: ClassVar[str] = "vaccinate"

    quality: Range = _QUALITY

    def __post_init__(self) -> None:
        low, high = self.quality
        check_integer("quality", low, 0, 100)
        check_integer("quality", high, low, 100)
        # Made here, because a graph that is traced can make no variables, and the layer has one.
        object.__setattr__(self, "_layer", RandomWebPLayer(self.quality, seed=_SEED))

    def views(self, step: Step) -> Views:
        """Return the compressed images."""
        with draw_scope(step.keys()):
            return (self._layer(step.images),)  # type: ignore[attr-defined]  # set on a frozen object
