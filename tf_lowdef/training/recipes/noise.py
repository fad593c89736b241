"""Training under normal noise: for certified accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.attacks.result import WHITE
from tf_lowdef.training.recipes.recipe import Recipe, Step, Views
from tf_lowdef.validation import check_number


@dataclass(frozen=True)
class NoiseTraining(Recipe):
    """Training under normal noise (Cohen, Rosenfeld and Kolter 2019, arXiv 1902.02918, section 3.3).

    What randomised smoothing certifies is the classifier's answer under such noise. Nothing is clipped.

    Args:
        sigma: The noise's standard deviation for images in [0, 1], as ``certify`` takes it: above 0 and at most 1.
    """

    name: ClassVar[str] = "noise"

    sigma: float = 0.25

    def __post_init__(self) -> None:
        check_number("sigma", self.sigma, 0, 1, above=True)

    @property
    def deviation(self) -> float:
        """The standard deviation in grey levels."""
        return self.sigma * WHITE

    def views(self, step: Step) -> Views:
        """Return the noisy images."""
        return (step.images + step.normal(self.deviation),)
