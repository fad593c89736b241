"""How much an adaptive attacker may spend: the attacks of a budget, in the order of its cascade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf_lowdef.attacks import Attack, parse_attack
from tf_lowdef.bounds import LINF, Bound, in_order
from tf_lowdef.threats.adaptive import NO_CLAIM


@dataclass(frozen=True)
class Budget:
    """What an adaptive attacker tries within each bound.

    The first attack is tried on every image, each of the next on those that are left (the cascade of AutoAttack, Croce
    and Hein 2020, section 5), so that the costly ones meet few.

    Attributes:
        name: As it is asked for.
        attacks: Specifications with ``{}`` for norm and epsilon.
        another: Attacks of another kind with many steps, of which the first that the model's classes allow is tried on
            what all of `attacks` leave: if it still finds much, they have not converged (Carlini et al. 2019, section
            4.8). More steps of the same kind would not tell: they end on the same plateau. Empty leaves that unknown.
        draws: Draws of randomised layers that a gradient is averaged over (Athalye et al. 2018, section 4.2). Few, and
            more steps, take more per second, since momentum averages too: measured in ``evaluation/README.md``.
        sanity_images: Images that must all fall at `SANITY_EPSILON`.
        sanity_steps: Steps for that.
        planted_images: Images of the self-test of each attack with gradients (Zimmermann et al. 2022).
        label: What stands on every output; None for nothing.
    """

    name: str
    attacks: tuple[str, ...]
    another: tuple[str, ...]
    draws: int
    sanity_images: int
    sanity_steps: int
    planted_images: int
    label: str | None

    def cascade(self, bound: Bound, classes: int) -> list[Attack]:
        """Return the attacks within one bound that work with so many classes, first to last."""
        found = [parse_attack(attack.format(bound)) for attack in self.attacks]
        return [attack for attack in found if attack.fewest_classes <= classes]

    def check(self, bound: Bound, classes: int) -> Attack | None:
        """Return the attack of another kind within one bound that works with so many classes."""
        found = [parse_attack(attack.format(bound)) for attack in self.another]
        return next((attack for attack in found if attack.fewest_classes <= classes), None)


EXPLICIT = Budget("none", (), (), 10, 8, 20, 4, f"Only the attacks that were asked for were tried: {NO_CLAIM}")
"""The attacks that were asked for and no others."""

BUDGETS = {
    "quick": Budget(
        "quick",
        ("mpgd:{},steps=20,classes=3", "mpgd:{},steps=60,restarts=3,classes=5", "square:{},queries=100"),
        (),
        2,
        8,
        20,
        4,
        f"Budget quick, a few steps of each attack: {NO_CLAIM}",
    ),
    "standard": Budget(
        "standard",
        (
            "mpgd:{},steps=20,classes=4",
            "apgd-ce:{}",
            "mpgd:{},steps=60,restarts=3,classes=9",
            "square:{},queries=5000",
        ),
        ("apgd-t:{}", "apgd-dlr:{},restarts=3", "pgd:{},steps=200,restarts=5"),
        4,
        16,
        40,
        8,
        None,
    ),
}
"""A short walk with momentum takes most per second, so that it comes first in both (``scripts/attack_curve.py`` shows
images left against seconds). ``standard`` follows Carlini et al. 2019, sections 4.3, 4.4 and 4.8, and AutoAttack (Croce
and Hein 2020), whose targeted Auto-PGD must then not take what all the others left."""


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


DEFAULT_BOUND = Bound(LINF, 4.0)
"""Within which a budget's attacks are tried where nobody said another."""


def bounds_of(attacks: Sequence[Attack], budget: Budget = EXPLICIT) -> list[Bound]:
    """Return the bounds among some attacks, in order.

    Where none has one, `DEFAULT_BOUND` if the budget has attacks for it, and otherwise none: a worst case within an
    epsilon that nobody attacked would be the clean accuracy.
    """
    found = in_order(attack.bound for attack in attacks if attack.bound and attack.bound.epsilon > 0)
    return found or ([DEFAULT_BOUND] if budget.attacks else [])
