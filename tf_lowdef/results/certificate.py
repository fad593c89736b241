"""What a smoothed classifier is certified for: one certificate an image, and the certified accuracy over the radius."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from tf_lowdef.results.names import DefenceName
from tf_lowdef.results.smoothing import (
    ABSTAIN,
    certified_radius,
    check_draws,
    check_radius,
    check_sigma,
    largest_radius,
)

RADII = (0.0, 0.1, 0.25, 0.5)
"""L2 radii at which certified accuracy is told, for images in [0, 1]: 0.25 is just above the median perturbation of
DeepFool on MobileNetV2."""

ALL, CHOICE, REPORT = "all", "choice", "report"
"""Which images a certificate is of: all of them, those that sigma and denoiser were chosen on, or the others."""


@dataclass(frozen=True)
class ImageCertificate:
    """What is proved of one image.

    Attributes:
        image: Its name in the run.
        label: Its true class.
        class_: The smoothed classifier's answer, -1 where it abstains.
        votes: Of the certifying draws for the class that was guessed.
        radius: L2 for images in [0, 1], within which the answer stays; 0 where it abstains.
    """

    image: str
    label: int
    class_: int
    votes: int
    radius: float

    @property
    def correct(self) -> bool:
        """Whether the answer is the true class."""
        return self.class_ == self.label


@dataclass(frozen=True)
class CertifiedPoint:
    """Certified accuracy at one radius.

    Attributes:
        radius: L2, for images in [0, 1].
        certified: Images whose true class is certified within it.
        share: Of all images.
        ci95: Wilson's 95 % interval of `share`, over images.
    """

    radius: float
    certified: int
    share: float
    ci95: tuple[float, float]


@dataclass(frozen=True)
class Certificate:
    """What one smoothed classifier is certified for: a denoiser behind noise of one sigma.

    The smoothed classifier answers what the defended classifier says most often under Gaussian noise on the image. It
    is certified, not the defended classifier itself.

    Attributes:
        defence: What stands between noise and classifier, such as ``"nlm:30"``; ``"none"`` for nothing.
        sigma: Standard deviation of the noise, for images in [0, 1].
        draws: That certify each image.
        first_draws: Others, that its class was guessed on.
        alpha: The probability with which an image's certificate may be wrong.
        n: Images counted.
        abstained: Of these, those of which nothing is proved.
        points: Certified accuracy at some radii; at 0, of the answers that are proved at all.
        part: ``"all"``; ``"choice"`` where it was chosen on these images, ``"report"`` where on others.
        seconds: It took.
        per_image: What is proved of each image; empty where that is not known.

    Raises:
        ValueError: A number is impossible.

    Example:
        >>> from tf_lowdef.results import Certificate
        >>> from tf_lowdef.results.certificate import ImageCertificate
        >>> images = [
        ...     ImageCertificate("a.png", label=3, class_=3, votes=998, radius=0.3),
        ...     ImageCertificate("b.png", label=1, class_=-1, votes=520, radius=0.0),  # nothing is proved
        ... ]
        >>> certificate = Certificate.of("nlm:30", 0.12, 1000, 100, 0.001, images)
        >>> certificate.abstained, certificate.at(0.25).share, certificate.at(0.5).share
        (1, 0.5, 0.0)
    """

    defence: DefenceName
    sigma: float
    draws: int
    first_draws: int
    alpha: float
    n: int
    abstained: int
    points: Sequence[CertifiedPoint]
    part: str = ALL
    seconds: float = 0.0
    per_image: Sequence[ImageCertificate] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        """Check the numbers, which may come from a file that somebody has edited."""
        object.__setattr__(self, "defence", DefenceName(self.defence))
        check_sigma(self.sigma)
        check_draws(self.draws, self.first_draws, self.alpha)
        if self.part not in (ALL, CHOICE, REPORT):
            raise ValueError(f"`part` must be {ALL}, {CHOICE} or {REPORT}. Received: part={self.part!r}")
        if self.n < 1 or not 0 <= self.abstained <= self.n:
            raise ValueError(f"impossible numbers: n={self.n}, abstained={self.abstained}")
        for point in self.points:
            check_radius(point.radius)
            whole = 0 <= point.certified <= self.n - self.abstained
            if not whole or abs(point.share - point.certified / self.n) > _ROUNDING:
                raise ValueError(
                    f"impossible numbers at radius {point.radius:g}: certified={point.certified}, share={point.share}"
                )

    @classmethod
    def of(
        cls,
        defence: str,
        sigma: float,
        draws: int,
        first_draws: int,
        alpha: float,
        per_image: Sequence[ImageCertificate],
        radii: Sequence[float] = RADII,
        part: str = ALL,
        seconds: float = 0.0,
    ) -> Certificate:
        """Return the certificate that those of single images make."""
        abstained = sum(each.class_ == ABSTAIN for each in per_image)
        bare = cls(
            DefenceName(defence), sigma, draws, first_draws, alpha, len(per_image), abstained, (), part, seconds,
            tuple(per_image),
        )  # fmt: skip
        return dataclasses.replace(bare, points=tuple(bare.count(radius) for radius in sorted({0.0, *radii})))

    @property
    def name(self) -> str:
        """What tells it from others of the run."""
        return f"{self.defence}, sigma {self.sigma:g}"

    @property
    def largest(self) -> float:
        """The radius of an image on which all draws agree: none can be certified for more with so many."""
        return largest_radius(self.draws, self.sigma, self.alpha)

    def at(self, radius: float) -> CertifiedPoint | None:
        """Return certified accuracy at one of the radii that it is told at; None at another."""
        return next((point for point in self.points if point.radius == radius), None)

    def count(self, radius: float) -> CertifiedPoint:
        """Return certified accuracy at any radius, of `per_image`."""
        certified = sum(each.correct and each.radius >= radius for each in self.per_image)
        share = certified / len(self.per_image) if self.per_image else 0.0
        from tf_lowdef.results.statistics import wilson_interval  # loads SciPy

        return CertifiedPoint(radius, certified, share, wilson_interval(certified, len(self.per_image)))

    def curve(self) -> list[CertifiedPoint]:
        """Return certified accuracy at every radius where it falls, from 0 on, and just beyond the last.

        Between two of them it is that of the larger one. Without `per_image` the curve is that of `points`.
        """
        if not self.per_image:
            return list(self.points)
        falls = sorted({each.radius for each in self.per_image if each.correct})
        found = [self.count(radius) for radius in (0.0, *falls)]
        return [*found, dataclasses.replace(self.count(2 * self.largest), radius=falls[-1] if falls else 0.0)]

    def disagreements(self) -> list[str]:
        """Return what of `per_image` does not follow from its own votes, or does not make up the points."""
        found = []
        votes = [each.votes for each in self.per_image]
        if any(not 0 <= each <= self.draws for each in votes):
            return [f"there are more votes than {self.draws} draws"]
        radii = certified_radius(votes, self.draws, self.sigma, self.alpha)
        for each, radius in zip(self.per_image, radii, strict=True):
            if abs(each.radius - radius) > _ROUNDING or (each.class_ == ABSTAIN) != (each.radius == 0):
                found.append(f"the radius of {each.image!r} does not follow from its {each.votes} votes")
        found += [
            f"{point.certified} images are certified at {point.radius:g}, by their list {counted.certified}"
            for point in self.points
            if (counted := self.count(point.radius)).certified != point.certified
        ]
        return found


_ROUNDING = 1e-9
"""By how much numbers in a file may differ from those computed again."""
