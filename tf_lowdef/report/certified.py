"""What smoothed classifiers are certified for, in words."""

from __future__ import annotations

from collections.abc import Sequence

from tf_lowdef.results import BARE, Certificate, Results
from tf_lowdef.results.certified_table import claimed

PREFERRED_RADIUS = 0.25
"""The radius that a report puts first, for images in [0, 1]."""

CERTIFIED = (
    "Certified accuracy in % with its 95 % interval over images: the share of images whose true class is proved to "
    "stay the smoothed classifier's answer under any change within an L2 radius, whoever makes it and whatever he "
    "knows (Cohen et al. 2019). Radius and sigma are for images in [0, 1], at the model's input size. It is a lower "
    "bound of the accuracy under attack, where the rows of attacks are upper bounds; and it is of the smoothed "
    "classifier (which classifies many noisy copies behind the denoiser), not of any defence without noise. At radius "
    "0 stand the right answers that are proved at all; where nothing is proved it abstains. The last column is the "
    "radius beyond which so many draws can prove nothing."
)

TRIED = (
    "What there was to choose from, on the half of the images that the choice was made on, with fewer draws. The best "
    "of these looks better than it is: nothing is claimed of them."
)


def alpha_note(results: Results) -> str:
    """Return how probably the certificates are wrong."""
    found = claimed(results)
    alphas = sorted({each.alpha for each in found})
    if not alphas:
        return ""
    expected = max(each.alpha * each.n for each in found)
    return (
        f"Each image's certificate is wrong with a probability of at most {_listed(alphas)}, over the draws of noise: "
        f"of all images of a row at most {expected:.2g} on average."
    )


def certified_sentence(results: Results) -> str | None:
    """Return in words what is certified best at the radius that a report puts first; None where nothing was tried.

    Where so few draws reach no such radius, whatever the images are, it is the largest of those that they reach.
    """
    found = claimed(results)
    radii = sorted({point.radius for each in found for point in each.points if point.radius > 0})
    if not radii:
        return None
    reach = max(each.largest for each in found)
    within = [radius for radius in radii if radius <= reach]
    wanted = PREFERRED_RADIUS if PREFERRED_RADIUS in radii else radii[0]
    if not within:
        return f"So few draws prove nothing at L2 {wanted:g}, whatever the images are: they reach {reach:.3g} at most."
    radius = wanted if wanted in within else within[-1]
    best = max((each for each in found if each.at(radius)), key=lambda each: _share(each, radius))
    point = best.at(radius)
    if point is None:  # not for the best of those that have one
        return None
    low, high = point.ci95
    denoiser = "" if best.defence == BARE else f" behind `{best.defence}`"
    return (
        f"Smoothed with noise of sigma {best.sigma:g}{denoiser}, the classifier is proved right on "
        f"{100 * point.share:.0f} % of {best.n} images ({100 * low:.0f} to {100 * high:.0f}) whatever is done to them "
        f"within L2 {radius:g}." + ("" if radius == wanted else f" So few draws prove nothing beyond {reach:.3g}.")
    )


def chosen_note(results: Results) -> str:
    """Return which setting was chosen for which radius; nothing without a choice."""
    chosen = results.run.get("chosen")
    if not isinstance(chosen, dict) or not chosen:
        return ""
    said = ", ".join(f"for L2 {radius} {name}" for radius, name in chosen.items())
    return f"Chosen on the other half of the images: {said}."


def _share(certificate: Certificate, radius: float) -> float:
    point = certificate.at(radius)
    return -1.0 if point is None else point.share


def _listed(values: Sequence[float]) -> str:
    return " or ".join(f"{value:g}" for value in values)
