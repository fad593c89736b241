"""``tf-lowdef harden``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    DATA,
    batch_size_option,
    check_specs,
    data_option,
    model_options,
    names_option,
    pop_named,
    restart_option,
    seed_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.cli.terminal import say_warnings
from tf_lowdef.cli.types import DataName
from tf_lowdef.text import printable

_NOTE = "model.sha256"
"""In the run's folder: a line for each file that the model was written into, of what it held."""


@click.command(
    name="harden",
    epilog=examples(
        "tf-lowdef harden --model mine.keras --data photos/ --defence webp:60+flip --recipe fgsm-rs:4 "
        "--epochs 15 --out hardened.keras",
    ),
)
@model_options
@names_option
@data_option("Images to train on, as for evaluate. Default: the images of the embedded classifier, few as they are.")
@click.option(
    "--validation",
    type=DataName(),
    metavar=DATA,
    help="Images to hold back, at most 500 of them.  [default: a tenth of --data]",
)
@click.option(
    "--defence",
    type=Spelled("defence"),
    default="webp:60+flip",
    show_default=True,
    metavar="SPEC",
    help="What the classifier will stand behind.",
)
@click.option(
    "--recipe",
    type=Spelled("recipe"),
    default="fgsm-rs:4",
    show_default=True,
    metavar="SPEC",
    help="fgsm-rs:EPSILON, pgd:EPSILON, trades:EPSILON, vaccinate:LOW-HIGH or noise:SIGMA.",
)
@click.option("--epochs", type=click.IntRange(min=1), default=15, show_default=True, help="How often an image is seen.")
@click.option(
    "--bare",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The share of each batch that is trained on without the defence.",
)
@batch_size_option("Images in a step.", 64)
@click.option(
    "--learning-rate",
    type=click.FloatRange(0, min_open=True),
    default=1e-3,
    show_default=True,
    help="The highest; it rises first and then falls to nothing.",
)
@click.option(
    "--shift", type=click.IntRange(min=0), default=0, show_default=True, help="Move images by up to so many pixels."
)
@click.option("--mirror", is_flag=True, help="Mirror images left to right at random.")
@click.option("--from-scratch", is_flag=True, help="The model knows nothing yet; otherwise that is an error.")
@click.option("--deterministic", is_flag=True, help="Equal commands give equal weights; slower.")
@click.option(
    "--budget",
    type=click.Choice(["quick", "standard", "none"]),
    default="quick",
    show_default=True,
    help="Of the evaluations before and after, on the held-back images; none leaves them out.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Use at most this many images for those evaluations.")
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False), help="The hardened model, a .keras file.")
@click.option(
    "--run",
    type=click.Path(file_okay=False),
    help="Folder of the training, a path or a URL.  [default: the file's name with .training for .keras]",
)
@restart_option
@seed_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: str,
    run: str | None,
    validation: str | None,
    budget: str,
    limit: int | None,
    restart: bool,
    **options: Any,
) -> None:
    """Train a classifier so that it keeps something behind a defence.

    The model is trained on attacked images, through the defence, and written as it was given: bare, and taking what it
    took before. A training that was stopped, or killed, goes on where it stopped when the same command is given again.
    At the end its folder holds a page: curves, and the classifier before and after under every threat.
    """
    named = pop_named(options)
    target = Path(out)
    if target.suffix != ".keras":
        raise click.UsageError(f"--out must be a .keras file. Received: {out}")
    if named.model is not None and target.resolve() == Path(named.model).resolve():
        raise click.UsageError(f"--out must be another file than --model, which stays as it is. Received: {out}")
    place = run or str(target.with_suffix(".training"))
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.cli.progress import at_work
    from tf_lowdef.evaluation.provenance import move_aside
    from tf_lowdef.files import make_folders
    from tf_lowdef.jobs import working_folder
    from tf_lowdef.models import load_demo, open_model
    from tf_lowdef.report import write_report
    from tf_lowdef.report.training_report import MARKDOWN, PAGE, Training, verdict, write_training
    from tf_lowdef.training import harden, parse_recipe
    from tf_lowdef.training.comparison import AFTER, BEFORE, compare

    check_specs([], [options["defence"]])
    with wrong_arguments():
        parse_recipe(options["recipe"])
    own = load_demo()[0] if named.model is None else open_model(named.model, named.weights)
    shares = load_demo()[1:] if named.data is None else named.data
    said = {"input_range": named.input_range, "outputs": named.outputs, "labels": named.labels}
    make_folders(target.parent)
    with TemporaryFile(dir=target.parent):
        pass  # where the model cannot be written is told before the training
    if restart and move_aside(place) is not None:  # what no training made stays where it is
        move_aside(target)
    with working_folder(place) as folder, at_work(folder, option="--run") as progress:
        _is_written(target, folder, place)  # a file of the user's is told before the training
        found = harden(own, shares, validation=validation or 0.1, out=folder, progress=progress, **said, **options)
        if not _is_written(target, folder, place):
            _write(found.model, target, folder)
        training = Training(found.facts, found.curves, found.best_epoch, found.warnings)
        if budget != "none":
            before = named.classifier()
            asked = {"budget": budget, "limit": limit, "seed": options["seed"], "progress": progress}
            both = compare(found, before, folder, **asked, command=ctx.find_root().obj["command"])
            for results, name in zip(both, (BEFORE, AFTER), strict=True):
                write_report(results, Path(folder) / name)
            training = training._replace(before=both[0], after=both[1])
        write_training(training, folder)
    say_warnings(found.warnings)
    click.echo(verdict(training))
    for what, path in (("Model:  ", out), ("Page:   ", f"{place}/{PAGE}"), ("Report: ", f"{place}/{MARKDOWN}")):
        click.echo(what + printable(path))


def _is_written(target: Path, folder: Any, place: str) -> bool:
    """Return whether the model's file is there, as the training in a folder wrote it.

    Raises:
        FileExistsError: What is there is something else, which is not for this command to replace.
    """
    if not target.exists():
        return False
    note = Path(folder) / _NOTE
    if target.is_file() and note.is_file() and _sha256(target) in note.read_text().split():
        return True
    raise FileExistsError(
        f"{target}: exists already, and is not what the training in {place} wrote; take another name, or move it away"
    )


def _write(model: Any, target: Path, folder: Any) -> None:
    """Write the model's file, whole or not at all; what it holds is noted first, so that no file of ours is foreign."""
    from tf_lowdef.files import atomic_path, write_text

    note = Path(folder) / _NOTE
    with atomic_path(target) as temporary:
        model.save(temporary)
        known = note.read_text() if note.is_file() else ""
        write_text(note, f"{known}{_sha256(temporary)}\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
