"""``tf-lowdef attack``: adversarial images of the images of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.folder_console import folder_run, report
from tf_lowdef.cli.options import (
    aim,
    model_options,
    open_classifier,
    ray_options,
    read_ray_options,
    seed_option,
    targeted_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.cli.types import LabelsName
from tf_lowdef.text import printable


@click.command(
    name="attack", epilog=examples("tf-lowdef attack photos -o adversarial --model MobileNetV2 --attack deepfool")
)
@click.argument("source", type=click.Path(exists=True), metavar="DIR|CSV")
@click.option("-o", "--out", type=click.Path(), required=True, help="Folder for the PNGs and attack.csv.")
@model_options
@click.option(
    "--attack",
    type=Spelled("attack"),
    default="deepfool",
    show_default=True,
    metavar="SPEC",
    help="Such as deepfool, fgsm:4, bim:4,steps=20.",
)
@targeted_option
@click.option(
    "--naming",
    type=click.Choice(["stem", "paper"]),
    default="stem",
    show_default=True,
    help="stem keeps tree and names; paper: Adv_{label}-{adversarial label}.png",
)
@click.option(
    "--labels",
    type=LabelsName(),
    default="auto",
    show_default=True,
    metavar="auto|none|FILE",
    help="auto takes class folders for labels; none takes the model's predictions; a file names the classes in the "
    "order of the model's outputs, one a line.",
)
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True, help="Images at a time.")
@click.option("--force", is_flag=True, help="Redo what is there, and overwrite.")
@ray_options()
@seed_option
def command(
    source: str,
    out: str,
    model: str | None,
    weights: str | None,
    input_range: Any,
    outputs: str | None,
    attack: str,
    targeted: bool,
    naming: str,
    labels: str,
    batch_size: int,
    force: bool,
    seed: int,
    ray: str | None,
    workers: int | None,
    gpus_per_worker: float | None,
    cpus_per_worker: int | None,
) -> int:
    """Make adversarial images of the images of a folder.

    Images are resized to the model's input, attacked, rounded to 8 bits and written as lossless PNG; each is read back
    and classified again. attack.csv says what became of each. Labels come from a CSV (file,label) or from class
    folders, named by index or wnid, or by class if there is one for each of the model's; other folders have none, and
    the model's own prediction takes their place.

    What is there already is not done again: the same command goes on where it was stopped. Exit code 1 if a file
    failed; failed.csv says which and why.
    """
    if model is None and weights is not None:
        raise click.UsageError("--weights needs --model.")
    cluster = read_ray_options(ray, workers, gpus_per_worker, cpus_per_worker)
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.attacks import parse_attack
    from tf_lowdef.evaluation.folder.attack_folder import attack_folder
    from tf_lowdef.evaluation.folder.log import read_table, tell_success
    from tf_lowdef.models import demo_class_names
    from tf_lowdef.results.classes import describe_classes

    with wrong_arguments():
        method = parse_attack(aim([attack])[0] if targeted else attack)
    classifier = open_classifier(model, weights, input_range, outputs)
    with folder_run("attack") as progress:
        summary = attack_folder(
            classifier,
            Path(source),
            Path(out),
            method,
            naming=naming,
            labels=labels,
            class_names=demo_class_names() if model is None else None,
            batch_size=batch_size,
            seed=seed,
            force=force,
            ray=cluster,
            progress=progress,
        )
    code, lines = report(summary, "attacked"), read_table(Path(out)).values()
    click.echo(tell_success(lines))
    if names := {line.label: line.label_name for line in lines if line.label_name}:
        found = [names.get(index) for index in range(max(names) + 1)]
        click.echo(f"Classes: {printable(describe_classes(found))}", err=True)
    return code
