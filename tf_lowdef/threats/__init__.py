"""Threat models, one file each: what an attacker knows, what he attacks, what his numbers do not say."""

from tf_lowdef.threats.adaptive import Adaptive
from tf_lowdef.threats.oblivious import Oblivious
from tf_lowdef.threats.threat import Threat
from tf_lowdef.threats.transfer import Transfer

OBLIVIOUS, TRANSFER, ADAPTIVE = Oblivious.name, Transfer.name, Adaptive.name

THREATS: dict[str, Threat] = {}
"""Every threat that is known, by name, in the order of tables."""


def register(threat: Threat) -> None:
    """Make a threat known to ``evaluate`` and to reports.

    Raises:
        ValueError: Another threat has its name.
    """
    known = THREATS.setdefault(threat.name, threat)
    if type(known) is not type(threat):
        raise ValueError(f"There is a threat of that name already. Received: {threat.name!r}")


def knows_defence(name: str | None) -> bool:
    """Return whether the attacker of a threat knows of the defence; False for None, and for one that is not known."""
    return name in THREATS and THREATS[name].knows_defence


for _threat in (Oblivious(), Transfer(), Adaptive()):
    register(_threat)

__all__ = [
    "ADAPTIVE",
    "OBLIVIOUS",
    "THREATS",
    "TRANSFER",
    "Adaptive",
    "Oblivious",
    "Threat",
    "Transfer",
    "knows_defence",
    "register",
]
