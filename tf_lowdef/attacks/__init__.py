"""Attacks on image classifiers: on the true label or towards a target; epsilons in grey levels of 255.

Images are attacked at the resolution at which the defence sees them: decode, resize, attack, round to uint8, defence,
model. An attack on the large image with the resizing behind it is another experiment, with other numbers. The result
of an attack is a uint8 image, because that is what gets saved, sent and classified; success is judged after rounding.

Example:
    >>> from tf_lowdef import load_demo
    >>> from tf_lowdef.attacks import BIM
    >>> model, images, labels = load_demo()
    >>> result = BIM(epsilon=4)(model, images[:4], labels[:4])
    >>> result.images.dtype.name, float(result.success.mean())
    ('uint8', 1.0)
"""

from tf_lowdef.attacks.apgd_ce import APGDCE
from tf_lowdef.attacks.apgd_dlr import APGDDLR
from tf_lowdef.attacks.apgd_t import APGDT
from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.bim import BIM
from tf_lowdef.attacks.cw import CW
from tf_lowdef.attacks.deepfool import deepfool
from tf_lowdef.attacks.deepfool_attack import DeepFool
from tf_lowdef.attacks.fab import FAB
from tf_lowdef.attacks.fgsm import FGSM
from tf_lowdef.attacks.hopskipjump import HopSkipJump
from tf_lowdef.attacks.mim import MIM
from tf_lowdef.attacks.model_fn import outputs_are_probabilities
from tf_lowdef.attacks.mpgd import MPGD
from tf_lowdef.attacks.pgd import PGD
from tf_lowdef.attacks.result import AttackResult
from tf_lowdef.attacks.spec import parse_attack
from tf_lowdef.attacks.square import Square

__all__ = [
    "APGDCE",
    "APGDDLR",
    "APGDT",
    "BIM",
    "CW",
    "FAB",
    "FGSM",
    "MIM",
    "MPGD",
    "PGD",
    "Attack",
    "AttackResult",
    "DeepFool",
    "HopSkipJump",
    "Square",
    "deepfool",
    "outputs_are_probabilities",
    "parse_attack",
]
