"""``tf_lowdef.certify``: within which L2 radius no attacker can change a smoothed classifier's answers."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import numpy as np

from tf_lowdef.certification.beside import beside, check_same, open_evaluation
from tf_lowdef.certification.certifier import Certifier
from tf_lowdef.certification.choice import choose
from tf_lowdef.certification.settings import Settings, make_settings
from tf_lowdef.certification.smoothed_classifier import refuse_smoothed
from tf_lowdef.certification.soundness import check_repeatable
from tf_lowdef.evaluation.attackers.one_model import OneModelAttacker
from tf_lowdef.evaluation.images.reading import read_images
from tf_lowdef.evaluation.images.selection import select_images
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.judging.checks import clean_accuracy_warnings
from tf_lowdef.evaluation.judging.rows import to_rows
from tf_lowdef.evaluation.models.answers import check_answers
from tf_lowdef.evaluation.models.opening import find_doubts, open_classifier, open_labelled
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.plan import check_counts
from tf_lowdef.evaluation.provenance import describe_identity, describe_run
from tf_lowdef.evaluation.sweep import first_half
from tf_lowdef.evaluation.work import open_work
from tf_lowdef.jobs import Folder, Runner, fingerprint
from tf_lowdef.jobs.progress import Progress, Steps, shown
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.models.networks import sample_images
from tf_lowdef.results import Certificate, Results
from tf_lowdef.results.certificate import ALL, CHOICE, RADII, REPORT


def certify(
    model: Any,
    data: Any,
    defence: Any,
    sigma: float | Sequence[float],
    n: int = 1000,
    n0: int = 100,
    alpha: float = 0.001,
    out: Folder | None = None,
    seed: int = 0,
    *,
    radii: Sequence[float] = RADII,
    choice_n: int | None = None,
    evaluation: Folder | Results | None = None,
    limit: int | None = None,
    batch_size: int = 32,
    input_range: Any = None,
    outputs: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    ray: RayOptions | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> Results:
    """Prove for every image an L2 radius within which no attacker can change the answer, whatever he knows.

    Randomized smoothing (Cohen, Rosenfeld and Kolter 2019). The smoothed classifier answers what the classifier behind
    the defence says most often when Gaussian noise is added to the image; `SmoothedClassifier` is one. Its answer stays
    within a radius that grows with the share of these votes. The defence stands between noise and classifier, as a
    denoiser (Salman et al. 2020); any will do that gives the same pixels for the same image. What is proved is of the
    smoothed classifier alone: neither of the classifier nor of the defended classifier as it is.

    Sigma and radii are in the scale of images in [0, 1], as in the literature, at the size that the model takes, after
    resizing. Each image's radius is wrong with a probability of at most `alpha`, over the noise that is drawn. As
    everywhere in the literature the proof is of exact arithmetic, and of noise that the numbers of a generator stand
    for.

    Args:
        model: Any Keras model from images to class scores, see :func:`tf_lowdef.as_classifier`.
        data: As in :func:`tf_lowdef.evaluate`.
        defence: The denoiser: a text such as ``"nlm:30"`` or ``"none"``, layers, or a sequence of either; see
            :func:`tf_lowdef.defences.make_defence`. It may draw nothing, and must look at each image alone.
        sigma: Standard deviation of the noise, for images in [0, 1], from 0.002 to 1; or several. Every defence is
            certified with every sigma.
        n: Draws of noise that certify an image. With 500 at alpha 0.001, no radius beyond 2.2 sigma can be certified.
        n0: Other draws, on which its class is guessed.
        alpha: The probability with which an image's certificate may be wrong, above 0 and below 0.5.
        out: As in ``evaluate``; None writes nothing.
        seed: Decides the noise, which images a `limit` draws, and the halves.
        radii: At which certified accuracy is told, L2 for images in [0, 1].
        choice_n: Draws of an image on which the best setting is chosen for each of `radii`, on one half of the images,
            drawn by the seed; the other half alone is certified then, with the settings that were chosen. The best of
            many looks better than it is on the images that it was chosen on. None certifies every setting on all.
        evaluation: The folder or results of an evaluation of the same model on the same images: its rows stand
            beside what is certified.
        limit: Use at most this many images.
        batch_size: Noisy copies in a forward pass.
        input_range: As in ``evaluate``.
        outputs: As there.
        labels: As there.
        ray: Where Ray's workers do the units, each of which is an image under one setting; None does them here.
        progress: Called as the work goes on.
        command: The command line that asked for this, for the report.

    Returns:
        Results with one `Certificate` a setting in `certified`, and rows of the clean images without noise.

    Raises:
        ValueError: An argument is wrong; the classifier or a defence draws, or its answer for an image depends on the
            rest of the batch; or its output under noise is not finite.
        Exception: As ``evaluate``.

    Example:
        >>> from tf_lowdef import certify, load_demo
        >>> model, images, labels = load_demo()
        >>> results = certify(model, (images, labels), "none", sigma=0.12, n=50, n0=10, alpha=0.05, limit=4)
        >>> certificate = results.certified[0]
        >>> certificate.n, certificate.draws
        (4, 50)
        >>> all(0 <= image.radius <= certificate.largest for image in certificate.per_image)
        True
    """
    clock = time.perf_counter()
    settings = make_settings(defence, sigma, n, n0, alpha, radii, choice_n)
    limit, batch_size, seed = check_counts(limit, batch_size, seed)
    if settings.choice is not None and limit is not None:
        first_half(limit, seed)  # before hours of work
    refuse_smoothed(model)
    attacked = None if evaluation is None else open_evaluation(evaluation)
    model = open_classifier(model, data, input_range, outputs)
    classes = class_count(model)
    check_repeatable(model, sample_images(model.input_shape[1:]))
    doubts = [doubt for each in settings.defences.values() if (doubt := each.probe(model.input_shape)) is not None]
    images = open_labelled(model, data, labels, input_range)
    doubts += find_doubts(model, images)
    arguments = settings.describe() | {"limit": limit, "batch_size": batch_size}
    identity = describe_identity(model, None, images, arguments, seed, tool="certify")
    site = RunModels(model, settings.defences, batch_size=batch_size, seed=seed)
    with ExitStack() as exits:
        runner, folder, started = exits.enter_context(open_work(out, identity, site, ray))
        report = exits.enter_context(shown(progress or False))
        selection = select_images(
            images, site, limit=limit, seed=seed, runner=runner, progress=partial(report, "Classifying clean images")
        )
        if folder is not None:
            check_answers(runner, site)
        spool = read_images(images, selection, batch_size, folder, runner)
        run = describe_run(model, images, selection, started)
        if attacked is not None:
            check_same(run, spool.names, attacked)  # before hours of work
        clean = OneModelAttacker(site, spool, runner=runner).clean()
        certified, chosen = _certify(site, settings, spool, runner, report)
        run |= {
            "command": command,
            "arguments": {**arguments, "radii": list(settings.radii)},  # other radii need no other draws
            "identity_sha256": fingerprint(identity),
            "seed": seed,
            "chosen": chosen,
            "seconds": round(time.perf_counter() - clock + runner.earlier, 3),
            "warnings": doubts
            + clean_accuracy_warnings(selection.seen_predictions, selection.seen_labels, classes)
            + settings.warnings(),
        }
        results = Results(
            run, to_rows(clean, spool.resolution), (), tuple(spool.names), tuple(certified), spool.labels.tolist()
        )
        if attacked is not None:
            results = beside(results, attacked)
        if folder is not None:
            results.save(folder)
    return results


def _certify(
    site: RunModels, settings: Settings, spool: Spool, runner: Runner, report: Progress
) -> tuple[list[Certificate], dict[str, str] | None]:
    """Return the certificates, and which setting was chosen for each radius; None where there was no choice."""
    steps = Steps(report, "Certifying")
    certifier = Certifier(site, spool, runner, alpha=settings.alpha, radii=settings.radii, progress=steps.add)
    places = np.arange(len(spool))
    if settings.choice is None:
        steps.total = len(places) * len(settings.grid)
        return [certifier.certify(setting, settings.draws, places, ALL) for setting in settings.grid], None
    first = first_half(len(spool), site.seed)
    steps.total = int(first.sum()) * len(settings.grid)
    tried = [certifier.certify(setting, settings.choice, places[first], CHOICE) for setting in settings.grid]
    best = choose(tried, [radius for radius in settings.radii if radius > 0] or settings.radii, settings.draws.n)
    chosen = [setting for setting in settings.grid if setting.name in {each.name for each in best.values()}]
    steps.total += int((~first).sum()) * len(chosen)
    found = [certifier.certify(setting, settings.draws, places[~first], REPORT) for setting in chosen]
    return [*found, *tried], {f"{radius:g}": each.name for radius, each in best.items()}
