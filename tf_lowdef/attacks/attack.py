"""The base of every attack: it owns what each must get right (box, epsilon, rounding, success, norms, batches)."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tf_lowdef.attacks.ball import Ball, ball_of
from tf_lowdef.attacks.batch import PaddedBatch, pad
from tf_lowdef.attacks.losses import cross_entropy, evaluate_loss, margin, target_cross_entropy, target_margin
from tf_lowdef.attacks.model_fn import Model, ModelFn, are_probabilities, as_model_fn
from tf_lowdef.attacks.randomness import draw_targets
from tf_lowdef.attacks.result import WHITE, AttackResult, Floats, Perturbed, join, l2_norms, linf_norms, of_no_images
from tf_lowdef.attacks.victim import as_victim, warn_of_images
from tf_lowdef.bounds import L2, LINF, Bound, check_bound, check_norm
from tf_lowdef.specs import format_value, parameters
from tf_lowdef.validation import (
    Labels,
    Pixels,
    check_images,
    check_integer,
    check_label_range,
    check_labels,
    check_targets,
)

Progress = Callable[[int, int], object]


class Unsaid(float):
    """An epsilon that nobody asked for."""


EPSILON = Unsaid(4)
"""The default in grey levels. In L2 there is none: what is usual depends on the images' size."""


