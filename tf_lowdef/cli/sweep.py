"""``tf-lowdef sweep``."""

from __future__ import annotations

from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    QUIET,
    batch_size_option,
    check_specs,
    data_option,
    limit_option,
    model_options,
    names_option,
    out_option,
    output_options,
    pop_named,
    pop_ray_options,
    ray_options,
    restart_option,
    run_folder,
    seed_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled

FLIPS = {"no": (False,), "yes": (True,), "both": (False, True)}


@click.command(
    name="sweep",
    epilog=examples("tf-lowdef sweep --quality 40 --quality 60 --method 4 --attack bim:4 --max-clean-drop 2"),
)
@model_options
@names_option
@data_option("As for evaluate.", "CSV|DIR")
@click.option(
    "--quality",
    "qualities",
    type=click.FloatRange(0, 100),
    multiple=True,
    default=(20, 40, 60, 75, 90),
    show_default=True,
    help="Of WebP; may be repeated.",
)
@click.option(
    "--method",
    "methods",
    type=click.IntRange(0, 6),
    multiple=True,
    default=(0, 4),
    show_default=True,
    help="Of WebP, 0 (fast) to 6 (slow); may be repeated.",
)
@click.option("--flip", type=click.Choice(list(FLIPS)), default="both", show_default=True, help="Whether to flip.")
@click.option(
    "--attack",
    "attacks",
    type=Spelled("attack"),
    multiple=True,
    metavar="SPEC",
    default=("fgsm:4", "bim:4"),
    show_default=True,
    help="As for evaluate; at each epsilon the budget's adaptive attacks are tried too; may be repeated.",
)
@click.option(
    "--max-clean-drop",
    type=click.FloatRange(0, 100),
    default=2,
    show_default=True,
    help="Points of clean accuracy that the defence may cost.",
)
@click.option(
    "--budget", type=click.Choice(["quick", "standard"]), default="quick", show_default=True, help="As for evaluate."
)
@limit_option(2)
@batch_size_option()
@out_option
@ray_options()
@restart_option
@output_options
@seed_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: str | None,
    flip: str,
    output: str | None,
    **options: Any,
) -> None:
    """Find the WebP settings that are worth their cost.

    Each is tried against attackers who know of it and who do not. The choice is made on one half of the images, and
    what is said of it measured on the other. Without --model: the embedded classifier and its images, offline. A sweep
    that was stopped goes on where it stopped when the same command is given again with its folder as --out.
    """
    named = pop_named(options)
    cluster = pop_ray_options(options)
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.cli.progress import at_work
    from tf_lowdef.cli.tables import show_sweep
    from tf_lowdef.evaluation.sweep import check_one_norm, sweep
    from tf_lowdef.report import write_report
    from tf_lowdef.report.sweep_report import write_sweep

    check_specs(options["attacks"])
    with wrong_arguments():
        check_one_norm(options["attacks"])
    classifier, images = named.classifier_and_images()
    with run_folder(out, options.pop("restart")) as folder:
        with at_work(folder, output == QUIET) as progress:
            found = sweep(
                classifier,
                images,
                flips=FLIPS[flip],
                out=folder,
                ray=cluster,
                progress=progress,
                command=ctx.find_root().obj["command"],
                **options,
            )
        write_report(found.results, folder)
        write_sweep(found, folder)
    show_sweep(found, str(folder), output)
