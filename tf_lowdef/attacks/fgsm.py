"""The fast gradient sign method, over cleverhans."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tf_lowdef.attacks.gradient_sign import GradientSign


@dataclass(frozen=True)
class FGSM(GradientSign):
    """Fast gradient sign method (Goodfellow et al. 2015, section 4): one step of epsilon.

    Args:
        epsilon: L-infinity bound in grey levels, 0 to 255.
        targeted: Whether a target class is to be predicted; see `Attack`.
        keep: ``"last"``, or ``"best"``: the clean image where the step made it no better; see `Walk`.

    Example:
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import FGSM
        >>> model, images, labels = load_demo()
        >>> result = FGSM(epsilon=4)(model, images[:4], labels[:4])
        >>> result.images.dtype.name, float(result.linf.max())
        ('uint8', 4.0)
    """

    name: ClassVar[str] = "fgsm"
