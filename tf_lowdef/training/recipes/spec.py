"""Every recipe by the name that a specification gives it, such as ``trades:4,beta=6``; one table."""

from __future__ import annotations

from typing import Any, get_type_hints

from tf_lowdef.attacks.attack import parameters
from tf_lowdef.specs import Form, kinds_of, parse_spec
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
    """
    name, values = parse_spec(spec, "recipe", {name: _form(recipe) for name, recipe in RECIPES.items()})
    try:
        recipe: Recipe = RECIPES[name](**values)
    except ValueError as error:
        raise ValueError(f"{error} in {spec!r}") from error
    return recipe


def _form(recipe: Any) -> Form:
    hints = get_type_hints(recipe)
    names = [field.name for field in parameters(recipe)]
    return Form({name: kinds_of(hints[name]) for name in names}, names[0])
