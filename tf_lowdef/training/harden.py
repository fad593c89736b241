"""``tf_lowdef.harden``: train a classifier so that it keeps something behind a defence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.judging.checks import is_near_chance
from tf_lowdef.evaluation.models.opening import find_doubts, open_classifier
from tf_lowdef.evaluation.models.predict import class_count
from tf_lowdef.evaluation.provenance import describe_identity
from tf_lowdef.jobs import Folder, open_run, working_folder
from tf_lowdef.jobs.progress import Progress, Steps, shown
from tf_lowdef.models.adapter import say_range
from tf_lowdef.results.curves import chosen_by
from tf_lowdef.text import unread_images
from tf_lowdef.training.checkpoint import Checkpoint
from tf_lowdef.training.feeding import Feed
from tf_lowdef.training.guards import RobustValidation, StopOnNaN
from tf_lowdef.training.hardened import Hardened
from tf_lowdef.training.material import open_material
from tf_lowdef.training.optimizers import check_optimizer, choose_optimizer
from tf_lowdef.training.recipes import Recipe, parse_recipe
from tf_lowdef.training.trainer import AdversarialTrainer
from tf_lowdef.validation import check_flag, check_integer, check_number

_SEED_STATE = "seed_generator_state"
"""Keras' name of the variable that a ``keras.random.SeedGenerator`` has."""


def harden(
    model: Any,
    data: Any,
    defence: Any = "webp:60+flip",
    recipe: str | Recipe = "fgsm-rs:4",
    epochs: int = 15,
    validation: Any = 0.1,
    *,
    bare: float = 0.5,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    optimizer: Any = None,
    shift: int = 0,
    mirror: bool = False,
    from_scratch: bool = False,
    seed: int = 0,
    deterministic: bool = False,
    out: Folder | None = None,
    input_range: Any = None,
    outputs: str | None = None,
    labels: str | os.PathLike[str] | None = None,
    callbacks: Sequence[Any] = (),
    progress: Progress | None = None,
) -> Hardened:
    """Train a classifier on attacked images, through a defence, so that it keeps accuracy against who knows of it.

    The model is trained in place, as ``fit`` does, and has the weights of the best epoch at the end: that with the
    highest accuracy under PGD (under noise, for a recipe of noise) on held-back images, behind the defence. What it is
    worth is for ``evaluate`` to say, on images that had no part in the training.

    Args:
        model: See :func:`tf_lowdef.evaluate`.
        data: See there.
        defence: What the classifier will stand behind: see :func:`tf_lowdef.defences.make_defence`.
        recipe: See :class:`tf_lowdef.training.AdversarialTrainer`.
        epochs: How often every image is seen.
        validation: The share of `data` that is held back, above 0 and below 1, copies of an image with it; or other
            data, as `data` is given, of which no image is in `data`. At most 500 images are held back, drawn by the
            seed.
        bare: The share of each batch that is attacked and trained on without the defence. What is trained through a
            defence's approximate gradient alone learns to make that gradient useless.
        batch_size: Images in a step.
        learning_rate: The highest; it rises in the first tenth of the steps and falls to nothing, as half a cosine.
        optimizer: What ``keras.optimizers.get`` takes, with settings of its own, instead of AdamW at `learning_rate`: a
            new one, or one that has trained this model, which averages no weights.
        shift: Training images are moved by up to so many pixels either way.
        mirror: Whether training images are mirrored left to right at random.
        from_scratch: Whether the model need not know anything yet. Otherwise one that is near chance on the images is
            refused: its labels or its range are wrong.
        seed: Of everything random.
        deterministic: Whether equal arguments give equal weights, also where the training was killed and went on; not
            with callbacks that remember. It makes TensorFlow deterministic in this whole process, which costs time.
        out: A new or empty folder for what is needed to go on; the same call with it, and the model as it was before,
            goes on where it stopped. None keeps nothing.
        input_range: What the model takes pixels as; see ``as_classifier``.
        outputs: What it gives; see there.
        labels: A file with the names of the classes.
        callbacks: More of ``keras.callbacks``; they find what `RobustValidation` measures in the logs. One that counts
            epochs, as ``EarlyStopping`` does, begins anew where a training goes on. One that sets the learning rate,
            as ``ReduceLROnPlateau`` does, needs an `optimizer` without a schedule, such as
            ``keras.optimizers.AdamW(1e-3)``.
        progress: Called with what is done, how many steps of it, and how many there are.

    Returns:
        The model and what the training was like.

    Raises:
        RunMismatchError: A ValueError: `out` holds another training: of other arguments, images or weights.
        RangeError: A ValueError: the model seems to take another range.
        ValueError: An argument is wrong, a label has no class, the model does not know these images, or the loss became
            NaN before the first epoch was done.

    Example:
        >>> import keras, numpy as np
        >>> from tf_lowdef import harden
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
        >>> labels = (images.mean(axis=(1, 2, 3)) > 127.5).astype(int)  # dark or bright
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])

        >>> hardened = harden(model, (images, labels), "webp:60+flip", "fgsm-rs:4", epochs=1, from_scratch=True)
        >>> hardened.model is model, hardened.best_epoch
        (True, 0)
        >>> hardened.save("hardened.keras")
    """
    asked: dict[str, Any] = {
        "epochs": check_integer("epochs", epochs, 1),
        "batch_size": check_integer("batch_size", batch_size, 1),
        "bare": check_number("bare", bare, 0, 1),
        "shift": check_integer("shift", shift, 0),
        "mirror": check_flag("mirror", mirror),
        "from_scratch": check_flag("from_scratch", from_scratch),
        "deterministic": check_flag("deterministic", deterministic),
    }
    check_integer("seed", seed, 0, 2**31 - 1)
    check_number("learning_rate", learning_rate, 0, above=True)
    chosen, method = make_defence(defence), recipe if isinstance(recipe, Recipe) else parse_recipe(recipe)
    if deterministic:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
    classifier = open_classifier(model, data, input_range, outputs)
    own_optimizer = check_optimizer(optimizer, callbacks, classifier.trainable_variables)
    opened = open_material(classifier, data, validation, labels, input_range)
    doubts = find_doubts(classifier, None if from_scratch else opened.images)
    say_range(classifier)  # as far as it can be told: a model that knows nothing cannot, now or later
    if not from_scratch:
        doubts += opened.check_knows(classifier)
    with shown(progress or False) as report:
        material = opened.read(seed, report)
    feed, watched = Feed(material.images, material.used, batch_size, seed, shift, mirror), material.held_back
    if shift > material.least_side:
        raise ValueError(f"`shift` must be at most the images' side, {material.least_side}. Received: shift={shift}")
    trainer = AdversarialTrainer(classifier, method, defence=chosen, bare=bare, seed=seed)
    if deterministic:
        _seed_layers(trainer, seed)
    steps = epochs * feed.steps
    chosen_optimizer, settings = choose_optimizer(own_optimizer, learning_rate, steps)
    asked |= {"recipe": method.spec, "defence": chosen.name, **settings, **material.facts}
    if chosen.digest:
        asked["defence_sha256"] = chosen.digest
    identity = describe_identity(classifier, None, material.images, asked, seed) | {"tool": "harden"}
    trainer.compile(chosen_optimizer, metrics=["accuracy"])
    guard, watch = StopOnNaN(), RobustValidation(*watched, seed=seed)
    with ExitStack() as exits:
        place = None if out is None else exits.enter_context(working_folder(out))
        store = None if place is None else exits.enter_context(open_run(place, identity))
        keep = Checkpoint(store, watch)
        over = keep.restore(trainer)
        if not over and keep.epochs < epochs:
            report = exits.enter_context(shown(progress or False))
            counted = Steps(report, "Training", steps, keep.epochs * feed.steps)
            trainer.fit(
                feed.batches(keep.epochs, epochs),
                epochs=epochs,
                initial_epoch=keep.epochs,
                steps_per_epoch=feed.steps,
                shuffle=False,
                verbose=0,
                callbacks=[guard, watch, *callbacks, keep, _Counting(counted)],
            )
    if watch.best_epoch is None or watch.best_weights is None:
        told = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise ValueError(
            "The loss became NaN or infinite before the first epoch was done: take a lower learning rate. "
            f"Received: {told}, recipe={method.spec}"
        )
    classifier.set_weights(watch.best_weights)
    warnings = doubts + _warnings(guard, watch, material.failed | feed.failed, class_count(classifier))
    return Hardened(
        model, classifier, method, chosen, keep.curves, watch.best_epoch, warnings, {**asked, "seed": seed}, watched
    )


