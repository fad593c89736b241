"""The basic iterative method, over cleverhans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.attacks.gradient_sign import IterativeSign


@dataclass(frozen=True)
class BIM(IterativeSign):
    """Basic iterative method (Kurakin et al. 2017, section 2.2): steps of FGSM from the clean image.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        step_size: In grey levels; None is epsilon / 4.
        steps: How many.
        targeted: Whether a target class is to be predicted; see `Attack`.
        keep: ``"last"`` or ``"best"`` of its points; see `Walk`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import BIM
        >>> model, images, labels = load_demo()
        >>> result = BIM(epsilon=4)(model, images[:4], labels[:4])
        >>> result.success.tolist()
        [True, True, True, True]
        >>> BIM(epsilon=4, steps=20).spec  # as parse_attack and the command line read it
        'bim:4,steps=20'
    """

    name: ClassVar[str] = "bim"
