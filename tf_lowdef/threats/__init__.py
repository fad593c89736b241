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

    Example:
        >>> from tf_lowdef.threats import THREATS, Threat, register
        >>> class Guessing(Threat):
        ...     name = "guessing"
        ...     who = "an attacker who has heard that there is a defence"
        ...     knowledge = "none: the bare model is attacked"
        ...     caveat = "He attacks the bare model."
        >>> register(Guessing())
        >>> "guessing" in THREATS
        True
    """
    known = THREATS.setdefault(threat.name, threat)
    if type(known) is not type(threat):
        raise ValueError(f"There is a threat of that name already. Received: {threat.name!r}")


def knows_defence(name: str | None) -> bool:
    """Return whether the attacker of a threat knows of the defence; False for None, and for one that is not known.

    Example:
        >>> from tf_lowdef.threats import knows_defence
        >>> knows_defence("adaptive"), knows_defence("oblivious"), knows_defence(None)
        (True, False, False)
    """
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
