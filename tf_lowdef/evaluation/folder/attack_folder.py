"""Attacking the images of a folder: lossless PNGs out, and a table that says what became of each."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tf_lowdef.attacks import Attack
from tf_lowdef.attacks.own_code import hash_own_code
from tf_lowdef.data.class_names import read_class_names
from tf_lowdef.data.files import SourceFile, find_files
from tf_lowdef.data.image_data import ClassNames, Wanted
from tf_lowdef.data.load import from_files
from tf_lowdef.evaluation.folder.keeping import FolderJob, keep
from tf_lowdef.evaluation.folder.log import ADVERSARIAL, LogLine, read_table, write_table
from tf_lowdef.evaluation.folder.step import attack_images, read
from tf_lowdef.evaluation.judging.checks import check_labels
from tf_lowdef.evaluation.models.opening import channel_count, find_doubts, open_classifier
from tf_lowdef.evaluation.models.predict import class_count, input_size
from tf_lowdef.evaluation.models.remote import write_recipe
from tf_lowdef.evaluation.models.run_models import RunModels
from tf_lowdef.evaluation.plan import check_counts
from tf_lowdef.folders.output import prepare
from tf_lowdef.folders.plan import ArgumentError, Fence
from tf_lowdef.folders.run import Summary, write_failed
from tf_lowdef.jobs import LocalRunner, Runner, SplitWork, cut, explain_full_disk, hold_folder
from tf_lowdef.jobs.ray import RayOptions, RayRunner
from tf_lowdef.models.doubts import head_doubts
from tf_lowdef.models.identity import identify

NAMINGS = ("stem", "paper")
LABELS = ("auto", "none")


def attack_folder(
    model: Any,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    attack: Attack,
    *,
    naming: str = "stem",
    labels: str | os.PathLike[str] = "auto",
    input_range: Any = None,
    outputs: str | None = None,
    class_names: Sequence[str] | None = None,
    batch_size: int = 32,
    seed: int = 0,
    force: bool = False,
    ray: RayOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Attack every image of a folder and write the adversarial images as PNG, at the model's size.

    Images are resized to the model's input (Pillow, bicubic) before the attack, because that is where the defence
    sees them. Batches are written as they are done; what is there already from the same arguments is not done again.

    Args:
        model: Any Keras model from images to class scores, see :func:`tf_lowdef.as_classifier`.
        source: A CSV with the columns ``file,label``; a folder of class folders named by index or wnid, or by class if
            they are as many as the model's; or any other folder, whose images then have no labels: the model's own
            prediction takes their place, as in the paper's script, and a warning says so.
        out: The folder for the PNGs, ``attack.csv`` and, where files failed, ``failed.csv``.
        attack: The attack.
        naming: ``"stem"`` keeps the tree and the stems; ``"paper"`` names ``Adv_{label}-{adversarial label}.png``.
        labels: ``"auto"`` takes class folders for labels, ``"none"`` the model's predictions; a CSV has labels. Or a
            file with the names of the classes in the order of the model's outputs, one a line.
        input_range: What the model takes pixels as, see ``as_classifier``; None means [0, 255].
        outputs: What the model gives, see there; None finds it out.
        class_names: The names of the classes, for ``attack.csv``, where the data name none.
        batch_size: Images attacked at a time.
        seed: For attacks that draw random numbers.
        force: Redo what is there, and overwrite.
        ray: Where Ray's workers attack; None attacks in this process. The images are the same.
        progress: Called after every batch.

    Returns:
        What became of the images: how many were written, which failed, and how many are not adversarial, and why.

    Raises:
        FileNotFoundError: There is no such folder or CSV.
        TypeError: `model` is no Keras model, or `attack` no attack.
        ValueError: An argument is wrong, a label has no class in the model, an original would be overwritten, or `out`
            holds results of other arguments.
        RunInUseError: An OSError: another process works on `out`.
        OSError: The disk is full; what is finished is kept.

    Example:
        >>> from pathlib import Path
        >>> from tf_lowdef import load_demo
        >>> from tf_lowdef.attacks import FGSM
        >>> from tf_lowdef.evaluation.folder.attack_folder import attack_folder
        >>> from tf_lowdef.files import write_png
        >>> model, images, labels = load_demo()
        >>> Path("photos/0").mkdir(parents=True)  # class 0
        >>> write_png("photos/0/a.png", images[0])
        >>> summary = attack_folder(model, "photos", "attacked", FGSM(epsilon=4))
        >>> summary.converted, Path("attacked/0/a.png").exists()
        (1, True)
    """
    source, out = Path(source), Path(out)
    if naming not in NAMINGS:
        raise ValueError(f"`naming` must be one of {NAMINGS}. Received: naming={naming!r}")
    listed = None if labels in LABELS else Path(labels)
    if listed is not None and not listed.is_file():
        raise ValueError(f"`labels` must be one of {LABELS}, or a file of class names. Received: labels={labels!r}")
    if not isinstance(attack, Attack):
        raise TypeError(f"`attack` must be an attack such as BIM(4). Received: attack={attack!r}")
    _, batch_size, seed = check_counts(None, batch_size, seed)
    model = open_classifier(model, None, input_range, outputs)
    images, names = _find(source, out, class_count(model), labels != "none", listed)
    _warn_of_doubts(model, images)
    identity = {
        "tool": "attack",
        "source": os.fspath(source.resolve()),
        "attack": attack.spec,
        **({"attack_sha256": code} if (code := hash_own_code(attack)) else {}),
        **identify(model),
        "naming": naming,
        "labels": labels if listed is None else read_class_names(listed),
        "seed": seed,
    }
    if not out.exists():
        out.mkdir(parents=True)
    with ExitStack() as exits:
        exits.enter_context(hold_folder(out))
        exits.enter_context(explain_full_disk(str(out)))
        ours = prepare(out, identity, [], force)
        job = FolderJob(
            attack,
            out,
            Wanted(input_size(model), channel_count(model)),
            naming,
            overwrite=ours or force,
            fence=Fence(out),
            class_names=(class_names if names is None else names) or (),
        )
        site = RunModels(model, {}, batch_size=batch_size, seed=seed)
        runner = exits.enter_context(RayRunner(ray, write_recipe(site))) if ray else LocalRunner()
        records = read_table(out) if ours and not force else {}
        summary = _attack_all(job, site, runner, images, records, progress)
        write_failed(out, summary)
    return summary


