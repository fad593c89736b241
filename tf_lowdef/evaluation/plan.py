"""What an evaluation was asked for, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from tf_lowdef.attacks import Attack, parse_attack
from tf_lowdef.attacks.own_code import hash_own_code
from tf_lowdef.bounds import Bound
from tf_lowdef.defences import Defence, name_defences
from tf_lowdef.evaluation.attackers.budgets import Budget, bounds_of, find_budget
from tf_lowdef.evaluation.models.predict import class_count, input_size
from tf_lowdef.results import CLEAN
from tf_lowdef.threats import THREATS, Threat
from tf_lowdef.validation import check_integer


@dataclass(frozen=True)
class Plan:
    """What to do.

    Attributes:
        threats: In the order in which they are tried.
        attacks: By name.
        defences: By name.
        budget: What the adaptive attacker may spend.
        bounds: In order: where worst cases are reported and the budget's attacks are tried; there may be none.
    """

    threats: tuple[str, ...]
    attacks: dict[str, Attack]
    defences: dict[str, Defence]
    budget: Budget
    bounds: list[Bound]

    @property
    def adaptive(self) -> list[Threat]:
        """The threats whose attacker knows of the defence."""
        return [threat for name in self.threats if (threat := THREATS[name]).knows_defence]

    def describe(self) -> dict[str, Any]:
        """Return the plan in plain values."""
        code = {name: found for name, attack in self.attacks.items() if (found := hash_own_code(attack))}
        digests = {name: found for name, defence in self.defences.items() if (found := defence.digest)}
        return {
            "attacks": list(self.attacks),
            "defences": list(self.defences),
            **({"attacks_sha256": code} if code else {}),
            **({"defences_sha256": digests} if digests else {}),
            "threat": list(self.threats),
            "budget": self.budget.name if self.adaptive else None,
        }

    def budget_attacks(self, classes: int) -> list[Attack]:
        """Return every attack of the budget."""
        if not self.adaptive:
            return []
        checks = [attack for bound in self.bounds if (attack := self.budget.check(bound, classes)) is not None]
        return [attack for bound in self.bounds for attack in self.budget.cascade(bound, classes)] + checks


def make_plan(
    attacks: Any,
    defences: Any,
    threat: str | Sequence[str],
    budget: str | None,
) -> Plan:
    """Return the plan that the arguments of ``evaluate`` mean.

    Raises:
        TypeError: Something among `attacks` is no attack, or among `defences` no defence.
        ValueError: One of them is wrong.
    """
    threats = list(threat) if isinstance(threat, Iterable) and not isinstance(threat, str) else [threat]
    if not threats or any(each not in THREATS for each in threats):
        raise ValueError(f"`threat` must be among {', '.join(THREATS)}. Received: threat={threat!r}")
    if budget is not None and not any(THREATS[each].knows_defence for each in threats):
        raise ValueError(
            f"`budget` is what threat='adaptive' may spend. Received: budget={budget!r}, threat={threat!r}"
        )
    by_attack, found = name_attacks(attacks), find_budget(budget)
    return Plan(
        tuple(each for each in THREATS if each in threats),
        by_attack,
        name_defences(defences),
        found,
        bounds_of(list(by_attack.values()), found),
    )


def name_attacks(attacks: Any) -> dict[str, Attack]:
    """Return attacks by name, in order.

    Args:
        attacks: A text or an :class:`Attack`, or several.

    Raises:
        TypeError: Something else is among them.
        ValueError: A text names none, or two different attacks have one name.
    """
    alone = isinstance(attacks, str | Attack) or not isinstance(attacks, Iterable)
    found = [_as_attack(each) for each in ([attacks] if alone else attacks) if not _is_clean(each)]
    by_name: dict[str, Attack] = {}
    for attack in found:
        if by_name.setdefault(attack.spec, attack) != attack:
            raise ValueError(
                f"`attacks` names {attack.spec!r} twice, for different attacks; a class of your own needs a `name` of "
                f"its own. Received: {by_name[attack.spec]!r} and {attack!r}"
            )
    return by_name


def _is_clean(attack: Any) -> bool:
    return isinstance(attack, str) and attack == CLEAN


def _as_attack(attack: Any) -> Attack:
    if isinstance(attack, str):
        return parse_attack(attack)
    if not isinstance(attack, Attack):
        a_class = isinstance(attack, type) and issubclass(attack, Attack)
        raise TypeError(
            "`attacks` must be texts such as 'bim:4', or attacks such as BIM(4). "
            f"Received: {attack!r}" + (f"; make an attack of the class: {attack.__name__}(...)" if a_class else "")
        )
    return attack


def check_counts(limit: Any, batch_size: Any, seed: Any) -> tuple[int | None, int, int]:
    """Return how many images at most, how many in a batch, and the seed; ValueError where one is no such number."""
    return (
        None if limit is None else check_integer("limit", limit, 1),
        check_integer("batch_size", batch_size, 1),
        check_integer("seed", seed, 0),
    )


def check_surrogate(surrogate: Any, model: Any, threats: Sequence[str]) -> None:
    """Raise ValueError unless there is a surrogate exactly where one is needed, and it takes the same images."""
    if (surrogate is not None) != any(THREATS[each].needs_surrogate for each in threats):
        raise ValueError(
            f"threat='transfer' and a `surrogate` need each other. Received: surrogate={surrogate!r}, threat={threats}"
        )
    if surrogate is None:
        return
    theirs, ours = input_size(surrogate), input_size(model)
    if None not in (theirs, ours) and theirs != ours:
        raise ValueError(
            f"The surrogate must take images of the model's size, {ours[0]} x {ours[1]}: resized ones would be another "  # type: ignore[index]
            f"experiment. Received: a surrogate for {theirs[0]} x {theirs[1]}"  # type: ignore[index]
        )
    if class_count(surrogate) != class_count(model):
        raise ValueError(
            f"The surrogate must have the model's {class_count(model)} classes. Received: {class_count(surrogate)}"
        )
