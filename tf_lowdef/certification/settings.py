"""What a certification was asked for, checked before anything is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from tf_lowdef.defences import Defence, name_defences
from tf_lowdef.results.certificate import RADII
from tf_lowdef.results.smoothing import check_draws, check_radius, check_sigma, fewest_draws, largest_radius
from tf_lowdef.validation import check_integer

CHOICE_FIRST_DRAWS = 20
"""Draws that a class is guessed on while sigma and denoiser are chosen; a wrong guess there costs nothing but the
choice."""


class Setting(NamedTuple):
    """A smoothed classifier: what stands between noise and classifier, by name, and the noise's sigma."""

    defence: str
    sigma: float

    @property
    def name(self) -> str:
        """As a certificate is called."""
        return f"{self.defence}, sigma {self.sigma:g}"


class Draws(NamedTuple):
    """How many draws certify an image, and on how many others its class is guessed."""

    n: int
    n0: int


@dataclass(frozen=True)
class Settings:
    """What to certify.

    Attributes:
        defences: By name.
        sigmas: For images in [0, 1].
        draws: Of every certificate.
        alpha: The probability with which an image's certificate may be wrong.
        radii: At which certified accuracy is told, ascending.
        choice: Draws of an image on which sigma and denoiser are chosen; None where nothing is chosen.
    """

    defences: dict[str, Defence]
    sigmas: tuple[float, ...]
    draws: Draws
    alpha: float
    radii: tuple[float, ...]
    choice: Draws | None

    @property
    def grid(self) -> list[Setting]:
        """Every defence with every sigma."""
        return [Setting(defence, sigma) for defence, sigma in product(self.defences, self.sigmas)]

    def describe(self) -> dict[str, Any]:
        """Return what decides the votes and what they prove, in plain values: the radii are none of it."""
        digests = {name: found for name, defence in self.defences.items() if (found := defence.digest)}
        return {
            "defences": list(self.defences),
            **({"defences_sha256": digests} if digests else {}),
            "sigma": list(self.sigmas),
            "n": self.draws.n,
            "n0": self.draws.n0,
            "alpha": self.alpha,
            "choice_n": None if self.choice is None else self.choice.n,
        }

    def warnings(self) -> list[str]:
        """Return which of the radii no image can reach, whatever it is."""
        reach = {sigma: largest_radius(self.draws.n, sigma, self.alpha) for sigma in self.sigmas}
        return [
            f"{self.draws.n} draws at sigma {sigma:g} certify no image beyond {limit:.3g} (alpha {self.alpha:g}): "
            f"nothing can be certified at {', '.join(f'{radius:g}' for radius in beyond)}"
            for sigma, limit in reach.items()
            if (beyond := [radius for radius in self.radii if radius > limit])
        ]


def make_settings(
    defence: Any, sigma: Any, n: int, n0: int, alpha: float, radii: Sequence[float], choice_n: int | None
) -> Settings:
    """Return the settings that the arguments of ``certify`` mean.

    Raises:
        TypeError: Something among `defence` is no defence.
        ValueError: One of them is wrong.
    """
    draws, first, error = check_draws(n, n0, alpha)
    several = isinstance(sigma, Sequence) and not isinstance(sigma, str)
    sigmas = tuple(check_sigma(each) for each in (sigma if several else [sigma]))
    if not sigmas or len(set(sigmas)) < len(sigmas):
        raise ValueError(f"`sigma` must be one number or several different ones. Received: sigma={sigma!r}")
    defences = name_defences(defence)
    for name, each in defences.items():
        if each.randomised:
            raise ValueError(
                "A certificate needs a defence that draws nothing; the noise is put in front of it here. "
                f"Received: {name!r}, which draws"
            )
    wanted = tuple(sorted({check_radius(radius, "radii") for radius in radii} or set(RADII)))
    choice = None if choice_n is None else Draws(_check_choice(choice_n, error), min(first, CHOICE_FIRST_DRAWS))
    if choice is not None and len(defences) * len(sigmas) < 2:
        raise ValueError(
            f"To choose needs two settings or more. Received: defence={list(defences)}, sigma={list(sigmas)}"
        )
    return Settings(defences, sigmas, Draws(draws, first), error, wanted, choice)


def _check_choice(choice_n: Any, alpha: float) -> int:
    return check_integer("choice_n", choice_n, fewest_draws(alpha))