def _find(
    source: Path, out: Path, classes: int, labelled: bool, listed: Path | None
) -> tuple[list[SourceFile], ClassNames | None]:
    """Return the images of the source and the names of its classes.

    Labels are checked, and that no original can be overwritten.
    """
    results = out.resolve()
    if source.is_dir() and source.resolve().is_relative_to(results):
        raise ArgumentError(f"The output must not be or contain the input. Received: {out} for {source}")
    images, class_names = find_files(source, out, labelled, listed, classes)
    if any(image.path.resolve().is_relative_to(results) for image in images):
        raise ArgumentError(f"The output folder must not contain the input. Received: {out} for {source}")
    known = [image for image in images if image.label is not None]
    try:
        check_labels(np.array([image.label for image in known], np.int64), [image.file for image in known], classes)
    except ValueError as error:
        raise ValueError(f"{error}. If the folders are no classes, take labels='none'") from error
    if labelled and not known:
        warnings.warn(
            f"{source}: its images have no labels; the model's own predictions take their place. Class folders are "
            f"labels where they are named by index or wnid, are as many as the model's {classes} classes, or are "
            "listed in a file of class names (labels, --labels FILE)",
            UserWarning,
            stacklevel=3,
        )
    return images, class_names


def _warn_of_doubts(model: Any, images: Sequence[SourceFile]) -> None:
    """Raise RangeError where labels show that the model takes another range; warn where none tell."""
    known = [image for image in images if image.label is not None]
    wanted = Wanted(input_size(model), channel_count(model))
    said = head_doubts(model)  # when it was adapted
    for doubt in find_doubts(model, from_files("", known, wanted) if known else None):
        if doubt not in said:
            warnings.warn(doubt, UserWarning, stacklevel=3)


def _attack_all(
    job: FolderJob,
    site: RunModels,
    runner: Runner,
    images: Sequence[SourceFile],
    records: dict[str, LogLine],
    progress: Callable[[int, int], None] | None,
) -> Summary:
    """Attack the images that have no record yet, and add up what became of all."""
    waiting = [image for image in images if image.name not in records]
    summary, done = Summary(scanned=len(images), present=len(images) - len(waiting)), 0
    units = cut("attack", np.arange(len(waiting)), site.batch_size)
    work = SplitWork(partial(read, waiting, job.wanted), partial(attack_images, attack=job.attack), site)
    for unit, made in zip(units, runner.run(units, work), strict=True):
        keep(job, waiting, made, records, summary)
        write_table(job.out, [records[image.name] for image in images if image.name in records])
        done += len(unit.task["places"])
        if progress is not None:
            progress(done, len(waiting))
    summary.notes.update(record.status for record in records.values() if record.status != ADVERSARIAL)
    return summary
