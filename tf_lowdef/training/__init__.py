"""Training that makes a defence keep something against who knows of it."""

from tf_lowdef.training.guards import RobustValidation
from tf_lowdef.training.harden import harden
from tf_lowdef.training.hardened import Hardened
from tf_lowdef.training.recipes import Recipe, parse_recipe
from tf_lowdef.training.trainer import AdversarialTrainer

__all__ = ["AdversarialTrainer", "Hardened", "Recipe", "RobustValidation", "harden", "parse_recipe"]
