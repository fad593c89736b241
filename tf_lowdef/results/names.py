"""The names of attacks and defences in results, read once: nobody else looks into their text."""

from __future__ import annotations

import re
from typing import Literal

from tf_lowdef.bounds import LINF, NORMS, Bound
from tf_lowdef.specs import GATE

CLEAN = "none"
"""The attack of the rows of clean images."""

BARE = "none"
"""The defence of the rows of the bare model."""

WORST = "worst"
"""The family of worst cases."""

Kind = Literal["clean", "attack", "worst"]
"""What a row is of: clean images, one attack, or the worst example of every image whoever made it."""

_ATTACK = re.compile(r"(.*?)(?::((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?))?(,.*)?", re.DOTALL)
_GATE = re.compile(rf"{GATE}(:[^()]*)?\(")
_STRENGTH = re.compile(r":[\d.-]+")


class AttackName(str):
    """An attack as results call it: a text such as ``"bim:4,steps=20"``, which knows its parts.

    Example:
        >>> from tf_lowdef.results import AttackName
        >>> name = AttackName("pgd:l2:0.5,steps=20")
        >>> name.family, name.norm, name.epsilon
        ('pgd:l2,steps=20', 'L2', 0.5)
        >>> AttackName("worst:4").kind, AttackName("none").kind
        ('worst', 'clean')
    """

    __slots__ = ()

    @classmethod
    def worst(cls, bound: Bound) -> AttackName:
        """Return the name of the worst case within a bound: ``"worst:4"``, ``"worst:l2:0.5"``."""
        return cls(f"{WORST}:{bound}")

    @property
    def family(self) -> str:
        """The text without the epsilon: ``"bim,steps=20"``; attacks that differ in it alone have the same."""
        head, _, rest = self._parts()
        return head + (rest or "")

    @property
    def norm(self) -> str | None:
        """The norm in the text, or ``"Linf"`` where it names none but an epsilon; None where it names neither."""
        _, _, word = self._parts()[0].partition(":")
        return NORMS.get(word) or (None if self.epsilon is None else LINF)

    @property
    def epsilon(self) -> float | None:
        """The bound in the text; None where it names none, as of ``"deepfool"``."""
        epsilon = self._parts()[1]
        return None if epsilon is None else float(epsilon)

    @property
    def kind(self) -> Kind:
        """What a row of this attack is of."""
        if self == CLEAN:
            return "clean"
        return "worst" if self.split(":")[0] == WORST else "attack"

    def _parts(self) -> tuple[str, str | None, str | None]:
        found = _ATTACK.fullmatch(self)
        return (found[1], found[2], found[3]) if found else (str(self), None, None)


class DefenceName(str):
    """A defence as results call it: a text such as ``"webp:60+flip"``, which knows its parts.

    Example:
        >>> from tf_lowdef.results import DefenceName
        >>> DefenceName("webp:60+flip").layers, DefenceName("webp:60+flip").family
        (['webp', 'flip'], 'webp:*+flip')
        >>> DefenceName("gate(webp:60+flip)").gated
        'webp:60+flip'
    """

    __slots__ = ()

    @property
    def is_gate(self) -> bool:
        """Whether it is a gate's text, such as ``"gate(webp:60+flip)"``."""
        return _GATE.match(self) is not None

    @property
    def gated(self) -> DefenceName | None:
        """The defence that a gate answers with; None of another one."""
        found = _GATE.match(self)
        return DefenceName(self[found.end() :].rstrip(")").split(";")[0]) if found else None

    @property
    def layers(self) -> list[str]:
        """The names of its layers in the order that an image meets them; none of the bare model, a gate's is one."""
        if self.is_gate:
            return [GATE]
        return [] if self == BARE else [re.split("[:,]", layer)[0] for layer in self.split("+")]

    @property
    def family(self) -> str:
        """The text with a star for every strength: ``"webp:*+flip"``; settings of one thing have the same."""
        return _STRENGTH.sub(":*", self)


def row_name(threat: str | None, attack: str, defence: str) -> str:
    """Return what a row is called: ``"oblivious bim:4 flip"``; ``"clean flip"`` where there is no threat."""
    return f"clean {defence}" if threat is None else f"{threat} {attack} {defence}"


def now_called(name: str) -> str:
    """Return what a row is called today: up to version 0.1.0 clean rows were called after a threat."""
    threat, _, rest = name.partition(" ")
    attack, _, defence = rest.partition(" ")
    return row_name(None, CLEAN, defence) if attack == CLEAN and defence and threat != "clean" else name
