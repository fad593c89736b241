"""The attacker who knows classifier and defence, and attacks both together."""

from __future__ import annotations

from tf_lowdef.threats.threat import Threat

NO_CLAIM = "not a robustness claim"
"""What is said of the numbers of one who spent little."""


class Adaptive(Threat):
    """Attacks each defended classifier through its own gradient; the worst example of every image counts.

    Example:
        >>> from tf_lowdef.threats import Adaptive
        >>> Adaptive().knows_defence, Adaptive().needs_surrogate
        (True, False)
    """

    name = "adaptive"
    who = "an attacker who knows of it"
    knowledge = "full: the defended model is attacked"
    caveat = (
        "The attacker knows model and defence and attacks both together, through the defence's own gradient or, where "
        "it has none, an approximation. Under worst:EPSILON (in L2 worst:l2:EPSILON) the most harmful example of every "
        "image counts, of all within epsilon that any of the attackers here made, the clean image among them. It is an "
        "upper bound of the accuracy under the best possible attack."
    )
    knows_defence = True
