"""How much an adaptive attacker may spend: the attacks of a budget, in the order of its cascade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf_lowdef.attacks import Attack, parse_attack
from tf_lowdef.threats.adaptive import NO_CLAIM


@dataclass(frozen=True)
class Budget:
    """What an adaptive attacker tries at each epsilon.

    The first attack is tried on every image, each of the next on those that are left (the cascade of AutoAttack, Croce
    and Hein 2020, section 5), so that the costly ones meet few.

    Attributes:
        name: As it is asked for.
        attacks: Specifications with ``{}`` for epsilon.
        doubled: The same attack with twice the steps, for what all of them leave: if it still finds much, the budget
            was too small (Carlini et al. 2019, section 4.8). None leaves that unknown.
        draws: Draws of randomised layers that a gradient is averaged over (Athalye et al. 2018, section 4.2).
        sanity_images: Images that must all fall at `SANITY_EPSILON`.
        sanity_steps: Steps for that.
        label: What stands on every output; None for nothing.
    """

    name: str
    attacks: tuple[str, ...]
    doubled: str | None
    draws: int
    sanity_images: int
    sanity_steps: int
    label: str | None

    def cascade(self, epsilon: float, classes: int) -> list[Attack]:
        """Return the attacks at one epsilon that work with so many classes, first to last."""
        found = [parse_attack(attack.format(f"{epsilon:g}")) for attack in self.attacks]
        return [attack for attack in found if attack.fewest_classes <= classes]

    def twice(self, epsilon: float) -> Attack | None:
        """Return the attack with twice the steps at one epsilon."""
        return None if self.doubled is None else parse_attack(self.doubled.format(f"{epsilon:g}"))


EXPLICIT = Budget("none", (), None, 10, 8, 20, f"Only the attacks that were asked for were tried: {NO_CLAIM}")
"""The attacks that were asked for and no others."""

BUDGETS = {
    "quick": Budget(
        "quick",
        ("apgd-ce:{},steps=20", "square:{},queries=100"),
        None,
        2,
        8,
        20,
        f"Budget quick, a few steps of each attack: {NO_CLAIM}",
    ),
    "standard": Budget(
        "standard",
        (
            "pgd:{},steps=20",
            "apgd-ce:{}",
            "pgd:{},steps=100,restarts=5",
            "apgd-t:{}",
            "square:{},queries=5000",
        ),
        "pgd:{},steps=200,restarts=5",
        20,
        16,
        40,
        None,
    ),
}
"""``standard`` follows Carlini et al. 2019, sections 4.3, 4.4 and 4.8, and AutoAttack (Croce and Hein 2020)."""


def find_budget(name: str | None) -> Budget:
    """Return a budget by name; None means the attacks that were asked for.

    Raises:
        ValueError: There is none of this name.
    """
    if name is None:
        return EXPLICIT
    if name not in BUDGETS:
        raise ValueError(f"`budget` must be one of {', '.join(BUDGETS)}, or None. Received: budget={name!r}")
    return BUDGETS[name]


def epsilons_of(attacks: Sequence[Attack], default: float = 4.0) -> list[float]:
    """Return the epsilons among some attacks, ascending; `default` where none has one."""
    found = sorted({attack.epsilon for attack in attacks if attack.epsilon is not None and attack.epsilon > 0})
    return found or [default]
