"""What an attacker knows, and therefore what he attacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from tf_lowdef.evaluation.models.run_models import RunModels


class Threat:
    """A threat model: its name, what its attacker knows and attacks, and what its numbers do not say.

    A new one is a subclass in a file of its own, made known by :func:`tf_lowdef.threats.register`. It needs no
    TensorFlow to be described, so that reports are made without it.

    Attributes:
        name: As it is asked for and stands in results.
        who: Its attacker in a sentence about a defence, such as ``"an attacker who knows of it"``.
        knowledge: What he knows of the defence, for the settings of a row.
        caveat: What its numbers mean and do not say; stands beside every table of them.
        knows_defence: Whether he knows of the defence, and attacks each defended classifier itself; it also decides in
            which column of a summary his rows belong.
        needs_surrogate: Whether he needs another classifier of the same classes.

    Example:
        >>> from tf_lowdef.threats import THREATS, Threat
        >>> [isinstance(threat, Threat) for threat in THREATS.values()]
        [True, True, True]
        >>> THREATS["adaptive"].who
        'an attacker who knows of it'
    """

    name: ClassVar[str]
    who: ClassVar[str]
    knowledge: ClassVar[str]
    caveat: ClassVar[str]
    knows_defence: ClassVar[bool] = False
    needs_surrogate: ClassVar[bool] = False

    def victim(self, models: RunModels) -> Any:
        """Return the one model that he attacks, whose adversarial images every defence is then tried on.

        Not asked of one who knows of the defence: he attacks each defended classifier through its own gradient.

        Args:
            models: The classifier, the surrogate and the defences of the run, in the process that does the work.
        """
        return models.model
