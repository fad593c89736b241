"""The attacker who knows neither the defence nor the classifier, but another one for the same classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tf_lowdef.threats.threat import Threat

if TYPE_CHECKING:
    from tf_lowdef.evaluation.models.run_models import RunModels


class Transfer(Threat):
    """Attacks a surrogate; every defence is tried on the same images.

    Example:
        >>> from tf_lowdef.threats import Transfer
        >>> Transfer().knows_defence, Transfer().needs_surrogate
        (False, True)
    """

    name = "transfer"
    who = "an attacker who knows neither it nor the model"
    knowledge = "none, nor of the model: another model is attacked"
    caveat = (
        "The attacker knows neither the defence nor the model: adversarial images were made on another model. These "
        "numbers say nothing about an attacker who knows more."
    )
    needs_surrogate = True

    def victim(self, models: RunModels) -> Any:
        """Return the surrogate."""
        return models.surrogate
