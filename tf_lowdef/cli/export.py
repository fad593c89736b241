"""``tf-lowdef export``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from tf_lowdef.cli.examples import examples
from tf_lowdef.cli.options import (
    Named,
    outputs_option,
    range_option,
    seed_option,
    wrong_arguments,
)
from tf_lowdef.cli.spelling import Spelled
from tf_lowdef.cli.types import ModelName, WeightsName
from tf_lowdef.text import printable

DEFAULT_DEFENCE = "webp:60+flip"


@click.command(
    name="export",
    epilog=examples(
        "tf-lowdef export MobileNetV2 --defence webp:60+flip --labels classes.txt --out served/mobilenet",
        "tf-lowdef export defended.keras --out served/mine --version 2",
        "tf-lowdef export --defence webp:60,method=2+flip --xla --batch-size 1 --batch-size 16 --out served/fast",
    ),
)
@click.argument("model", type=ModelName(), required=False, metavar="[NAME|FILE]")
@click.option("-o", "--out", required=True, type=click.Path(), help="Folder of the model; its name is the model's.")
@click.option(
    "--version", "version", type=click.IntRange(min=1), default=1, show_default=True, help="Folder of the version."
)
@click.option(
    "--weights", type=WeightsName(), metavar="FILE|imagenet|none", help="Of an application.  [default: imagenet]"
)
@click.option(
    "--defence",
    type=Spelled("defence"),
    metavar="SPEC",
    help=f"Put in front of the model, such as webp:60+flip; none for a model that has its defence inside.  "
    f"[default: {DEFAULT_DEFENCE}, none for a file]",
)
@click.option(
    "--labels", type=click.Path(exists=True, dir_okay=False), metavar="FILE", help="Names of the classes, one a line."
)
@click.option("--xla", is_flag=True, help="Let XLA compile the codec in the server, which must allow it.")
@click.option(
    "--batch-size",
    "batch_sizes",
    type=click.IntRange(min=1),
    multiple=True,
    metavar="N",
    help="With --xla, sizes to compile at the server's start; may be repeated.  [default: 1, 8, 32]",
)
@click.option("--no-defended-pixels", is_flag=True, help="Leave the pixels behind the defence out of the answers.")
@range_option
@outputs_option
@click.option(
    "--samples",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Images to check on, the first 16 of the folder; they are stored beside the model.  [default: made ones]",
)
@click.option(
    "--on-bad-image",
    type=click.Choice(("mark", "error")),
    default="mark",
    show_default=True,
    help="Answer images that cannot be decoded with zeros and valid=false, or fail the whole batch.",
)
@click.option(
    "--max-image-size",
    metavar="WIDTHxHEIGHT",
    callback=lambda _context, _option, value: parse_size(value),
    help="Largest image file that is decoded, in pixels.  [default: 4096x4096]",
)
@seed_option
def command(
    model: str | None,
    out: str,
    version: int,
    weights: str | None,
    defence: str | None,
    labels: str | None,
    xla: bool,
    batch_sizes: tuple[int, ...],
    no_defended_pixels: bool,
    input_range: Any,
    outputs: str | None,
    samples: str | None,
    on_bad_image: str,
    max_image_size: tuple[int, int] | None,
    seed: int,
) -> None:
    """Write a defended classifier for TensorFlow Serving.

    The model is one of keras.applications by name, or anybody's .keras or .h5 file; without one, the embedded
    classifier. It is served pixels in [0, 255], whatever its own range. WebP becomes stock TensorFlow operations, whose
    pixels are checked against Pillow's. Beside the model lie models.config and a README with the command that serves
    it.
    """
    a_file = model is not None and Path(model).exists()
    if weights is not None and (model is None or a_file):
        raise click.UsageError("--weights needs the name of an application.")
    if batch_sizes and not xla:
        raise click.UsageError("--batch-size needs --xla.")
    from tf_lowdef.cli.quiet import import_tensorflow

    import_tensorflow()
    from tf_lowdef.data.class_names import read_class_names
    from tf_lowdef.defences import make_defence
    from tf_lowdef.models import demo_class_names
    from tf_lowdef.serving import export
    from tf_lowdef.serving.warmup import BATCH_SIZES

    if defence is None:
        defence = "none" if a_file else DEFAULT_DEFENCE
    with wrong_arguments():
        layers = make_defence(defence)
    named = Named(model, weights, input_range, outputs, model, labels)
    named.check()
    names = list(demo_class_names()) if model is None else None
    folder = export(
        layers.in_front_of(named.classifier()),
        out,
        version,
        class_names=names if labels is None else read_class_names(Path(labels)),
        samples=samples,
        defended_pixels=not no_defended_pixels,
        on_bad_image=on_bad_image,
        max_image_size=max_image_size,
        xla=xla,
        batch_sizes=batch_sizes or BATCH_SIZES,
        seed=seed,
    )
    click.echo(f"Exported: {printable(folder)}")
    click.echo(f"Check it: tf-lowdef serve-check {printable(out)}")


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Return the height and width of ``WIDTHxHEIGHT``.

    Raises:
        click.BadParameter: It is something else.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,5})x([1-9][0-9]{0,5})", text)
    if not found:
        raise click.BadParameter(f"WIDTHxHEIGHT in pixels, such as 4096x4096. Received: {text!r}")
    return int(found[2]), int(found[1])
