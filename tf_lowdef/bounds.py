"""How far an adversarial image may lie from the clean one: a norm and an epsilon, and how both are written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from tf_lowdef.specs import Form, format_value

LINF, L2 = "Linf", "L2"
NORMS = {"linf": LINF, "l2": L2}
"""The norms as they are written, and as results call them."""

UNITS = {LINF: "grey levels of 255", L2: "pixels in [0, 1]"}
"""What an epsilon of each norm is of; in L2 the literature's."""

GREATEST_L2 = 50.0
"""The greatest L2 epsilon that is taken for what it says; a white and a black image of 32x32 are 55 apart."""
SMALLEST_L2 = 1 / 255
"""One grey level of one channel of one pixel."""

WHOLE = 1e-5
"""What an Linf epsilon may lie beside a whole grey level and still mean it: single precision."""


class Bound(NamedTuple):
    """A norm and an epsilon.

    Attributes:
        norm: ``"Linf"`` or ``"L2"``.
        epsilon: In Linf grey levels of 255, in L2 of images with pixels in [0, 1].
    """

    norm: str
    epsilon: float

    def __str__(self) -> str:
        """Return it as attacks and worst cases are called: ``"4"``, ``"l2:0.5"``; what reads it gets the same bound."""
        return f"{'' if self.norm == LINF else self.norm.lower() + ':'}{format_value(self.epsilon)}"

    @property
    def levels(self) -> float:
        """Epsilon in grey levels."""
        return self.epsilon if self.norm == LINF else self.epsilon * 255

    @property
    def said(self) -> str:
        """The bound in a sentence: ``"epsilon 4"``, ``"L2 epsilon 0.5 (pixels in [0, 1])"``."""
        return (
            f"epsilon {self.epsilon:g}" if self.norm == LINF else f"{self.norm} epsilon {self.epsilon:g} ({UNITS[L2]})"
        )


def form_of(keys: Mapping[str, tuple[type, ...]]) -> Form:
    """Return how an attack with these keys is written: the norm, if it has several, then epsilon, come first."""
    return Form(keys, "epsilon" if "epsilon" in keys else None, dict.fromkeys(NORMS, "norm") if "norm" in keys else {})


def in_order(bounds: Iterable[Bound]) -> list[Bound]:
    """Return each bound once, those of Linf first, ascending."""
    return sorted(set(bounds), key=lambda bound: (list(UNITS).index(bound.norm), bound.epsilon))


def check_norm(value: Any) -> str:
    """Return a norm as results call it, however it is capitalised; ValueError for any other value."""
    found = NORMS.get(value.lower()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"`norm` must be one of {', '.join(NORMS)}. Received: norm={value!r}")
    return found


def check_bound(norm: str, epsilon: Any) -> float:
    """Return an epsilon if it can be one of its norm; ValueError if it can not, or is meant in the other's units.

    In Linf what was reckoned from k / 255 is k: 5.9999998 grey levels, rounded down, would be 5.
    """
    from tf_lowdef.validation import check_epsilon, check_number  # needs NumPy, which --help does without

    if norm == LINF:
        levels = check_epsilon("epsilon", epsilon)
        return float(round(levels)) if abs(levels - round(levels)) <= WHOLE else levels
    value = check_number("epsilon", epsilon, 0)
    if value > GREATEST_L2:
        raise ValueError(
            f"`epsilon` in L2 is of images with {UNITS[L2]}, at most {GREATEST_L2:g}. Received: epsilon={epsilon}; "
            f"if that is in grey levels of 255, write {value / 255:g}"
        )
    if 0 < value < SMALLEST_L2:
        raise ValueError(
            f"`epsilon` in L2 is of images with {UNITS[L2]}, and less than 1/255 changes no pixel of 8 bits. "
            f"Received: epsilon={epsilon}"
        )
    return value
