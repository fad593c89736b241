"""Training that makes a defence keep something against who knows of it."""

from tf_lowdef.training.recipes import Recipe, parse_recipe
from tf_lowdef.training.trainer import AdversarialTrainer

__all__ = ["AdversarialTrainer", "Recipe", "parse_recipe"]
