"""What a classifier is shown in a step of its training; one recipe a file."""

from tf_lowdef.training.recipes.recipe import Recipe, Step
from tf_lowdef.training.recipes.spec import RECIPES, parse_recipe

__all__ = ["RECIPES", "Recipe", "Step", "parse_recipe"]
