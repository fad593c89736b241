"""The table of certified accuracies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tf_lowdef.results.certificate import CHOICE, Certificate, CertifiedPoint
from tf_lowdef.results.table import MISSING, Table

if TYPE_CHECKING:
    from tf_lowdef.results.results import Results


def claimed(results: Results) -> list[Certificate]:
    """Return the certificates that something is claimed of."""
    return [each for each in results.certified if each.part != CHOICE]


def certified_table(results: Results) -> Table:
    """Return a row for each smoothed classifier; no rows where nothing was certified.

    Example:
        >>> from tf_lowdef.results import Certificate, Results
        >>> from tf_lowdef.results.certificate import ImageCertificate
        >>> images = [
        ...     ImageCertificate("a.png", label=3, class_=3, votes=998, radius=0.3),
        ...     ImageCertificate("b.png", label=1, class_=-1, votes=520, radius=0.0),  # nothing is proved
        ... ]
        >>> certificate = Certificate.of("nlm:30", 0.12, 1000, 100, 0.001, images)
        >>> from tf_lowdef.report import certified_table
        >>> table = certified_table(Results({}, [], certified=[certificate]))
        >>> len(table.rows), table.rows[0][0]
        (1, 'nlm:30')
    """
    return _table(claimed(results))


def tried_table(results: Results) -> Table:
    """Return the settings that there was a choice from, on the half that it was made on; no rows without a choice."""
    return _table([each for each in results.certified if each.part == CHOICE])


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
