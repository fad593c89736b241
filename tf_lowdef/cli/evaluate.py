"""``tf-lowdef evaluate``."""

from __future__ import annotations

from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    DATA,
    QUIET,
    aim,
    batch_size_option,
    check_specs,
    data_option,
    limit_option,
    model_options,
    names_option,
    open_classifier,
    out_option,
    output_options,
    pop_named,
    pop_ray_options,
    ray_options,
    restart_option,
    run_folder,
    seed_option,
    targeted_option,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.cli.types import DataName, InputRangeName, ModelName, WeightsName
from tf_lowdef.specs import split_gate
from tf_lowdef.text import printable
from tf_lowdef.threats import THREATS


@click.command(
    name="evaluate",
    epilog=examples(
        "tf-lowdef evaluate --model MobileNetV2 --weights imagenet --data images.csv --attack fgsm:4 "
        "--attack bim:4 --defence none --defence webp:60+flip --threat oblivious --threat adaptive "
        "--budget quick"
    ),
)
@model_options
@names_option
@data_option(
    "A CSV with the columns file,label, a folder of class folders named by class, index or wnid, or a split of "
    "TensorFlow Datasets. Default: the images of the embedded classifier."
)
@click.option(
    "--attack",
    "attacks",
    type=Spelled("attack"),
    multiple=True,
    metavar="SPEC",
    help="Such as fgsm:4, bim:4,steps=20 or deepfool, epsilons in grey levels of 255; in L2 pgd:l2:0.5, epsilons of "
    "pixels in [0, 1]; may be repeated.",
)
@click.option(
    "--defence",
    "defences",
    type=Spelled("defence"),
    multiple=True,
    metavar="SPEC",
    help="none, layers joined by +, such as webp:60+flip or jpeg:60, or a gate, such as 'gate(webp:60+flip)'; may be "
    "repeated.",
)
@click.option(
    "--threat",
    type=click.Choice(list(THREATS)),
    multiple=True,
    metavar="NAME",
    help="What the attacker knows: oblivious (not of the defence), transfer (nor of the model), adaptive (of both); "
    "may be repeated.  [default: oblivious]",
)
@click.option(
    "--budget",
    type=click.Choice(["quick", "standard"]),
    metavar="quick|standard",
    help="What the adaptive attacker tries at each epsilon besides --attack; quick is not a robustness claim.",
)
@click.option(
    "--surrogate",
    type=ModelName(),
    metavar="NAME|FILE",
    help="The model that the transfer attacker attacks; as --model.",
)
@click.option("--surrogate-weights", type=WeightsName(), metavar="FILE|imagenet|none", help="As --weights.")
@click.option(
    "--surrogate-input-range", type=InputRangeName(), metavar="LOW,HIGH|caffe|torch|tf", help="As --input-range."
)
@click.option(
    "--calibration",
    type=DataName(),
    metavar=DATA,
    help="Clean images that the thresholds of gates are chosen on, none of those in --data.  [default: half of the "
    "images, which are then judged by nobody]",
)
@limit_option()
@click.option("--only-correct", is_flag=True, help="Use only images that the bare model classifies correctly.")
@batch_size_option()
@out_option
@targeted_option
@ray_options()
@restart_option
@output_options
@seed_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: str | None,
    surrogate: str | None,
    surrogate_weights: str | None,
    surrogate_input_range: Any,
    output: str | None,
    **options: Any,
) -> None:
    """Attack a classifier, put defences in front of it, compare.

    Without arguments: the embedded classifier and its images, offline. A run that was stopped goes on where it stopped
    when the same command is given again with its folder as --out.
    """
    named = pop_named(options)
    cluster = pop_ray_options(options)
    if options["calibration"] is not None and named.data is None:
        raise click.UsageError("--calibration needs --data.")
    if options["calibration"] is not None and not any(map(split_gate, options["defences"])):
        raise click.UsageError("--calibration needs a gate, such as --defence 'gate(webp:60+flip)'.")
    if surrogate is None and ("transfer" in options["threat"] or surrogate_weights is not None):
        raise click.UsageError("--threat transfer and --surrogate-weights need --surrogate.")
    if surrogate is not None and "transfer" not in options["threat"]:
        raise click.UsageError("--surrogate needs --threat transfer.")
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.cli.progress import at_work
    from tf_lowdef.cli.tables import show_results
    from tf_lowdef.evaluation import DEFAULT_ATTACKS, DEFAULT_DEFENCES, DEFAULT_THREATS, evaluate
    from tf_lowdef.report import write_report
    from tf_lowdef.studies import make_gallery

    check_specs(options["attacks"], options["defences"])
    classifier, images = named.classifier_and_images()
    attacks, defences = options.pop("attacks") or DEFAULT_ATTACKS, options.pop("defences") or DEFAULT_DEFENCES
    options["threat"] = options["threat"] or DEFAULT_THREATS
    if options.pop("targeted"):
        attacks = aim(attacks)
    with run_folder(out, options.pop("restart")) as folder:
        other = None if surrogate is None else open_classifier(surrogate, surrogate_weights, surrogate_input_range)
        with at_work(folder, output == QUIET) as progress:
            results = evaluate(
                classifier,
                images,
                attacks,
                defences,
                surrogate=other,
                out=folder,
                ray=cluster,
                progress=progress,
                command=ctx.find_root().obj["command"],
                **options,
            )
        try:
            make_gallery(classifier, images, results, folder)
        except (OSError, ValueError) as error:  # the results are there, and worth more than their pictures
            click.echo(f"Warning: no gallery: {printable(error)}", err=True)
        write_report(results, folder)
    show_results(results, str(folder), output)
