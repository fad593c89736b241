"""Our worst case beside ART's AutoAttack parts and foolbox's PGD: images left of as many, all judged alike.

usage: python scripts/agreement.py [--limit 50] [--defence none --defence webp:60+flip] [--budget quick]
       python scripts/agreement.py --model MobileNetV2 --weights FILE --data CSV --limit 20
       python scripts/agreement.py --model hardened.keras --data CSV

ART gets the defence as users give it one: through its preprocessor interface, with the straight-through gradient (BPDA,
Athalye et al. 2018). foolbox gets the defended Keras model, whose layers have the same gradient. What each made is
rounded to 8 bits and classified behind the defence, Pillow's WebP in it; an image is left if none of a peer's attacks
fools it. `pip install .[bench]` brings both.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import foolbox
import keras
import numpy as np
import tensorflow as tf
from art.attacks.evasion import AutoProjectedGradientDescent, SquareAttack
from art.defences.preprocessor.preprocessor import Preprocessor
from art.estimators.classification import TensorFlowV2Classifier

from tf_lowdef import as_classifier, evaluate, load_demo
from tf_lowdef.data.load import load_data
from tf_lowdef.defences import Defence, make_defence
from tf_lowdef.evaluation.models.predict import Predictor, input_size
from tf_lowdef.models import open_model

EPSILON = 4.0
Pixels = Any


class Defended(Preprocessor):  # type: ignore[misc]  # ART has no types
    """A defence as ART takes one: its pixels forwards, its layers' own gradients backwards."""

    def __init__(self, defence: Defence) -> None:
        super().__init__(is_fitted=True, apply_fit=False, apply_predict=True)
        self._defence = defence

    def __call__(self, x: Pixels, y: Pixels = None) -> tuple[Pixels, Pixels]:
        """Return what the classifier sees."""
        return np.asarray(self._defence.apply(tf.constant(x, tf.float32)), np.float32), y

    def estimate_gradient(self, x: Pixels, grad: Pixels) -> Pixels:
        """Return the gradient at the defence's input."""
        here = tf.constant(x, tf.float32)
        with tf.GradientTape() as tape:
            tape.watch(here)
            out = self._defence.apply(here)
        return tape.gradient(out, here, output_gradients=tf.constant(grad, tf.float32)).numpy()


def art_attacks(model: Any, defence: Defence, shape: tuple[int, ...], steps: int, queries: int) -> dict[str, Any]:
    """Return the parts of ART's AutoAttack that go with this norm, by name."""
    classifier = TensorFlowV2Classifier(
        model=model,
        nb_classes=model.output_shape[-1],
        input_shape=shape,
        loss_object=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        clip_values=(0, 255),
        preprocessing_defences=[Defended(defence)] if defence.layers else None,
    )
    walk = {"norm": np.inf, "eps": EPSILON, "eps_step": 2 * EPSILON, "max_iter": steps, "batch_size": 25}
    found = {
        "APGD-CE": AutoProjectedGradientDescent(
            classifier, loss_type="cross_entropy", nb_random_init=1, verbose=False, **walk
        )
    }
    if model.output_shape[-1] > 2:
        found["APGD-DLR"] = AutoProjectedGradientDescent(
            classifier, loss_type="difference_logits_ratio", nb_random_init=1, verbose=False, **walk
        )
    found["Square"] = SquareAttack(
        classifier, norm=np.inf, eps=EPSILON, max_iter=queries, p_init=0.8, batch_size=25, verbose=False
    )
    return found


def foolbox_pgd(model: Any, images: Pixels, labels: Pixels, steps: int) -> Pixels:
    """Return the images of foolbox's PGD."""
    attack = foolbox.attacks.LinfPGD(abs_stepsize=1.0, steps=steps, random_start=True)
    wrapped = foolbox.TensorFlowModel(model, bounds=(0, 255))
    found = []
    for start in range(0, len(images), 25):
        x, y = tf.constant(images[start : start + 25], tf.float32), tf.constant(labels[start : start + 25], tf.int64)
        found.append(attack(wrapped, x, y, epsilons=EPSILON)[1])
    return np.concatenate(found)


def main() -> None:
    """Print a line for each defence and peer."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", help="of keras.applications, or a file; without it the embedded classifier")
    parser.add_argument("--weights", help="of an application  [default: imagenet]")
    parser.add_argument("--data", help="needed with --model")
    parser.add_argument("--defence", action="append")
    parser.add_argument("--limit", type=int, default=50)
    parser.add_argument("--steps", type=int, default=50, help="of the peers' walks")
    parser.add_argument("--queries", type=int, default=500, help="of ART's Square")
    parser.add_argument("--budget", default="quick", choices=("quick", "standard"))
    arguments = parser.parse_args()
    if arguments.model is None:
        model, images, labels = load_demo()
        images, labels = images[:: len(images) // arguments.limit], labels[:: len(labels) // arguments.limit]
    else:
        model = as_classifier(open_model(arguments.model, arguments.weights))
        data = load_data(arguments.data, input_size(model))
        images = np.stack([data.read(place) for place in range(min(arguments.limit, len(data.names)))])
        labels = np.array(data.labels[: len(images)])
    for text in arguments.defence or ["none", "webp:60+flip"]:
        compare(text, model, images, labels, arguments)


def compare(text: str, model: Any, images: Pixels, labels: Pixels, arguments: argparse.Namespace) -> None:
    """Print what each peer leaves behind one defence, and what ours does."""
    defence, predictor = make_defence(text), Predictor(model)
    defended = defence.in_front_of(model) if defence.layers else model

    def left(adversarial: Pixels) -> Pixels:
        pixels = np.clip(np.rint(adversarial), 0, 255).astype(np.uint8)
        if np.abs(pixels.astype(int) - images).max() > EPSILON:
            raise RuntimeError("a peer's images lie outside the ball")
        return predictor(pixels, defence).argmax(1) == labels

    kept = report(text, "clean", lambda: left(images))
    np.random.seed(0)  # noqa: NPY002 - ART draws from it
    for name, attack in art_attacks(model, defence, images.shape[1:], arguments.steps, arguments.queries).items():
        kept = kept & report(text, f"ART {name}", partial(generate, attack, images, labels, left))
    report(text, "ART, all of them", lambda: kept)
    report(text, "foolbox PGD", lambda: left(foolbox_pgd(defended, images, labels, arguments.steps)))
    start = time.perf_counter()
    results = evaluate(
        model, (images, labels), [], [text], "adaptive", budget=arguments.budget, batch_size=25, progress=False
    )
    row = results.worst(text, EPSILON)
    print_line(text, f"ours, {arguments.budget}", row.correct, row.n, time.perf_counter() - start)


def generate(attack: Any, images: Pixels, labels: Pixels, left: Callable[[Pixels], Pixels]) -> Pixels:
    """Return which images an attack of ART's leaves."""
    return left(attack.generate(images.astype(np.float32), labels))


def report(defence: str, name: str, attack: Callable[[], Pixels]) -> Pixels:
    """Run one attack, print what it left, and return it."""
    start = time.perf_counter()
    kept = attack()
    print_line(defence, name, int(kept.sum()), len(kept), time.perf_counter() - start)
    return kept


def print_line(defence: str, name: str, left: float, count: int, seconds: float) -> None:
    """Print what one attack left."""
    print(f"{defence:14} {name:20} {left:5g} of {count} {seconds:7.0f} s", flush=True)


if __name__ == "__main__":
    main()
