"""What looks after a training: robust accuracy on held-back images after each epoch, and losses that are no numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks import FGSM, MPGD
from tf_lowdef.attacks.attack import Attack
from tf_lowdef.attacks.model_fn import as_model_fn
from tf_lowdef.attacks.victim import as_victim
from tf_lowdef.results.curves import CLEAN, NOISY, ONE_STEP, ROBUST, chosen_by
from tf_lowdef.training.fitted import check_pixels
from tf_lowdef.training.optimizers import refuse_averages
from tf_lowdef.validation import check_images, check_integer, check_labels, check_number

COLLAPSE = 0.2
"""By how much accuracy under PGD must fall below its best for catastrophic overfitting to be suspected."""
STAYS = 0.1
"""By how much accuracy under FGSM may have fallen meanwhile."""

DRAWS = 4
"""Of noise for each held-back image."""
STEPS = 10
"""Of PGD after each epoch: enough to tell a collapse, where one step does not."""

Weights = list[npt.NDArray[Any]]


def overfits(history: Mapping[str, Sequence[float]]) -> bool:
    """Return whether the last epoch shows catastrophic overfitting (Wong et al. 2020, section 5.4).

    Accuracy under PGD has fallen by more than `COLLAPSE` below its best, while that under one step has not followed.

    Args:
        history: `ROBUST` and `ONE_STEP`, each with one number an epoch.
    """
    robust, one_step = list(history.get(ROBUST, ())), list(history.get(ONE_STEP, ()))
    if len(robust) < 2:
        return False
    best = int(np.argmax(robust[:-1]))
    return robust[best] - robust[-1] > COLLAPSE and one_step[best] - one_step[-1] < STAYS


def is_whole(logs: Mapping[str, Any] | None) -> bool:
    """Return whether an epoch's loss is a finite number, as far as its logs tell."""
    return math.isfinite(float((logs or {}).get("loss", 0.0)))


