"""How well each gradient that a defence offers an attacker foretells what the loss does over whole grey levels.

usage: python scripts/surrogate_check.py [--defence webp:60+flip] [--limit 100]
       python scripts/surrogate_check.py --model MobileNetV2 --weights FILE --data CSV

Steps without a derivative have nothing that finite differences could be compared with at a point; over steps of 8-bit
images they have. For every image: the change of the cross-entropy along random patterns of one or two grey levels,
white and smooth, beside what each gradient says of them (Spearman's rank correlation within an image, the mean over
images), and how much a step of 1, 2 and 4 levels along each gradient's own sign raises the loss.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from typing import Any

import click
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from tf_lowdef.cli.options import data_option, model_options, names_option, pop_named, seed_option
from tf_lowdef.defences import make_defence
from tf_lowdef.layers.gradients import offered_gradients, with_gradient
from tf_lowdef.models import defended_sequence
from tf_lowdef.results.table import Table, markdown_table

Floats = npt.NDArray[np.float32]
SMOOTHNESS = (0.0, 1.0, 2.0)
"""Standard deviations in pixels of the Gaussians that random patterns are made with."""
STEPS = (1, 2, 4)
PATTERNS = 8
"""Of each smoothness and image."""


def patterns(shape: tuple[int, ...], rng: np.random.Generator) -> dict[float, Floats]:
    """Return random patterns of one and two grey levels, float32 of shape (PATTERNS, *shape), by their smoothness."""
    found = {}
    for sigma in SMOOTHNESS:
        noise = rng.normal(size=(PATTERNS, *shape))
        signs = np.sign(gaussian_filter(noise, (0, sigma, sigma, 0)) if sigma else noise)
        found[sigma] = (signs * rng.integers(1, 3, (PATTERNS, 1, 1, 1))).astype(np.float32)
    return found


class Losses:
    """The cross-entropy behind a defence, and its gradient through each way that the defence offers."""

    def __init__(self, classifier: Any, defence: str) -> None:
        layers = make_defence(defence).layers
        offered = [each for layer in layers for each in offered_gradients(layer)]
        self.gradients = list(dict.fromkeys(offered))
        self._models = {
            name: defended_sequence([with_gradient(layer, name) for layer in layers], classifier)
            for name in self.gradients
        }

    def of(self, images: Floats, label: int) -> Floats:
        """Return the loss of each image."""
        logits = next(iter(self._models.values()))(images, training=False)
        found: Floats = tf.nn.sparse_softmax_cross_entropy_with_logits([label] * len(images), logits).numpy()
        return found

    def gradient(self, name: str, image: Floats, label: int) -> Floats:
        """Return the gradient of the loss of one image."""
        given = tf.constant(image[None])
        with tf.GradientTape() as tape:
            tape.watch(given)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits([label], self._models[name](given, training=False))
        found: Floats = tape.gradient(loss, given).numpy()[0]
        return found


def look(losses: Losses, image: Floats, label: int, rng: np.random.Generator) -> dict[str, list[float]]:
    """Return of each gradient: correlations by smoothness, then gains of the loss by step."""
    before = losses.of(image[None], label)[0]
    moved = {sigma: np.clip(image + each, 0, 255) for sigma, each in patterns(image.shape, rng).items()}
    changes = {sigma: losses.of(each, label) - before for sigma, each in moved.items()}
    found = {}
    for name in losses.gradients:
        slope = losses.gradient(name, image, label)
        said = {sigma: ((each - image) * slope).sum(axis=(1, 2, 3)) for sigma, each in moved.items()}
        correlations = [float(spearmanr(said[sigma], changes[sigma]).statistic) for sigma in SMOOTHNESS]
        own = np.stack([np.clip(image + step * np.sign(slope), 0, 255) for step in STEPS])
        found[name] = [*correlations, *(losses.of(own, label) - before).tolist()]
    return found


@click.command()
@model_options
@names_option
@data_option("As for tf-lowdef evaluate.")
@click.option("--defence", default="webp:60+flip", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="Images, drawn by the seed.")
@seed_option
def main(defence: str, limit: int, seed: int, **options: Any) -> None:
    """Look at every image, and print a table in Markdown."""
    classifier, images = pop_named(options).classifier_and_images()
    losses = Losses(classifier, defence)
    if not losses.gradients:
        raise click.UsageError(f"--defence: no layer of {defence} offers a choice of gradients.")
    chosen = np.random.default_rng(seed).permutation(len(images))[:limit].tolist()
    rows: dict[str, list[list[float]]] = {name: [] for name in losses.gradients}
    for index in chosen:
        image, label = images.read(index).astype(np.float32), int(images.labels[index])
        for name, row in look(losses, image, label, np.random.default_rng([seed, index])).items():
            rows[name].append(row)
    heads = [*(f"smooth {sigma:g}" if sigma else "white" for sigma in SMOOTHNESS), *(f"step {each}" for each in STEPS)]
    lines = [[name, *(f"{value:.2f}" for value in np.nanmean(found, axis=0))] for name, found in rows.items()]
    click.echo(f"{len(chosen)} images of {images.source}, {defence}\n")
    click.echo(markdown_table(Table(["gradient", *heads], lines)))


if __name__ == "__main__":
    main()
