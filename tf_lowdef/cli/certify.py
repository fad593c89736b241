"""``tf-lowdef certify``."""

from __future__ import annotations

from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    batch_size_option,
    data_option,
    limit_option,
    model_options,
    names_option,
    out_option,
    pop_named,
    pop_ray_options,
    ray_options,
    restart_option,
    run_folder,
    seed_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.cli.types import RunFolder

DEFENCES, SIGMAS = ("nlm:30",), (0.12,)
"""What is certified where nothing is asked for: of what was tried on MobileNetV2, the best at L2 0.25."""
CHOICE_DEFENCES, CHOICE_SIGMAS = ("none", "nlm:15", "nlm:30"), (0.06, 0.12)
"""What there is to choose from where nothing is asked for."""

CHOICE_N = 100
"""Draws an image while choosing: what differs by less than some points is not told apart on 50 images anyway."""


@click.command(
    name="certify",
    epilog=examples(
        "tf-lowdef certify --model MobileNetV2 --weights imagenet --data images.csv --choose --sigma 0.06 "
        "--sigma 0.12 --defence nlm:15 --defence nlm:30 --n 500",
    ),
)
@model_options
@names_option
@data_option("As for evaluate.")
@click.option(
    "--defence",
    "defences",
    type=Spelled("defence"),
    multiple=True,
    metavar="SPEC",
    help="The denoiser, between noise and classifier: none, or layers that draw nothing; may be repeated.  "
    f"[default: {', '.join(DEFENCES)}; with --choose: {', '.join(CHOICE_DEFENCES)}]",
)
@click.option(
    "--sigma",
    "sigmas",
    type=float,
    multiple=True,
    metavar="X",
    help="Standard deviation of the noise, for images in [0, 1]; may be repeated.  "
    f"[default: {SIGMAS[0]}; with --choose: {', '.join(map(str, CHOICE_SIGMAS))}]",
)
@click.option("--n", "n", type=click.IntRange(min=1), default=1000, show_default=True, help="Draws an image.")
@click.option(
    "--n0", "n0", type=click.IntRange(min=1), default=100, show_default=True, help="Other draws, to guess its class on."
)
@click.option(
    "--alpha", type=float, default=0.001, show_default=True, help="How probably an image's certificate may be wrong."
)
@click.option(
    "--radius",
    "radii",
    type=float,
    multiple=True,
    metavar="R",
    help="L2 radius at which certified accuracy is told, for images in [0, 1]; may be repeated.  "
    "[default: 0.1, 0.25, 0.5]",
)
@click.option(
    "--choose",
    is_flag=True,
    help="Choose --defence and --sigma for each --radius on one half of the images, and certify the other.",
)
@click.option(
    "--choose-n",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draws an image on the half that the choice is made on.  [default: 100]",
)
@click.option(
    "--evaluation",
    type=RunFolder(),
    metavar="RUN",
    help="The folder of an evaluation of the same model and images: its rows stand beside what is certified.",
)
@limit_option()
@batch_size_option("Draws at a time.")
@out_option
@ray_options()
@restart_option
@seed_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    out: str | None,
    choose: bool,
    choose_n: int | None,
    **options: Any,
) -> None:
    """Prove within which L2 radius no attacker can change the answers.

    By randomized smoothing: what is proved is of the smoothed classifier, which answers what the classifier behind the
    denoiser says most often under Gaussian noise. Sigma and radii are for images in [0, 1], at the model's input size.
    Without --model: the embedded classifier and its images, offline. A run that was stopped goes on where it stopped
    when the same command is given again with its folder as --out.
    """
    named = pop_named(options)
    cluster = pop_ray_options(options)
    if choose_n is not None and not choose:
        raise click.UsageError("--choose-n needs --choose.")
    defences = options.pop("defences") or (CHOICE_DEFENCES if choose else DEFENCES)
    sigmas = options.pop("sigmas") or (CHOICE_SIGMAS if choose else SIGMAS)
    choice_n = (choose_n or CHOICE_N) if choose else None
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.certification import certify
    from tf_lowdef.certification.settings import make_settings
    from tf_lowdef.cli.progress import at_work
    from tf_lowdef.cli.tables import show_certified
    from tf_lowdef.report import write_report

    with wrong_arguments():
        make_settings(defences, sigmas, options["n"], options["n0"], options["alpha"], options["radii"], choice_n)
    classifier, images = named.classifier_and_images()
    with run_folder(out, options.pop("restart")) as folder:
        with at_work(folder) as progress:
            results = certify(
                classifier,
                images,
                defences,
                sigmas,
                out=folder,
                choice_n=choice_n,
                ray=cluster,
                progress=progress,
                command=ctx.find_root().obj["command"],
                **options,
            )
        write_report(results, folder)
    show_certified(results, str(folder))
