"""``tf_lowdef.harden``: train a classifier so that it keeps something behind a defence."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf_lowdef.data.image_data import ImageData
from tf_lowdef.defences import make_defence
from tf_lowdef.evaluation.judging.checks import clean_accuracy_warnings
from tf_lowdef.evaluation.models.opening import find_doubts, open_classifier, open_labelled
from tf_lowdef.evaluation.provenance import describe_identity
from tf_lowdef.jobs import Folder, open_run, working_folder
from tf_lowdef.jobs.progress import Progress, Steps, shown
from tf_lowdef.training.checkpoint import Checkpoint
from tf_lowdef.training.feeding import Feed, split
from tf_lowdef.training.guards import RobustValidation, StopOnNaN
from tf_lowdef.training.hardened import Hardened
from tf_lowdef.training.recipes import Recipe, parse_recipe
from tf_lowdef.training.trainer import AdversarialTrainer
from tf_lowdef.validation import check_flag, check_integer, check_number

MOST_VALIDATED = 500
"""Held-back images that are attacked after every epoch."""
WARMUP = 0.1
"""Share of the steps in which the learning rate rises; then it falls to nothing as half a cosine."""
WEIGHT_DECAY = 1e-4
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
        validation: The share of `data` that is held back; or other data, as `data` is given.
        bare: The share of each batch that is attacked and trained on without the defence. What is trained through a
            defence's approximate gradient alone learns to make that gradient useless.
        batch_size: Images in a step.
        learning_rate: The highest; it rises in the first tenth of the steps and falls to nothing, as half a cosine.
        optimizer: A ``keras.optimizers.Optimizer`` with settings of its own, instead of AdamW at `learning_rate`.
        shift: Training images are moved by up to so many pixels either way.
        mirror: Whether training images are mirrored left to right at random.
        from_scratch: Whether the model need not know anything yet. Otherwise one that is near chance on the images is
            refused: its labels or its range are wrong.
        seed: Of everything random.
        deterministic: Whether equal arguments give equal weights, also where the training was killed and went on. It
            makes TensorFlow deterministic in this whole process, which costs time.
        out: A new or empty folder for what is needed to go on; the same call with it, and the model as it was before,
            goes on where it stopped. None keeps nothing.
        input_range: What the model takes pixels as; see ``as_classifier``.
        outputs: What it gives; see there.
        labels: A file with the names of the classes.
        callbacks: More of ``keras.callbacks``; they find what `RobustValidation` measures in the logs.
        progress: Called with what is done, how many steps of it, and how many there are.

    Returns:
        The model and what the training was like.

    Raises:
        RunMismatchError: A ValueError: `out` holds another training.
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
        "learning_rate": check_number("learning_rate", learning_rate, 0, above=True),
        "bare": check_number("bare", bare, 0, 1),
        "shift": check_integer("shift", shift, 0),
        "mirror": check_flag("mirror", mirror),
        "from_scratch": check_flag("from_scratch", from_scratch),
        "deterministic": check_flag("deterministic", deterministic),
    }
    check_integer("seed", seed, 0, 2**31 - 1)
    chosen, method = make_defence(defence), recipe if isinstance(recipe, Recipe) else parse_recipe(recipe)
    if deterministic:
        keras.utils.set_random_seed(seed)
        tf.config.experimental.enable_op_determinism()
    classifier = open_classifier(model, data, input_range, outputs)
    images = _open(classifier, data, labels, input_range)
    if isinstance(validation, float | int):
        check_number("validation", validation, 0, 1, above=True)
        used, back = split(len(images), float(validation), seed)
        held = Feed(images, back[:MOST_VALIDATED], 1, seed)
    else:
        others = _open(classifier, validation, labels, input_range)
        used, held = list(range(len(images))), Feed(others, _some(len(others), seed), 1, seed)
    feed = Feed(images, used, batch_size, seed, shift, mirror)
    doubts = find_doubts(classifier, images)
    watched = held.read_all()
    if not from_scratch:
        _check_knows(classifier, *watched)
    trainer = AdversarialTrainer(classifier, method, defence=chosen, bare=bare, seed=seed)
    if deterministic:
        _seed_layers(trainer, seed)
    asked |= {"recipe": method.spec, "defence": chosen.name, "validated_on": len(watched[1])}
    if chosen.digest:
        asked["defence_sha256"] = chosen.digest
    if optimizer is not None:
        asked["optimizer"] = keras.saving.serialize_keras_object(optimizer)["config"]
    identity = describe_identity(classifier, None, images, asked, seed) | {"tool": "harden"}
    trainer.compile(optimizer or _optimizer(learning_rate, epochs * feed.steps), metrics=["accuracy"])
    guard, watch = StopOnNaN(), RobustValidation(*watched, seed=seed)
    with ExitStack() as exits:
        place = None if out is None else exits.enter_context(working_folder(out))
        store = None if place is None else exits.enter_context(open_run(place, identity))
        keep = Checkpoint(store, watch)
        over = keep.restore(trainer)
        if not over and keep.epochs < epochs:
            report = exits.enter_context(shown(progress or False))
            steps = Steps(report, "Training", epochs * feed.steps, keep.epochs * feed.steps)
            trainer.fit(
                feed.batches(keep.epochs, epochs),
                epochs=epochs,
                initial_epoch=keep.epochs,
                steps_per_epoch=feed.steps,
                shuffle=False,
                verbose=0,
                callbacks=[guard, watch, *callbacks, keep, _Counting(steps)],
            )
    if watch.best_epoch is None or watch.best_weights is None:
        raise ValueError(
            "The loss became NaN or infinite before the first epoch was done: take a lower learning rate. "
            f"Received: learning_rate={learning_rate:g}, recipe={method.spec}"
        )
    classifier.set_weights(watch.best_weights)
    warnings = doubts + _warnings(guard, watch, {**feed.failed, **held.failed})
    facts = {**asked, "trained_on": len(used), "seed": seed}
    return Hardened(model, classifier, method, chosen, keep.curves, watch.best_epoch, warnings, facts, watched)


def _open(classifier: Any, data: Any, labels: Any, input_range: Any) -> ImageData:
    images = open_labelled(classifier, data, labels, input_range)
    if len(images) < 2:
        raise ValueError(f"A training needs two images or more. Received: {len(images)}")
    return images


def _some(count: int, seed: int) -> list[int]:
    order = np.random.default_rng([seed, count]).permutation(count)
    return sorted(order[:MOST_VALIDATED].tolist())


def _check_knows(classifier: Any, images: Any, labels: Any) -> None:
    """Raise ValueError for a model that is near chance, or whose labels seem shifted."""
    logits = classifier.predict(images.astype(np.float32), batch_size=64, verbose=0)
    found = clean_accuracy_warnings(logits.argmax(axis=1), labels, logits.shape[1])
    if found:
        raise ValueError(
            f"{found[0]}. Of a model that knows nothing yet, say from_scratch=True, on the command line --from-scratch"
        )


def _seed_layers(trainer: Any, seed: int) -> None:
    """Let layers that draw in training, such as dropout, draw by the seed: they were made with seeds of their own."""
    states = [each for each in trainer.variables if each.name == _SEED_STATE]
    for number, state in enumerate(states):
        state.assign(np.array([seed, number], np.uint32))


def _optimizer(rate: float, steps: int) -> Any:
    rising = max(1, round(WARMUP * steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        rate / 20, max(1, steps - rising), alpha=0.0, warmup_target=rate, warmup_steps=rising
    )
    return keras.optimizers.AdamW(schedule, weight_decay=WEIGHT_DECAY)


def _warnings(guard: StopOnNaN, watch: RobustValidation, failed: dict[str, str]) -> list[str]:
    found = []
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
        found.append(f"{len(failed)} images could not be read and were left out: {first}")
    return found


class _Counting(keras.callbacks.Callback):
    """Counts every step."""

    def __init__(self, steps: Steps) -> None:
        super().__init__()
        self._steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count."""
        self._steps.add()
