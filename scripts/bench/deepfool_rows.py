"""DeepFool beside foolbox's and ART's, on floats as theirs, with the same stopping rule."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import foolbox
import keras
import numpy as np
import tensorflow as tf
from art.attacks.evasion import DeepFool as ArtDeepFool

from bench.attack_rows import art_classifier
from bench.material import deepfool_task
from bench.result import Reach, Result, Settings, compare, number
from tf_lowdef.attacks import deepfool

CANDIDATES, OVERSHOOT, STEPS = 10, 0.02, 50
QUICK_CANDIDATES, QUICK_STEPS = 3, 2
IMAGES, PARTS, WARM_UP = 64, 4, 2
"""All are attacked once, in parts: the spread is over the parts."""
ART_SHARE = 8
"""ART attacks one image in so many, one by one: its time is proportional to their number."""

PEERS = {"foolbox": ("foolbox L2DeepFoolAttack", 3), "ART": (f"ART DeepFool, an {ART_SHARE}th of the images", 5)}
Run = Callable[[np.ndarray, np.ndarray], np.ndarray]


def deepfools(settings: Settings) -> list[Result]:
    """Time an image, and how large the perturbations are."""
    count, parts = (2, 1) if settings.quick else (IMAGES, PARTS)
    model, images, labels, name = deepfool_task(settings, count)
    # ART goes a much slower way where all classes are candidates
    candidates = QUICK_CANDIDATES if settings.quick else min(CANDIDATES, model.output_shape[-1] - 1)
    runs = make_runs(model, images, candidates, QUICK_STEPS if settings.quick else STEPS)
    times: dict[str, list[float]] = {key: [] for key in runs}
    sizes: dict[str, list[np.ndarray]] = {key: [] for key in runs}
    for run in () if settings.quick else runs.values():
        run(images[:WARM_UP], labels[:WARM_UP])
    for start in range(0, count, count // parts):
        for key, run in runs.items():
            taken = slice(start, start + max(1, count // parts // (ART_SHARE if key == "ART" else 1)))
            began = perf_counter()
            found = run(images[taken], labels[taken])
            times[key].append((perf_counter() - began) / len(found))
            sizes[key].append(np.sqrt(((found - images[taken].astype(np.float32)) ** 2).sum((1, 2, 3))) / 255)
    what = f"DeepFool, {count} images in {parts} parts, {candidates} candidates, {name}"
    rows = []
    for key, (peer, faster) in PEERS.items():
        seconds = np.array(times["ours"]), np.array(times[key])
        reach = Reach(faster, at_least=True)
        row = f"deepfool-{key.lower()}"
        rows.append(compare(row, what, peer, *seconds, reach, unit="ms an image", speedup=True))
        ours, theirs = (
            np.concatenate([own[: len(other)] for own, other in zip(each, sizes[key], strict=True)])
            for each in (sizes["ours"], sizes[key])
        )
        ratio = float(np.median(ours) / np.median(theirs))
        rows.append(number(f"{row}-l2", f"its median L2 over that of {peer}", "", ratio, Reach(1.02)))
    return rows


def make_runs(model: Any, images: np.ndarray, candidates: int, steps: int) -> dict[str, Run]:
    """Return the three attacks, from uint8 images and labels to floats."""
    theirs = foolbox.attacks.L2DeepFoolAttack(steps=steps, candidates=candidates, overshoot=OVERSHOOT)
    of_foolbox = foolbox.TensorFlowModel(model, bounds=(0, 255))
    inputs = keras.Input(images.shape[1:])
    unit = keras.Model(inputs, model(keras.layers.Rescaling(255.0)(inputs)))
    of_art = ArtDeepFool(  # which multiplies its steps by the box's width: right for pixels in [0, 1] alone
        art_classifier(unit, images, 1), max_iter=steps, epsilon=OVERSHOOT, nb_grads=candidates, batch_size=1,
        verbose=False,
    )  # fmt: skip

    def ours(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        return deepfool(model, x, candidates, OVERSHOOT, steps, 0, 255).numpy()

    def foolboxes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return theirs(of_foolbox, tf.constant(x, tf.float32), tf.constant(y), epsilons=None)[1].numpy()

    def arts(x: np.ndarray, _: np.ndarray) -> np.ndarray:
        # one by one: it takes the gradients of all classes that are likely for any of the images it is given
        return np.concatenate([255 * of_art.generate(image[None].astype(np.float32) / 255) for image in x])

    return {"ours": ours, "foolbox": foolboxes, "ART": arts}
