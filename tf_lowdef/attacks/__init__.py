"""Attacks on image classifiers: white-box, untargeted, on the true label; epsilons in grey levels of 255.

Images are attacked at the resolution at which the defence sees them: decode, resize, attack, round to uint8, defence,
model. An attack on the large image with the resizing behind it is another experiment, with other numbers. The result
of an attack is a uint8 image, because that is what gets saved, sent and classified; success is judged after rounding.

Example:
    >>> from tf_lowdef.attacks import BIM
    >>> result = BIM(epsilon=4)(model, images, labels)
    >>> result.images.dtype, result.success.mean()
"""

from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.cleverhans_attacks import BIM, FGSM, MIM, PGD
from tf_lowdef.attacks.deepfool import deepfool
from tf_lowdef.attacks.deepfool_attack import DeepFool
from tf_lowdef.attacks.model_fn import outputs_are_probabilities
from tf_lowdef.attacks.result import AttackResult
from tf_lowdef.attacks.spec import parse_attack

__all__ = [
    "BIM",
    "FGSM",
    "MIM",
    "PGD",
    "Attack",
    "AttackResult",
    "DeepFool",
    "deepfool",
    "outputs_are_probabilities",
    "parse_attack",
]
