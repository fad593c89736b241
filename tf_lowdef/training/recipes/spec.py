"""Every recipe by the name that a specification gives it, such as ``trades:4,beta=6``; one table."""

from __future__ import annotations

from typing import Any

from tf_lowdef.specs import Form, field_kinds, make_from
from tf_lowdef.training.recipes.fgsm_rs import FGSMRS
from tf_lowdef.training.recipes.noise import NoiseTraining
from tf_lowdef.training.recipes.pgd import PGDTraining
from tf_lowdef.training.recipes.recipe import Recipe
from tf_lowdef.training.recipes.trades import TRADES
from tf_lowdef.training.recipes.vaccinate import Vaccinate

RECIPES: dict[str, Any] = {each.name: each for each in (FGSMRS, PGDTraining, TRADES, Vaccinate, NoiseTraining)}


def parse_recipe(spec: str) -> Recipe:
    """Return the recipe that a specification names; `Recipe.spec` is the way back.

    Args:
        spec: ``NAME[:EPSILON][,key=value...]``, with epsilon in grey levels: ``fgsm-rs:4``, ``trades:4,beta=3``,
            ``vaccinate:40-80``, ``noise:0.25``.

    Raises:
        TypeError: `spec` is not a string.
        ValueError: The name, a key or a value is wrong; the message lists what exists.

    Example:
        >>> from tf_lowdef.training import parse_recipe
        >>> parse_recipe("fgsm-rs:4").epsilon
        4.0
        >>> parse_recipe("noise:0.25").name
        'noise'
    """
    recipe: Recipe = make_from(spec, "recipe", RECIPES, _form)
    return recipe


def _form(recipe: Any) -> Form:
    keys = field_kinds(recipe)
    return Form(keys, next(iter(keys)))