def _seed_layers(trainer: Any, seed: int) -> None:
    """Let layers that draw in training, such as dropout, draw by the seed: they were made with seeds of their own."""
    states = [each for each in trainer.variables if each.name == _SEED_STATE]
    for number, state in enumerate(states):
        state.assign(np.array([seed, number], np.uint32))


def _warnings(guard: StopOnNaN, watch: RobustValidation, failed: dict[str, str], classes: int) -> list[str]:
    """Return what went wrong on the way, and what is wrong with the weights that are kept."""
    found = []
    clean, judged = watch.best
    if is_near_chance(clean, classes):
        found.append(
            f"After the training {clean:.1%} of the held-back images are classified correctly, near chance: take a "
            "lower learning rate, a smaller epsilon, or more images"
        )
    elif judged == 0:
        found.append(
            f"In no epoch was any held-back image right under attack ({chosen_by(watch.history)}): the weights are "
            "those of the best clean accuracy"
        )
    if watch.overfitted is not None:
        found.append(
            f"Catastrophic overfitting in epoch {watch.overfitted + 1}: accuracy under PGD collapsed while that under "
            f"one step did not. The training was stopped; the weights are those of epoch {(watch.best_epoch or 0) + 1}"
        )
    if guard.epoch is not None:
        found.append(
            f"The loss became NaN or infinite in epoch {guard.epoch + 1}: the training was stopped; the weights are "
            f"those of epoch {(watch.best_epoch or 0) + 1}"
        )
    if failed:
        first = next(iter(failed.values()))
        found.append(f"{unread_images(len(failed), 'left out')}: {first}")
    return found


class _Counting(keras.callbacks.Callback):
    """Counts every step."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count."""
        self._steps.add()
