"""``tf-lowdef gate``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    batch_size_option,
    data_option,
    limit_option,
    model_options,
    names_option,
    pop_named,
    seed_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.specs import GATE
from tf_lowdef.text import printable

DEFAULT_DEFENCE = "webp:60+flip"
SUFFIX = ".keras"


class _Plain(Spelled):
    """A defence that is no gate itself."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; a usage error where it is wrong, a gate, or no defence."""
        text = "".join(str(value).split()).lower()
        if text == "none" or text.startswith((f"{GATE}(", f"{GATE}:")):
            self.fail(f"{value!r}: a gate is made of plain defences, such as {DEFAULT_DEFENCE}.", param, ctx)
        return super().convert(value, param, ctx)


@click.command(
    name="gate",
    epilog=examples(
        "tf-lowdef gate --model MobileNetV2 --data clean.csv --defence webp:60+flip --out gated.keras",
        "tf-lowdef gate --squeezer median:3 --out demo.keras",
    ),
)
@model_options
@names_option
@data_option("Clean images to choose the threshold on, as for evaluate; take none of those that you will judge it on.")
@click.option(
    "--defence",
    type=_Plain("defence"),
    default=DEFAULT_DEFENCE,
    show_default=True,
    metavar="SPEC",
    help="What answers where an image is suspicious.",
)
@click.option(
    "--squeezer",
    "squeezers",
    type=_Plain("defence"),
    multiple=True,
    metavar="SPEC",
    help="A further defence whose answer is compared, and never taken; may be repeated.",
)
@click.option(
    "--false-positive-rate",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="SHARE",
    help="Of clean images, that may be suspected.  [default: 0.05]",
)
@click.option(
    "--max-clean-drop",
    type=click.FloatRange(0, 100),
    metavar="POINTS",
    help="Instead of it: of clean accuracy on these images.",
)
@click.option(
    "--arbitrate/--no-arbitrate",
    default=True,
    show_default=True,
    help="Where an image is not suspicious and the answers differ, take the more decided one; or the classifier's own.",
)
@limit_option()
@batch_size_option()
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False), help="The model's file, MODEL.keras.")
@seed_option
def command(
    defence: str,
    squeezers: tuple[str, ...],
    false_positive_rate: float | None,
    max_clean_drop: float | None,
    arbitrate: bool,
    out: str,
    **options: Any,
) -> None:
    """Make a classifier that defends only where an image looks suspicious.

    It looks suspicious where the classifier changes its mind behind the defence, by more than nearly all clean images
    make it; then the defended answer counts. The file holds one Keras model with the outputs logits, suspicion and
    defended; every command takes it as its --model. Without --model: the embedded classifier and its images, offline.
    """
    named = pop_named(options)
    if false_positive_rate is not None and max_clean_drop is not None:
        raise click.UsageError("Give one of --false-positive-rate and --max-clean-drop: each decides the threshold.")
    path = Path(out)
    if path.suffix != SUFFIX:
        raise click.UsageError(f"--out must end in {SUFFIX}. Received: {out}")
    if path.exists():
        raise click.UsageError(f"--out: {out} is there already; give another name.")
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.cli.progress import show_progress
    from tf_lowdef.defences import Gate, Rule, make_defence
    from tf_lowdef.files import atomic_path
    from tf_lowdef.gating import gate
    from tf_lowdef.models.gated import HEAD

    with wrong_arguments():
        several = tuple(make_defence(each) for each in (defence, *squeezers))
        made = Gate(squeezers=several, rule=Rule(false_positive_rate, max_clean_drop), arbitrate=arbitrate)
    classifier, images = named.classifier_and_images()
    with show_progress() as progress:
        gated = gate(
            classifier,
            defence,
            images,
            squeezers=squeezers,
            false_positive_rate=false_positive_rate,
            max_clean_drop=max_clean_drop,
            arbitrate=arbitrate,
            progress=progress,
            **options,
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        gated.save(temporary)
    found = gated.get_layer(HEAD).calibration
    click.echo(
        f"Threshold: suspicion above {found['threshold']:g} ({found['rule']}; of {found['n']} clean images "
        f"{found['suspected']} lie above it; {found['lost']} right answers are lost and {found['gained']} gained)"
    )
    click.echo(f"Model: {printable(path)}")
    if named.model is None:
        click.echo(f"What such a gate is worth, with a threshold of its own: {_evaluation(made.text)}")
    else:
        click.echo(f"What it is worth on other images: {_evaluation_of_file(path, named.labels)}")


def _evaluation(text: str) -> str:
    """Return the command that judges a gate over the embedded classifier, whose images are in no file."""
    return shlex.join(["tf-lowdef", "evaluate", "--defence", "none", "--defence", text])


def _evaluation_of_file(path: Path, labels: str | None) -> str:
    """Return the command that judges the gate in a file, with the threshold that it has."""
    named = [] if labels is None else ["--labels", labels]
    return shlex.join(["tf-lowdef", "evaluate", "--model", str(path), "--data", "OTHER", *named, "--defence", "none"])
