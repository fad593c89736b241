"""The attacker who knows the classifier, but not that anything stands in front of it."""

from __future__ import annotations

from tf_lowdef.threats.threat import Threat


class Oblivious(Threat):
    """Attacks the bare classifier; every defence is tried on the same images.

    Example:
        >>> from tf_lowdef.threats import Oblivious
        >>> Oblivious().knows_defence, Oblivious().needs_surrogate
        (False, False)
    """

    name = "oblivious"
    who = "an attacker who does not know of it"
    knowledge = "none: the bare model is attacked"
    caveat = (
        "The attacker does not know of the defence: adversarial images were made on the bare model and every defence "
        "was tried on them. These numbers say nothing about an attacker who knows of it; against one, input "
        "transformations have not held (Athalye et al. 2018)."
    )
