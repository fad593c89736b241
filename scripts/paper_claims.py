"""Measure what the paper argues with, on any classifier and images: maps, moved perturbations, blocks.

Example:
    python scripts/paper_claims.py --model MobileNetV2 --weights imagenet --data images.csv
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import click
import numpy as np

from tf_lowdef.cli.options import Named, model_options
from tf_lowdef.results.table import markdown_table
from tf_lowdef.studies import block_study, cam_study, cam_table, perturbation_study

DEFENCES = ("none", "flip", "webp:60", "webp:60+flip")


@click.command()
@model_options
@click.option("--data", help="A CSV with the columns file,label, or a folder of class folders.")
@click.option("--attack", default="bim:4", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Use the first images only.")
def main(model: str | None, weights: str | None, data: str | None, attack: str, limit: int | None, **said: Any) -> None:
    """Print three tables in Markdown."""
    named = Named(model, weights, data=data, labels=None, **said)
    named.check()
    classifier, found = named.classifier_and_images()
    images = np.stack([found.read(place) for place in range(len(found))[:limit]])
    labels = found.labels[:limit]
    click.echo(f"{len(images)} images of {found.source}, {attack}\n")
    click.echo(markdown_table(block_study(images)), nl=True)
    click.echo("\n" + markdown_table(perturbation_study(classifier, images, labels, attack)))
    click.echo("\n" + markdown_table(cam_table(cam_study(classifier, images, labels, attack, DEFENCES).rows)))


if __name__ == "__main__":
    main()
