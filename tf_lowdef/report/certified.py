"""What smoothed classifiers are certified for, as tables and in words."""

from __future__ import annotations

from collections.abc import Sequence

from tf_lowdef.results import BARE, Certificate, Results
from tf_lowdef.results.certificate import CHOICE, CertifiedPoint
from tf_lowdef.results.table import MISSING, Table

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


def certified(results: Results) -> list[Certificate]:
    """Return the certificates that something is claimed of."""
    return [each for each in results.certified if each.part != CHOICE]


def certified_table(results: Results) -> Table:
    """Return a row for each smoothed classifier; no rows where nothing was certified."""
    return _table(certified(results))


def tried_table(results: Results) -> Table:
    """Return the settings that there was a choice from, on the half that it was made on; no rows without a choice."""
    return _table([each for each in results.certified if each.part == CHOICE])


def alpha_note(results: Results) -> str:
    """Return how probably the certificates are wrong."""
    found = certified(results)
    alphas = sorted({each.alpha for each in found})
    if not alphas:
        return ""
    expected = max(each.alpha * each.n for each in found)
    return (
        f"Each image's certificate is wrong with a probability of at most {_listed(alphas)}, over the draws of noise: "
        f"of all images of a row at most {expected:.2g} on average."
    )


def certified_sentence(results: Results) -> str | None:
    """Return in words what is certified best at the radius that a report puts first; None where nothing was tried."""
    found = certified(results)
    radii = sorted({point.radius for each in found for point in each.points if point.radius > 0})
    if not radii:
        return None
    radius = PREFERRED_RADIUS if PREFERRED_RADIUS in radii else radii[0]
    best = max((each for each in found if each.at(radius)), key=lambda each: _share(each, radius))
    point = best.at(radius)
    if point is None:  # not for the best of those that have one
        return None
    low, high = point.ci95
    denoiser = "" if best.defence == BARE else f" behind `{best.defence}`"
    return (
        f"Smoothed with noise of sigma {best.sigma:g}{denoiser}, the classifier is proved right on "
        f"{100 * point.share:.0f} % of {best.n} images ({100 * low:.0f} to {100 * high:.0f}) whatever is done to them "
        f"within L2 {radius:g}."
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


def _table(found: Sequence[Certificate]) -> Table:
    radii = sorted({point.radius for each in found for point in each.points})
    columns = ["denoiser", "sigma", "images", "draws", "abstains", *(f"L2 {radius:g}" for radius in radii), "at most"]
    rows = [
        [
            str(each.defence), f"{each.sigma:g}", str(each.n), f"{each.first_draws} + {each.draws}",
            f"{100 * each.abstained / each.n:.1f}", *(_point(each.at(radius)) for radius in radii),
            f"{each.largest:.3g}",
        ]
        for each in found
    ]  # fmt: skip
    return Table(columns, rows)


def _point(point: CertifiedPoint | None) -> str:
    if point is None:
        return MISSING
    low, high = point.ci95
    return f"{100 * point.share:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def _listed(values: Sequence[float]) -> str:
    return " or ".join(f"{value:g}" for value in values)
