"""Images certified one after the other: an image under one setting is a unit of the work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from tf_lowdef.certification.algorithm import certify_votes
from tf_lowdef.certification.settings import Draws, Setting
from tf_lowdef.certification.soundness import check_sound
from tf_lowdef.certification.votes import GUESSING, count_votes, noisy_copies, seeded_keys
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.models.judge import Batch
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.jobs import Record, Runner, SplitWork, Unit, cut
from tf_lowdef.results.certificate import Certificate, ImageCertificate

Indices = npt.NDArray[np.int64]


class Certifier:
    """Certifies images of a run under any setting.

    Args:
        site: The classifier and the defences.
        images: What is certified.
        runner: Does the units.
        alpha: The probability with which an image's certificate may be wrong.
        radii: At which certified accuracy is told.
        progress: Called after every image.
    """

    def __init__(
        self,
        site: RunModels,
        images: Spool,
        runner: Runner,
        *,
        alpha: float,
        radii: Sequence[float],
        progress: Callable[[], None] | None = None,
    ) -> None:
        self._site, self._images, self._runner = site, images, runner
        self._alpha, self._radii = alpha, radii
        self._progress = progress or (lambda: None)

    def certify(self, setting: Setting, draws: Draws, places: Indices, part: str) -> Certificate:
        """Return the certificate of the images at some places under a setting.

        Raises:
            ValueError: The defended classifier is none that can be certified; see `check_sound`.
        """
        name = f"certify/{part}/{setting.defence}/{setting.sigma:g}"
        probe = SplitWork(self._images.batch, partial(probe_setting, setting=setting), self._site)
        for _ in self._runner.run([Unit(f"{name}/probe", {"places": places[:1].tolist()})], probe):
            pass
        step = partial(vote, setting=setting, draws=draws)
        work = SplitWork(self._images.batch, step, self._site)
        found, seconds = [], 0.0
        for place, record in zip(places, self._runner.run(cut(name, places, 1), work), strict=True):
            certified = certify_votes(record["guessing"], record["certifying"], setting.sigma, self._alpha)
            found.append(
                ImageCertificate(
                    self._images.names[place],
                    int(self._images.labels[place]),
                    int(certified.classes[0]),
                    int(certified.votes[0]),
                    float(certified.radii[0]),
                )
            )
            seconds += record.seconds
            self._progress()
        return Certificate.of(
            setting.defence, setting.sigma, *draws, self._alpha, found, self._radii, part, round(seconds, 3)
        )


def probe_setting(site: RunModels, batch: Batch, *, setting: Setting) -> Record:
    """Refuse a defended classifier that cannot be certified, by an image and its noisy copies."""
    images = batch.pixels.astype(np.float32)
    noisy = noisy_copies(images, seeded_keys(images, site.seed), setting.sigma, np.arange(3, dtype=np.int64))
    check_sound(site.behind(setting.defence), np.concatenate([images, np.asarray(noisy, np.float32)]))
    return Record()


def vote(site: RunModels, batch: Batch, *, setting: Setting, draws: Draws) -> Record:
    """Return how many noisy copies of each image of a batch are given each class, to guess on and to certify with."""
    votes: dict[str, list[npt.NDArray[np.int64]]] = {"guessing": [], "certifying": []}
    for pixels, name in zip(batch.pixels, batch.names, strict=True):
        for stage, first, count in (("guessing", GUESSING, draws.n0), ("certifying", 0, draws.n)):
            try:
                found = count_votes(
                    site.behind(setting.defence), pixels, sigma=setting.sigma, first=first, draws=count,
                    seed=site.seed, batch_size=site.batch_size,
                )  # fmt: skip
            except ValueError as error:
                raise ValueError(f"{name}, {setting.name}: {error}") from error
            votes[stage].append(found)
    return Record({stage: np.stack(found) for stage, found in votes.items()})
