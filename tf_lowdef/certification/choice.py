"""Which sigma and denoiser to certify with: chosen on one half of the images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf_lowdef.results.certificate import Certificate
from tf_lowdef.results.smoothing import certified_radius


def choose(certificates: Sequence[Certificate], radii: Sequence[float], n: int) -> dict[float, Certificate]:
    """Return for each radius the certificate to take: of the highest certified accuracy there.

    Few draws cannot certify what many can, and would make every large radius a reason for a large sigma. So each
    image's votes are taken as the same share of as many draws as will certify the other half; that is a guess and
    proves nothing, but nothing is claimed of these images. Equal ones go by the mean certified radius, then by
    accuracy.

    Args:
        certificates: Of one half of the images, a setting each; at least one.
        radii: Where certified accuracy counts.
        n: Draws that will certify the other half.
    """
    return {radius: max(certificates, key=lambda each: _merit(each, radius, n)) for radius in radii}


def _merit(certificate: Certificate, radius: float, n: int) -> tuple[float, float, int]:
    right = np.array([each.correct for each in certificate.per_image])
    votes = np.array([each.votes * n // certificate.draws for each in certificate.per_image])
    radii = np.where(right, certified_radius(votes, n, certificate.sigma, certificate.alpha), 0.0)
    return float((right & (radii >= radius)).mean()), float(radii.mean()), int(right.sum())
