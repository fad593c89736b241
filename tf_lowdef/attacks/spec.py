"""Every attack by the name that a specification gives it, such as ``bim:4,steps=20``; one table."""

from __future__ import annotations

from tf_lowdef.attacks.apgd_ce import APGDCE
from tf_lowdef.attacks.apgd_dlr import APGDDLR
from tf_lowdef.attacks.apgd_t import APGDT
from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.bim import BIM
from tf_lowdef.attacks.cw import CW
from tf_lowdef.attacks.deepfool_attack import DeepFool
from tf_lowdef.attacks.fab import FAB
from tf_lowdef.attacks.fgsm import FGSM
from tf_lowdef.attacks.hopskipjump import HopSkipJump
from tf_lowdef.attacks.mim import MIM
from tf_lowdef.attacks.mpgd import MPGD
from tf_lowdef.attacks.pgd import PGD
from tf_lowdef.attacks.square import Square
from tf_lowdef.bounds import form_of
from tf_lowdef.specs import Form, field_kinds, make_from

ATTACKS: dict[str, type[Attack]] = {
    attack.name: attack
    for attack in (FGSM, BIM, PGD, MIM, MPGD, DeepFool, CW, APGDCE, APGDDLR, APGDT, FAB, Square, HopSkipJump)
}


def parse_attack(spec: str) -> Attack:
    """Return the attack that a specification names; `Attack.spec` is the way back.

    Args:
        spec: ``NAME[:NORM][:EPSILON][,key=value...]``, with epsilon in grey levels: ``fgsm:4``, ``bim:4,steps=20``,
            ``deepfool``, ``deepfool:survive_rounding=false``; in L2 with pixels in [0, 1]: ``pgd:l2:0.5``.

    Raises:
        TypeError: `spec` is not a string.
        ValueError: The name, a key or a value is wrong; the message lists what exists.

    Example:
        >>> from tf_lowdef.attacks import parse_attack
        >>> attack = parse_attack("bim:4,steps=20")
        >>> type(attack).__name__, attack.epsilon, attack.steps
        ('BIM', 4.0, 20)
        >>> parse_attack("pgd:l2:0.5").bound
        Bound(norm='L2', epsilon=0.5)
    """
    attack: Attack = make_from(spec, "attack", ATTACKS, _form)
    return attack


def _form(attack: type[Attack]) -> Form:
    """Return an attack's keys and their types, in order."""
    return form_of(field_kinds(attack))
