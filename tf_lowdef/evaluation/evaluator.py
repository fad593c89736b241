"""``tf_lowdef.evaluate``: attack a classifier, put defences in front of it, count."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

from tf_lowdef.attacks import Attack
from tf_lowdef.evaluation.attackers.adaptive import AdaptiveAttacker
from tf_lowdef.evaluation.attackers.one_model import OneModelAttacker
from tf_lowdef.evaluation.gates import set_thresholds
from tf_lowdef.evaluation.images.reading import read_images
from tf_lowdef.evaluation.images.selection import select_images
from tf_lowdef.evaluation.images.spool import Spool
from tf_lowdef.evaluation.judging.checks import (
    clean_accuracy_warnings,
    few_images_warnings,
    few_probed_warnings,
    probability_warnings,
)
from tf_lowdef.evaluation.judging.outcomes import Outcome
from tf_lowdef.evaluation.judging.refusals import mark, unreliable_warnings
from tf_lowdef.evaluation.judging.rows import compare_rows, group_by_defence, to_rows, worst_cases
from tf_lowdef.evaluation.models.answers import check_answers
from tf_lowdef.evaluation.models.opening import find_doubts, open_classifier, open_labelled
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.plan import Plan, check_counts, check_surrogate, make_plan
from tf_lowdef.evaluation.provenance import describe_identity, describe_model, describe_run, hash_listing
from tf_lowdef.evaluation.work import open_work
from tf_lowdef.jobs import Folder, Runner, fingerprint
from tf_lowdef.jobs.progress import Progress, Steps, shown
from tf_lowdef.jobs.ray import RayOptions
from tf_lowdef.results import Results
from tf_lowdef.threats import OBLIVIOUS, THREATS

DEFAULT_ATTACKS = ("fgsm:4", "bim:4", "deepfool")
DEFAULT_DEFENCES = ("none", "flip", "webp:60", "webp:60+flip")
DEFAULT_THREATS = (OBLIVIOUS,)


def evaluate(
    model: Any,
    data: Any,
    attacks: str | Attack | Sequence[str | Attack] = DEFAULT_ATTACKS,
    defences: Any = DEFAULT_DEFENCES,
    threat: str | Sequence[str] = DEFAULT_THREATS,
    out: Folder | None = None,
    seed: int = 0,
    *,
    limit: int | None = None,
    only_correct: bool = False,
    batch_size: int = 32,
    budget: str | None = None,
    surrogate: Any = None,
    calibration: Any = None,
    input_range: Any = None,
    outputs: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    ray: RayOptions | None = None,
    progress: Progress | bool | None = None,
    command: str | None = None,
) -> Results:
    """Attack a classifier, put defences in front of it, and count what each of them is worth.

    The oblivious attacker attacks the bare classifier, once with each attack, and every defence is tried on his images.
    That flatters any defence. The adaptive one attacks each defended classifier through its own gradient; the worst of
    all examples of an image within epsilon then counts (rows ``"worst:EPSILON"``, in L2
    ``"worst:l2:EPSILON"``). The transfer attacker attacks another classifier. An image that is misclassified clean
    counts as an error of the defence under every attack of the adaptive one. Numbers that the attack's failure may
    explain are marked (`Row.unreliable`).

    An image goes through these steps, all at the model's input size: decode, resize (Pillow, bicubic), attack, round
    to 8 bits, defend, classify.

    Args:
        model: Any Keras model from images to class scores, see :func:`tf_lowdef.as_classifier`. A defended
            ``keras.Sequential`` is attacked as it is.
        data: A CSV with the columns ``file,label``; a folder of class folders, by name in alphabetical order, by index
            or by wnid; a split of TensorFlow Datasets, written ``"tfds:NAME/SPLIT"``; a ``tf.data.Dataset``; rows as of
            Hugging Face's ``datasets``; or a pair of arrays (images, labels): see
            :func:`tf_lowdef.data.load.load_data`.
        attacks: Texts such as ``"bim:4"`` (epsilons in grey levels of 255) or ``"pgd:l2:0.5"`` (in L2 of pixels in
            [0, 1]), or :class:`Attack` objects; one of these, or several.
        defences: Texts such as ``"webp:60+flip"``, Keras layers from images to images, sequences of layers, or pairs
            (name, layers): :func:`tf_lowdef.defences.make_defence`.
        threat: Some of ``"oblivious"``, ``"transfer"`` and ``"adaptive"``.
        out: A new or empty folder for the results and the adversarial images, or that of the same run, which then goes
            on where it stopped; a path, or a URL that fsspec knows, such as ``"s3://bucket/run"``. Its
            ``report.html`` shows the run. None writes nothing.
        seed: Decides which images a `limit` draws, and every random number of an attack.
        limit: Use at most this many images.
        only_correct: Use only images that the bare model classifies correctly.
        batch_size: Images in a forward pass.
        budget: What the adaptive attacker tries besides `attacks`, at each of their epsilons and norms (4 in Linf if
            they have none): ``"quick"``, which is no robustness claim, or ``"standard"``; None adds nothing.
        surrogate: For the transfer threat: another classifier of the same images and classes; one that does not take
            pixels in [0, 255] goes through ``as_classifier`` first.
        calibration: For gates, such as ``"gate(webp:60+flip)"``: clean images to choose their thresholds on, as `data`,
            and none of those in it. None sets half of the images aside for that, drawn by the seed, which are then
            judged by nobody.
        input_range: What the model takes pixels as, such as ``(0, 1)`` or ``"caffe"``, see ``as_classifier``; float
            images are taken to be in it too. None means [0, 255], or what a layer of this package in front of the
            model tells; some of the images are then classified in each usual range, and if another one is better
            beyond chance, that is an error.
        outputs: What the model gives: ``"softmax"``, ``"logits"`` or ``"sigmoid"``; None finds it out.
        labels: A file with the names of the classes in the order of the model's outputs, one a line.
        ray: Where Ray's workers do the units; None does them in this process. Counts and
            images are the same.
        progress: Called as the work goes on, with what is being done, how many steps of it are done and how many there
            are. None shows bars in a terminal or a notebook, False nothing.
        command: The command line that asked for this, for the report.

    Returns:
        The rows, and what was run.

    Raises:
        FileNotFoundError: There is no such data.
        ModuleNotFoundError: `ray` is given, and Ray not installed; or what the URL in `out` needs.
        FileExistsError: `out` holds files that no run made.
        RunMismatchError: A ValueError: `out` holds another run, or an image has changed since its own began.
        RangeError: A ValueError: the model seems to take another range.
        RunInUseError: An OSError: another process works on the run in `out`.
        OSError: `out` cannot be written to; where the disk is full the run goes on later.
        TypeError: `model` is no Keras model, or `attacks` or `defences` hold something that is none.
        ValueError: An argument is wrong, a label has no class in the model, no image can be used, or an attack cannot
            work with this model. A single image that cannot be read is skipped, named and counted instead.

    Example:
        >>> from tf_lowdef import evaluate, load_demo
        >>> model, images, labels = load_demo()
        >>> results = evaluate(
        ...     model, (images, labels), attacks=["bim:4"], defences=["none", "webp:60+flip"], limit=8, progress=False
        ... )
        >>> results
        Results(2 defences, 1 attack, 8 images, 0 warnings)
        >>> results.clean("none").top1, results.row("bim:4", "none").top1
        (1.0, 0.0)
        >>> results.row("bim:4", "webp:60+flip").top1 > 0
        True
    """
    clock = time.perf_counter()
    plan = make_plan(attacks, defences, threat, budget)
    limit, batch_size, seed = check_counts(limit, batch_size, seed)
    model = open_classifier(model, data, input_range, outputs)
    surrogate = None if surrogate is None else open_classifier(surrogate, data)
    check_surrogate(surrogate, model, plan.threats)
    classes = class_count(model)
    unsure = [doubt for each in plan.defences.values() if (doubt := each.probe(model.input_shape)) is not None]
    images = open_labelled(model, data, labels, input_range)
    for each in (model, surrogate):
        unsure += [] if each is None else find_doubts(each, images)
    clean_images = None if calibration is None else open_labelled(model, calibration, labels, input_range)
    settings: dict[str, Any] = {"limit": limit, "only_correct": only_correct, "batch_size": batch_size}
    if clean_images is not None:
        settings["calibration_sha256"] = hash_listing(clean_images)
    with ExitStack() as exits:
        report = exits.enter_context(shown(progress))
        asking = partial(report, "Asking about clean images")
        gates = set_thresholds(plan.defences, model, images, clean_images, limit, batch_size, seed, asking)
        arguments = {**plan.describe(), **settings, **gates.identity}
        identity = describe_identity(model, surrogate, images, arguments, seed)
        images = gates.images
        site = RunModels(
            model, gates.defences, surrogate=surrogate, batch_size=batch_size, seed=seed, draws=plan.budget.draws
        )  # fmt: skip
        runner, folder, started = exits.enter_context(open_work(out, identity, site, ray))
        selection = select_images(
            images,
            site,
            limit=gates.limit,
            only_correct=only_correct,
            seed=seed,
            runner=runner,
            check=partial(probability_warnings, attacks=[*plan.attacks.values(), *plan.budget_attacks(classes)]),
            progress=partial(report, "Classifying clean images"),
        )
        if folder is not None:
            check_answers(runner, site)
        gates.check(selection.digests[index] for index in selection.indices)
        warnings = (
            unsure
            + gates.doubts
            + selection.warnings
            + clean_accuracy_warnings(selection.seen_predictions, selection.seen_labels, classes)
        )
        if plan.adaptive and plan.budget.label is not None:
            warnings.append(plan.budget.label)
        spool = read_images(images, selection, batch_size, folder, runner)
        warnings += few_images_warnings(len(spool), bool(plan.adaptive))
        outcomes = _attack(site, plan, spool, out is not None, runner, report)
        warnings += few_probed_warnings(outcomes)
        rows = to_rows(outcomes, spool.resolution, gates.calibrations)
        run = describe_run(model, images, selection, started) | {
            "command": command,
            "arguments": {
                **plan.describe(),
                "surrogate": None if surrogate is None else describe_model(surrogate),
                **settings,
            },
            "identity_sha256": fingerprint(identity),
            "seed": seed,
            **gates.describe(),
            "seconds": round(time.perf_counter() - clock + runner.earlier, 3),
            "warnings": warnings + unreliable_warnings(rows),
        }
        results = Results(run, rows, tuple(compare_rows(rows, seed)), tuple(spool.names), labels=spool.labels.tolist())
        if folder is not None:
            from tf_lowdef.report.page import write_page  # what draws takes a second to load

            results.save(folder)
            write_page(results, folder)
    return results


def _attack(site: RunModels, plan: Plan, spool: Spool, keep: bool, runner: Runner, report: Progress) -> list[Outcome]:
    """Try every threat, and mark what is not to be believed."""
    threats = [threat for name in plan.threats if not (threat := THREATS[name]).knows_defence]
    total = math.ceil(len(spool) / site.batch_size) * (1 + len(threats) * len(plan.attacks))
    steps = Steps(report, "Attacking and defending", total)
    grid = OneModelAttacker(site, spool, keep=keep, runner=runner, progress=steps.add)
    clean = grid.clean()
    others = [outcome for threat in threats for outcome in grid.attacked(threat, plan.attacks)]
    found, worst, by_defence = [*clean, *others], [], group_by_defence(others)
    for threat in plan.adaptive:
        steps = Steps(report, "Attacking defended models")
        attacker = AdaptiveAttacker(
            threat, site, spool, plan.attacks, plan.budget, plan.bounds, keep=keep, runner=runner, progress=steps.add
        )
        steps.total = attacker.stages * len(plan.defences) * len(spool)
        for each in clean:
            attacked = attacker.attack(each.defence, each)
            mark(attacked.outcomes)
            worst += worst_cases(
                threat, each, by_defence.get(each.defence, []), attacked, plan.bounds, plan.budget.name
            )
            found += attacked.outcomes
    return [*found, *worst]