class RobustValidation(keras.callbacks.Callback):
    """Attacks held-back images after every epoch of an :class:`AdversarialTrainer`, and keeps the best weights.

    It adds ``val_clean_accuracy``, ``val_fgsm_accuracy`` and ``val_pgd_accuracy`` to the logs, all behind the trainer's
    defence, for callbacks that stand behind it in the list: ``EarlyStopping(monitor="val_pgd_accuracy", mode="max")``;
    under a recipe of noise ``val_clean_accuracy`` and ``val_noise_accuracy``, since noisy images are what is certified.
    Where FGSM no longer fools a classifier that PGD fools, it has learnt to fool the attack that it is trained on; that
    is said, and the training stopped. At the end the weights of the best epoch are put back.

    Args:
        images: Pixels in [0, 255], shape (n, height, width, channels).
        labels: Class indices or one-hot.
        epsilon: L-infinity bound in grey levels; None takes the recipe's, and judges clean accuracy where it has none.
        restore_best: Whether to end with the weights of the best epoch.
        batch_size: Images at a time.
        seed: Of the attacks.

    Attributes:
        history: Each measure with one number an epoch. A further ``fit`` begins it anew, unless its ``initial_epoch``
            says that it goes on.
        best_epoch: The epoch of the best weights, 0-based; None before the first. Of epochs that are alike by the
            measure, that with the higher clean accuracy, then the later one, which was trained more.
        overfitted: The epoch in which catastrophic overfitting was seen, None if in none.

    Example:
        >>> import keras, numpy as np
        >>> from tf_lowdef.training import AdversarialTrainer, RobustValidation
        >>> images = np.random.default_rng(0).integers(0, 256, (64, 8, 8, 3), np.uint8)
        >>> labels = (images.mean(axis=(1, 2, 3)) > 127.5).astype(int)  # dark or bright
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)])

        >>> trainer = AdversarialTrainer(model, input_range=(0, 255))
        >>> watch = RobustValidation(images[:16], labels[:16])
        >>> trainer.compile("adam")
        >>> history = trainer.fit(images[16:], labels[16:], epochs=2, callbacks=[watch], verbose=0)
        >>> len(watch.history["val_pgd_accuracy"]), watch.best_epoch in (0, 1)
        (2, True)
    """

    def __init__(
        self,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        epsilon: float | None = None,
        *,
        restore_best: bool = True,
        batch_size: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_pixels("images", np.asarray(images))
        self.images = check_images("images", images)
        self.labels = check_labels("labels", labels, len(self.images))
        if epsilon is not None:
            check_number("epsilon", epsilon, 0, 255, above=True)
        self.batch_size = check_integer("batch_size", batch_size, 1)
        self.seed = check_integer("seed", seed, 0)
        self.epsilon = self._said_epsilon = epsilon
        self.restore_best = restore_best
        self.history: dict[str, list[float]] = {}
        self.best_epoch: int | None = None
        self.best_weights: Weights | None = None
        self.overfitted: int | None = None
        self._victim: Any = None
        self._trainer: Any = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Look at what is trained: a wrong range ends it here. Of another trainer nothing is known yet.

        Raises:
            RangeError: A ValueError: the classifier seems to take another range than [0, 255].
            ValueError: The optimizer averages weights, which `restore_best` would undo.
        """
        if self.restore_best:
            refuse_averages(self.model.optimizer)
        as_victim(self.model.classifier, self.images, self.labels)
        self._victim = self.model.attacked_classifier()
        if self._trainer not in (None, self.model):
            self._forget()
        self._trainer, self.overfitted = self.model, None
        self.epsilon = self.model.recipe.bound if self._said_epsilon is None else self._said_epsilon

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Begin anew with the first epoch; a training that goes on begins with a later one."""
        if epoch == 0:
            self._forget()

    def _forget(self) -> None:
        self.history, self.best_epoch, self.best_weights = {}, None, None

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Attack, remember, and stop where the training has gone wrong; an epoch without a finite loss is none."""
        if not is_whole(logs):
            return
        found = self.measure()
        for name, value in found.items():
            self.history.setdefault(name, []).append(value)
        if logs is not None:
            logs.update(found)
        *before, last = self._ranks()
        if self.best_epoch is None or last >= max(before, default=last):
            self.best_epoch, self.best_weights = epoch, self.model.classifier.get_weights()
        if self.overfitted is None and overfits(self.history):
            self.overfitted = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Any = None) -> None:
        """Put back the best weights."""
        if self.restore_best and self.best_weights is not None:
            self.model.classifier.set_weights(self.best_weights)

    @property
    def best(self) -> tuple[float, float]:
        """Clean accuracy and the monitored one of the best epoch, 0 to 1."""
        judged, clean = max(self._ranks())
        return clean, judged

    def _ranks(self) -> list[tuple[float, float]]:
        """Return what each epoch is chosen by."""
        return list(zip(self.history[chosen_by(self.history)], self.history[CLEAN], strict=True))

    @property
    def monitor(self) -> str:
        """The measure that the best epoch is chosen by."""
        if self.epsilon is not None:
            return ROBUST
        return CLEAN if self.model.recipe.deviation is None else NOISY

    def measure(self) -> dict[str, float]:
        """Return the share of the images that are classified correctly, clean and attacked, or under noise."""
        clean, deviation = {CLEAN: self._accuracy(FGSM(0.0))}, self.model.recipe.deviation
        if self.epsilon is None:
            return clean if deviation is None else clean | {NOISY: self._accuracy_under_noise(deviation)}
        return clean | {
            ONE_STEP: self._accuracy(FGSM(self.epsilon)),
            ROBUST: self._accuracy(MPGD(self.epsilon, steps=STEPS)),
        }

    def _accuracy(self, attack: Attack) -> float:
        found = attack(self._victim, self.images, self.labels, batch_size=self.batch_size, seed=self.seed)
        return float((found.predictions == self.labels).mean())

    def _accuracy_under_noise(self, deviation: float) -> float:
        model_fn, random, right = as_model_fn(self._victim), np.random.default_rng(self.seed), 0
        for start in range(0, len(self.images), self.batch_size):
            some, labels = (each[start : start + self.batch_size] for each in (self.images, self.labels))
            for _ in range(DRAWS):
                noisy = some + random.normal(scale=deviation, size=some.shape).astype(np.float32)
                right += int((model_fn.logits(noisy).argmax(axis=1) == labels).sum())
        return right / (DRAWS * len(self.images))


class StopOnNaN(keras.callbacks.Callback):
    """Stops where the loss is no finite number, and puts back the weights of the last whole epoch.

    It stands before :class:`RobustValidation`.

    Attributes:
        epoch: In which it happened, 0-based; None if it has not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: int | None = None
        self._now = 0
        self._whole: Weights | None = None

    def on_train_begin(self, logs: Any = None) -> None:
        """Keep the weights that the training begins with."""
        self._whole = self.model.classifier.get_weights()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Note the epoch."""
        self._now = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Look at the loss."""
        if not is_whole(logs):
            self.epoch = self._now
            self.model.stop_training = True
            self.model.classifier.set_weights(self._whole)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keep the weights, unless they are no numbers themselves."""
        if self.epoch is not None:
            return
        weights = self.model.classifier.get_weights()
        if all(np.isfinite(each).all() for each in weights if each.dtype.kind == "f"):
            self._whole = weights
        else:
            self.epoch = epoch
            self.model.stop_training = True
            self.model.classifier.set_weights(self._whole)
            if logs is not None:
                logs["loss"] = math.nan  # the callbacks behind this one see that the epoch was none