class Attack(ABC):
    """An attack on the true label, or towards a target: a frozen dataclass with `run`, and a row in `spec.py`.

    Images are uint8 pixels before and after: floats are rounded first, and epsilon bounds the rounded result. The
    last short batch is padded to `batch_size`, so that an image meets the same compiled computation in any call.

    A targeted attack succeeds where the model predicts the target. The call names the targets, or they are drawn from
    the seed and the image among the wrong classes, all equally likely.

    Example:
        >>> from tf_lowdef.attacks import BIM, Attack
        >>> attack = BIM(epsilon=4, steps=20)
        >>> isinstance(attack, Attack), attack.name, attack.spec
        (True, 'bim', 'bim:4,steps=20')
        >>> attack.describe()["steps"], attack.describe()["epsilon"]
        (20, 4)
    """

    name: ClassVar[str]
    loss: ClassVar[str]
    minimal_norm: ClassVar[bool] = False
    """Whether the attack seeks the smallest perturbation rather than the best one within epsilon."""
    needs_logits: ClassVar[bool] = False
    needs_gradient: ClassVar[bool] = True

    @abstractmethod
    def run(self, model_fn: ModelFn, batch: PaddedBatch) -> Perturbed:
        """Attack one padded batch; called only where epsilon leaves room for a change.

        Args:
            model_fn: From float32 pixels to logits.
            batch: The images and their true labels.
        """

    def __call__(
        self,
        model: Model,
        images: npt.ArrayLike,
        labels: npt.ArrayLike,
        *,
        batch_size: int = 32,
        seed: int = 0,
        progress: Progress | None = None,
        targets: npt.ArrayLike | None = None,
    ) -> AttackResult:
        """Make adversarial images.

        Args:
            model: Any Keras model that `as_classifier` takes without being told more, or any callable on float32
                tensors, from pixels in [0, 255] to logits.
            images: uint8, or floats in [0, 255] (rounded first); shape (n, height, width, 3), RGB, or 1 for grey.
            labels: The true classes, 0-based indices of shape (n,) or (n, 1), or one-hot.
            batch_size: How many images are attacked at once; the last batch is padded to it.
            seed: A nonnegative integer. Random starts follow from it and from the image alone, not from its place.
            progress: Called with (images done, images in all) after every batch.
            targets: Integers, shape (n,), each another class than the label: where a targeted attack aims; None draws
                them from the seed and the image among the wrong classes.

        Returns:
            The result, image by image, in the order of `images`.

        Raises:
            TypeError: A dtype is wrong, or the model is not callable.
            ValueError: A shape, value or label is wrong, the model gives no gradient or has too few classes, or ends in
                a softmax where the attack needs logits; or `targets` are given and the attack is not targeted.
        """
        pixels = check_images("images", images)
        true = check_labels("labels", labels, len(pixels))
        check_integer("batch_size", batch_size, 1)
        check_integer("seed", seed, 0)
        aims = None if targets is None else check_targets("targets", targets, true)
        if aims is not None and not self.aims:
            raise ValueError(f"`targets` are for an attack with targeted=True. Received: {self.spec}")
        warn_of_images(type(self).__name__, images)
        model_fn = as_model_fn(as_victim(model, pixels, true))
        parts = []
        for start in range(0, len(pixels), batch_size):
            part = slice(start, start + batch_size)
            aim = None if aims is None else aims[part]
            parts.append(self._attack_batch(model_fn, pixels[part], true[part], aim, batch_size, seed, start == 0))
            if progress is not None:
                progress(min(start + batch_size, len(pixels)), len(pixels))
        return join(parts) if parts else of_no_images(pixels, self.minimal_norm, self.aims)

    def _attack_batch(
        self, model_fn: ModelFn, pixels: Pixels, labels: Labels, aims: Labels | None, size: int, seed: int, first: bool
    ) -> AttackResult:
        """Pad, attack, round and judge one batch."""
        n = len(pixels)
        padded, true = pad(pixels, size).astype(np.float32), pad(labels, size)
        logits = model_fn.logits(padded)
        if first:
            self._check_outputs(logits)
        check_label_range("labels", labels, logits.shape[1])
        if aims is not None:
            check_label_range("targets", aims, logits.shape[1])
        elif self.aims:
            aims = draw_targets(padded[:n], labels, logits.shape[1], seed)
        batch = PaddedBatch(padded, true, logits, np.arange(size) < n, seed, None if aims is None else pad(aims, size))
        found = self.run(model_fn, batch) if self.moves else _unchanged(batch)
        return self._judge(model_fn, batch, found, n)

    def _judge(self, model_fn: ModelFn, batch: PaddedBatch, found: Perturbed, n: int) -> AttackResult:
        """Round what was found for the first `n` images of a batch, and say what it is worth."""
        rounded = self._rounded(batch.pixels, found.images)
        logits = model_fn.logits(rounded)
        predictions = logits.argmax(axis=1)
        loss = cross_entropy if batch.targets is None else target_cross_entropy
        measure = margin if batch.targets is None else target_margin
        nonfinite = np.zeros(len(rounded), bool) if found.nonfinite_gradient is None else found.nonfinite_gradient
        values: dict[str, npt.NDArray[Any]] = {
            "images": rounded.astype(np.uint8),
            "success": batch.fooled(predictions),
            "predictions": predictions,
            "clean_predictions": batch.logits.argmax(axis=1),
            "l2": l2_norms(rounded - batch.pixels),
            "linf": linf_norms(rounded - batch.pixels),
            "steps": found.steps,
            "queries": found.queries,
            "zero_gradient": found.zero_gradient,
            "loss_start": evaluate_loss(loss, batch.logits, batch.labels, batch.aim),
            "loss_end": evaluate_loss(loss, logits, batch.labels, batch.aim),
            "margin_start": evaluate_loss(measure, batch.logits, batch.labels, batch.aim),
            "margin_end": evaluate_loss(measure, logits, batch.labels, batch.aim),
            "nonfinite_gradient": nonfinite,
        }
        if self.minimal_norm:
            values["float_success"] = batch.fooled(model_fn.logits(found.images).argmax(axis=1))
            values["float_l2"] = l2_norms(found.images - batch.pixels)
        if batch.targets is not None:
            values["targets"] = batch.targets
        return AttackResult(**{name: value[:n] for name, value in values.items()})

    def _rounded(self, clean: Floats, adversarial: Floats) -> Floats:
        """Return whole grey levels in the box, within epsilon of `clean` if the attack has one."""
        # Failed arithmetic must not become a pixel: where it is not finite, the clean pixel stays.
        finite: Floats = np.where(np.isfinite(adversarial), adversarial, clean)
        if self.epsilon is not None:
            return self.ball.rounded(clean, finite)
        nearest: Floats = np.clip(np.rint(finite), 0, WHITE).astype(np.float32)
        return nearest

    def _check_outputs(self, outputs: Floats) -> None:
        """Refuse or warn about a model that ends in a softmax."""
        if outputs.shape[1] < 2:
            raise ValueError(f"A classifier needs two outputs or more. Received: {outputs.shape[1]}")
        if outputs.shape[1] < self.fewest_classes:
            raise ValueError(
                f"The loss of {self.name} needs a model of {self.fewest_classes} classes or more. "
                f"Received: {outputs.shape[1]} outputs"
            )
        if not are_probabilities(outputs):
            return
        text = (
            "The model's outputs are nonnegative and sum to one: it ends in a softmax. Build it with "
            "classifier_activation=None, so that it returns logits"
        )
        if self.needs_logits:
            raise ValueError(f"{type(self).__name__} needs logits. {text}")
        warnings.warn(f"{text}; gradients through a softmax vanish and make it look robust.", UserWarning, stacklevel=4)

    def check_bound(self) -> None:
        """Check the parameters `norm`, which may be capitalised as anyone likes, and `epsilon`."""
        if any(field.name == "norm" for field in parameters(type(self))):
            object.__setattr__(self, "norm", check_norm(self.norm))
        if self.norm == L2 and isinstance(self.epsilon, Unsaid):
            raise ValueError(
                f"`epsilon` has to be said in L2, of images with pixels in [0, 1], such as {self.name}:l2:0.5"
            )
        if self.epsilon is not None:
            meant = check_bound(self.norm, self.epsilon)
            if meant != self.epsilon:  # otherwise it stays as it was given, unsaid or whole
                object.__setattr__(self, "epsilon", meant)

    @property
    def epsilon(self) -> float | None:
        """The bound of the perturbation, in Linf in grey levels, in L2 with pixels in [0, 1]; or None."""
        return None

    @property
    def norm(self) -> str:
        """``"Linf"`` or ``"L2"``; a parameter of attacks that work in both."""
        return LINF

    @property
    def bound(self) -> Bound | None:
        """Norm and epsilon, or None."""
        return None if self.epsilon is None else Bound(self.norm, self.epsilon)

    @property
    def ball(self) -> Ball:
        """What lies within the bound.

        Raises:
            ValueError: There is none.
        """
        if self.bound is None:
            raise ValueError(f"{self.spec} has no epsilon")
        return ball_of(self.bound)

    @property
    def aims(self) -> bool:
        """Whether the attack is a targeted one; those that can be have a parameter `targeted`."""
        targeted: bool = getattr(self, "targeted", False)
        return targeted

    @property
    def fewest_classes(self) -> int:
        """How many classes a model must have for the attack's loss to be defined."""
        return 2

    @property
    def moves(self) -> bool:
        """Whether the attack can change a pixel: epsilon 0 is the identity."""
        return self.epsilon is None or self.epsilon > 0

    @property
    def spec(self) -> str:
        """The attack as `parse_attack` reads it: its name, norm and epsilon, and what differs from the defaults."""
        head, rest = [self.name], []
        for field in parameters(type(self)):
            value = getattr(self, field.name)
            if field.name == "epsilon":
                head.append(format_value(value))
            elif value != field.default and field.name == "norm":
                head.insert(1, value.lower())
            elif value != field.default:
                rest.append(f"{field.name}={format_value(value)}")
        return ":".join(head) + ("," if len(head) > 1 else ":") * bool(rest) + ",".join(rest)

    def describe(self) -> dict[str, Any]:
        """Return what the attack is, for a report: plain values under the keys that every attack has."""
        return {
            "name": self.name,
            "spec": self.spec,
            "norm": self.norm,
            "epsilon": self.epsilon,
            "steps": getattr(self, "steps", 1),
            "step_size": getattr(self, "actual_step_size", None),
            "restarts": getattr(self, "restarts", 1),
            "loss": self.loss,
            "labels": "random target" if self.aims else "true",
        }


def _unchanged(batch: PaddedBatch) -> Perturbed:
    """Return the batch as it is."""
    nothing = np.zeros(len(batch.pixels), np.int64)
    return Perturbed(batch.pixels, nothing, nothing, np.zeros(len(batch.pixels), bool))
