"""Two defences under one attack, compared image by image."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from tf_lowdef.results.names import AttackName


@dataclass(frozen=True)
class Comparison:
    """Two defences under one attack, compared image by image.

    Attributes:
        threat: As in the rows.
        attack: As in the rows.
        first: A defence.
        second: Another one.
        difference: Accuracy of the first less that of the second.
        ci95: 95 % interval of the difference.
        p: Two-sided.
        p_holm: Corrected for the comparisons under the same attack (Holm 1979).
        method: Of test and interval.

    Example:
        >>> from tf_lowdef.results import Comparison
        >>> found = Comparison("oblivious", "bim:4", "webp:60", "flip", 0.25, (0.05, 0.45), 0.02, 0.04, "McNemar")
        >>> turned = found.seen_from("flip")
        >>> turned.second, turned.difference, turned.ci95
        ('webp:60', -0.25, (-0.45, -0.05))
    """

    threat: str | None
    attack: AttackName
    first: str
    second: str
    difference: float
    ci95: tuple[float, float]
    p: float
    p_holm: float
    method: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "attack", AttackName(self.attack))

    def seen_from(self, defence: str) -> Comparison:
        """Return the comparison turned so that one of its two defences is the first."""
        if self.first == defence:
            return self
        low, high = self.ci95
        turned = {"first": self.second, "second": self.first, "difference": -self.difference, "ci95": (-high, -low)}
        return dataclasses.replace(self, **turned)  # type: ignore[arg-type]
